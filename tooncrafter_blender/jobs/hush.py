"""Moments in which no thread of ours runs Python. Knows nothing of Blender.

While an operator runs, Blender lets other threads go on in Python. Up to Python 3.11 (Blender 4.5 and 5.0) it then
takes their hold of the interpreter for its own when it looks something up in a context that `temp_override` has
changed, and two threads work in Python at once: a crash, sooner or later. So operators are called without an
override, and one that needs it is called while the threads stand aside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

_turn = threading.Lock()


@contextmanager
def hush() -> Iterator[None]:
    """Have the threads stand aside for a moment; what they are told meanwhile waits in its pipe."""
    with _turn:
        yield


def standing_aside(work: Callable[_P, _R], *arguments: _P.args, **named: _P.kwargs) -> _R:
    """Do a piece of work in a thread, but not in such a moment; one that begins meanwhile waits for its end."""
    with _turn:
        return work(*arguments, **named)


def stand_aside() -> None:
    """In a thread that is at work for long: wait here for the end of such a moment."""
    with _turn:
        pass


@contextmanager
def at_work() -> Iterator[None]:
    """Work in a thread all through the block, but not in such a moment; what blocks is called `away`."""
    with _turn:
        yield


def away(wait: Callable[_P, _R], *arguments: _P.args, **named: _P.kwargs) -> _R:
    """Within `at_work`: call what waits for others, during which such a moment may come."""
    _turn.release()
    try:
        return wait(*arguments, **named)
    finally:
        _turn.acquire()


class Listening:
    """A stream as a thread reads it that stands aside in such moments, except while it waits for a line."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def __enter__(self) -> Listening:
        _turn.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        _turn.release()

    def readline(self, limit: int = -1) -> bytes:
        """Return the next line as the stream does; b"" at its end."""
        return away(self._stream.readline, limit)
