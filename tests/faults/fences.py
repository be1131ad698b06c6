"""Limits around hostile input: nothing outside of a folder may be touched, and nothing may take for ever."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Of the processor: a machine that is busy with other things makes no input look stuck.
LONGEST_SECONDS = 60


class Stuck(BaseException):
    """An input that took too long; no handler for ordinary errors catches it."""


class _Fence:
    """Python's audit hook cannot be taken away again, so there is one, which looks only while a fence stands."""

    def __init__(self) -> None:
        self.inside: str | None = None
        self.secret = ""
        self.crossed: list[str] = []
        self._busy = threading.local()

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.inside is None or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            for path, writes in _touched(event, arguments):
                real = os.path.realpath(os.fsdecode(path))
                if (writes and not real.startswith(self.inside)) or real.startswith(self.secret):
                    self.crossed.append(f"{event} {real}")
        finally:
            self._busy.now = False


def _touched(event: str, arguments: tuple[Any, ...]) -> Iterator[tuple[Any, bool]]:
    """Yield the paths that an audited event touches, and whether it may change what is there."""
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        yield arguments[0], bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    elif event in ("os.rename", "os.link", "os.symlink"):
        # A link that is itself moved or made is judged by the folder that it lies in.
        yield from ((Path(os.fsdecode(path)).parent, True) for path in arguments[:2])
    elif event in ("os.remove", "os.rmdir", "os.mkdir"):
        folder = arguments[-1]  # a whole tree is removed by names within folders that are open
        base = Path(f"/proc/self/fd/{folder}" if folder != -1 else ".")
        yield (base / os.fsdecode(arguments[0])).parent, True
    elif event in ("os.truncate", "os.chmod", "os.utime") and not isinstance(arguments[0], int):
        yield arguments[0], True


_fence = _Fence()
sys.addaudithook(_fence.hook)


@contextmanager
def fenced(inside: Path, secret: Path) -> Iterator[None]:
    """Fail if anything outside of `inside` is changed, anything in `secret` opened, or it computes for a minute.

    What waits for ever without computing is ended by the time limit of its test.
    """

    def stuck(number: int, frame: object) -> None:
        raise Stuck(f"it took more than {LONGEST_SECONDS} s")

    before = signal.signal(signal.SIGPROF, stuck)
    sys.dont_write_bytecode, written = True, sys.dont_write_bytecode  # of what is imported only now
    signal.setitimer(signal.ITIMER_PROF, LONGEST_SECONDS)
    _fence.crossed.clear()
    _fence.secret, _fence.inside = os.path.realpath(secret), os.path.realpath(inside)
    try:
        yield
    finally:
        _fence.inside = None
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        sys.dont_write_bytecode = written
    assert not _fence.crossed, _fence.crossed
