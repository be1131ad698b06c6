"""One drawing at a time on a device; others wait in the order in which they came."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import Cancelled, UserError

#: Whoever comes when so many wait is sent away.
MOST_WAITING = 16
_LOOK_SECONDS = 0.2


class Line:
    """Those who want to draw, one row for each device."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rows: dict[str, deque[object]] = defaultdict(deque)

    @contextmanager
    def place(self, device: str) -> Iterator[Place]:
        """Stand in the row of a device until the end of the block. Raises UserError("page-busy")."""
        ticket = object()
        with self._changed:
            row = self._rows[device]
            if len(row) > MOST_WAITING:
                raise UserError("page-busy", "Too many are waiting for their drawings.", "Try again in a minute.")
            row.append(ticket)
        try:
            yield Place(self._changed, row, ticket)
        finally:
            with self._changed:
                row.remove(ticket)
                self._changed.notify_all()


class Place:
    """A place in a row."""

    def __init__(self, changed: threading.Condition, row: deque[object], ticket: object) -> None:
        self._changed, self._row, self._ticket = changed, row, ticket

    def wait(self, is_cancelled: Callable[[], bool]) -> Iterator[int]:
        """Yield how many are before it whenever that changes, until it is its turn. Raises Cancelled."""
        told = 0
        while before := self._row.index(self._ticket):
            if is_cancelled():
                raise Cancelled
            if before != told:
                told = before
                yield before
            with self._changed:
                self._changed.wait(_LOOK_SECONDS)
