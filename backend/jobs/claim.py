"""One writer at a time in a job folder, on any disk that several machines share, without a server or file locks.

    drawing/TOKEN/owner.json    who draws here; its time of change is the heartbeat
    drawing/TOKEN/0002.png      a drawing that is not published yet

The folder `drawing` is the claim. It appears by renaming a prepared folder, which only one of many can do. All that
its owner writes begins below his own TOKEN and is published from there by a rename or a link. Whoever takes over
moves that TOKEN away first, so a writer that was frozen or cut off and comes back finds its source gone, whatever
it was about to do: it can neither publish nor overwrite. No clocks are compared: a heartbeat is stale when the
one who waits has not seen it change for a while on his own clock. Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import platform
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..contract.record import Record, read_json
from ..errors import Cancelled, UserError

_log = logging.getLogger(__name__)

CLAIM_FOLDER = "drawing"
BEAT_SECONDS = 5.0
#: An owner whose heartbeat nobody saw change for so long has died, or is frozen or cut off.
STALE_SECONDS = 30.0

_OWNER_FILE = "owner.json"
_OWNER_BYTES = 65536
_SIDE_NAME = ".claim-"
_LOOK_SECONDS = 0.2
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.EACCES, errno.ENOENT)


class ClaimLost(Cancelled):
    """Somebody else has taken over, because we gave no sign of life for too long."""


class Claim:
    """The right to draw in a job folder, while it is held."""

    def __init__(self, folder: Path, token: str) -> None:
        #: Where unfinished work lies; exists as long as the claim is held.
        self.desk = folder / CLAIM_FOLDER / token
        self._lost = threading.Event()
        self._ended = threading.Event()

    def check(self) -> None:
        """Raise ClaimLost when the heartbeat found the claim gone: work that goes on would be thrown away."""
        if self._lost.is_set():
            raise ClaimLost

    @contextlib.contextmanager
    def fenced(self) -> Iterator[None]:
        """Around all writing on the desk: a file that is missing because the desk was taken is ClaimLost."""
        self.check()
        try:
            yield
        except FileNotFoundError:
            if self.desk.exists():
                raise
            raise ClaimLost from None

    def publish(self, name: str, target: Path) -> None:
        """Move a finished file from the desk to `target`, which must not exist: FileExistsError. Or ClaimLost."""
        with self.fenced():
            _rename_to_free(self.desk / name, target)

    def publish_over(self, name: str, target: Path) -> None:
        """Move a finished file from the desk to `target`, replacing what is there. Raises ClaimLost."""
        with self.fenced():
            (self.desk / name).replace(target)

    def beat(self) -> None:
        """Show that we live until the claim ends; runs in a thread of its own."""
        while not self._ended.wait(BEAT_SECONDS):
            try:
                os.utime(self.desk / _OWNER_FILE)
            except FileNotFoundError:
                self._lost.set()
                return
            except OSError:  # a disk that is away for a moment; if it stays away, writing will say so
                _log.debug("heartbeat failed", exc_info=True)

    def release(self) -> None:
        """Give the folder free. One who has lost the claim removes nothing of the new owner's."""
        self._ended.set()
        shutil.rmtree(self.desk, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.desk.parent.rmdir()


@contextlib.contextmanager
def claimed(
    folder: Path, waiting_for: Callable[[str], None], is_cancelled: Callable[[], bool] = lambda: False
) -> Iterator[Claim]:
    """Hold the claim on a job folder, after waiting for a living owner to end and taking over from a dead one.

    waiting_for: hears the owner's machine, once for each owner. Raises Cancelled, or OSError when the disk refuses.
    """
    claim = _acquire(folder, waiting_for, is_cancelled)
    threading.Thread(target=claim.beat, name="heartbeat", daemon=True).start()
    try:
        yield claim
    finally:
        claim.release()


def _acquire(folder: Path, waiting_for: Callable[[str], None], is_cancelled: Callable[[], bool]) -> Claim:
    seen, since, told = _Owner(), time.monotonic(), ""
    while (claim := _try(folder)) is None:
        owner = _look(folder)
        if owner != seen:
            seen, since = owner, time.monotonic()
        stale = time.monotonic() - since > STALE_SECONDS
        if owner.token and (stale or owner.is_dead()):
            _evict(folder, owner.token)
        elif stale:
            raise FileExistsError(errno.EEXIST, "“drawing” in it is no claim of ours", str(folder / CLAIM_FOLDER))
        elif is_cancelled():
            raise Cancelled
        else:
            if owner.token not in (told, ""):
                told = owner.token
                waiting_for(owner.host)
            time.sleep(_LOOK_SECONDS)
    for leftover in folder.glob(f"{_SIDE_NAME}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    return claim


def _try(folder: Path) -> Claim | None:
    """Return the claim if the folder was free."""
    token = uuid.uuid4().hex
    prepared = folder / f"{_SIDE_NAME}{token}"
    try:
        prepared.mkdir()
        (prepared / token).mkdir()
        me = {"machine": _machine(), "process": os.getpid(), "host": platform.node()}
        (prepared / token / _OWNER_FILE).write_text(json.dumps(me), encoding="utf-8")
        with contextlib.suppress(OSError):
            (folder / CLAIM_FOLDER).rmdir()  # an owner's last breath; one that is not empty stays
        prepared.rename(folder / CLAIM_FOLDER)
    except OSError as error:
        shutil.rmtree(prepared, ignore_errors=True)
        if error.errno in _TAKEN and folder.is_dir() and os.access(folder, os.W_OK):
            return None
        raise
    return Claim(folder, token)


@dataclass(frozen=True)
class _Owner:
    """Who holds a claim, as far as can be seen; `beat` is only ever compared with itself."""

    token: str = ""
    beat: int = 0
    machine: str = ""
    process: int = 0
    host: str = "another process"

    def is_dead(self) -> bool:
        """Whether it ran on this machine and certainly runs no more."""
        return bool(self.process) and self.machine == _machine() and not _is_running(self.process)


def _look(folder: Path) -> _Owner:
    """Return what can be seen of the owner now; no token while there is none, or it is just coming or going."""
    try:
        token = next((entry.name for entry in (folder / CLAIM_FOLDER).iterdir()), "")
    except OSError:
        token = ""
    try:
        # Opening, not only asking for the time: network disks answer from memory otherwise.
        sign = folder / CLAIM_FOLDER / token / _OWNER_FILE
        told = Record(read_json(sign, _OWNER_BYTES), _OWNER_FILE)
        beat = sign.stat().st_mtime_ns
        return _Owner(
            token, beat, told.text("machine", 1000), told.whole("process", 1, 2**31 - 1), told.text("host", 1000)
        )
    except (OSError, ValueError, UserError):
        return _Owner(token)


def _evict(folder: Path, token: str) -> None:
    """Take the claim away from a dead owner; of several who try, one succeeds."""
    away = folder / f"{_SIDE_NAME}{uuid.uuid4().hex}"
    try:
        (folder / CLAIM_FOLDER / token).rename(away)
    except OSError:  # somebody was faster; or, on Windows, the owner is frozen in the middle of writing a file
        time.sleep(_LOOK_SECONDS)
        return
    shutil.rmtree(away, ignore_errors=True)


def _rename_to_free(source: Path, target: Path) -> None:
    if os.name == "nt":
        source.rename(target)  # refuses a target that exists
        return
    try:
        os.link(source, target)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:  # a disk without links
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        source.rename(target)
    else:
        source.unlink(missing_ok=True)


def _machine() -> str:
    """Return what tells this running system, and on Linux this container, from all others."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return f"{platform.node()} {uuid.getnode():x}"


def _is_running(process: int) -> bool:
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        kernel.WaitForSingleObject.argtypes = (wintypes.HANDLE, wintypes.DWORD)
        kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
        handle = kernel.OpenProcess(0x0010_0000, False, process)  # SYNCHRONIZE
        if not handle:
            return ctypes.get_last_error() == 5  # it is there, but somebody else's
        try:
            return bool(kernel.WaitForSingleObject(handle, 0) == 0x102)  # WAIT_TIMEOUT: it has not ended
        finally:
            kernel.CloseHandle(handle)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    with contextlib.suppress(OSError):  # one that nobody has waited for yet is listed but dead
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return True
