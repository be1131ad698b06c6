"""One installer at a time: a lock on a file that the operating system takes back from whoever dies holding it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_ASK_AGAIN_SECONDS = 0.2


@contextmanager
def my_turn(file: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock on `file`. wait: called again and again while another holds it; may raise to give up."""
    with file.open("a+b") as stream:
        while not _take(stream.fileno()):
            wait()
            time.sleep(_ASK_AGAIN_SECONDS)
        try:
            yield
        finally:
            _give_back(stream.fileno())


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> bool:
        import os

        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _give_back(descriptor: int) -> None:
        import os

        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
else:
    import errno
    import fcntl

    #: What file systems answer that know no such lock; there, everybody has a turn.
    _NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in _NO_LOCKS
        return True

    def _give_back(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
