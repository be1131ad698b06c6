"""Unfinished work beside its result: on the same disk, found again by the same request, gone when all is done."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import UserError


def stamp_of(asked: object, files: Iterable[Path]) -> str:
    """Return 16 letters that two requests share only when they ask the same of the same files.

    Files are the same by name, size and time. asked: what else makes the result, told by its `repr`.
    Raises OSError for a missing file.
    """
    digest = hashlib.sha256(repr(asked).encode())
    for path in files:
        facts = path.stat()
        digest.update(f"{path.name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def work_beside(out: Path, stamp: str, *, keep: bool = False) -> Iterator[Path]:
    """Yield the folder for the work on `out`, which need not exist; remove it when the work ends well.

    stamp: the same for the same request, so that requests never mix. keep: leave the folder for a look.
    Raises UserError("output-not-writable") when the disk refuses; what is finished stays then.
    """
    place = out.with_name(f"{out.name}_work") / stamp
    try:
        yield place
    except OSError as error:
        raise UserError(
            "output-not-writable",
            f"“{out}” cannot be written: {error.strerror or error}. What is finished is kept.",
            "Free some space or choose another place, then run the same again.",
            bad_input=False,
        ) from error
    else:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)
    finally:
        # What is finished stays when the work did not end well, and what another request is still working on.
        with contextlib.suppress(OSError):
            place.rmdir()
        with contextlib.suppress(OSError):
            place.parent.rmdir()
