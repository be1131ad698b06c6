"""What says that an environment is ready, and whether it still is.

The stamp is written after everything else and renamed into place in one step, so whoever sees it sees a proven
environment. It names its folder relative to itself and holds no absolute path but the interpreter's: the whole may
be moved. No time in it is ever compared with a clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ..contract.job import write_json
from ..contract.record import Record, read_json
from ..errors import UserError
from .plan import Level, Plan

_VERSION = 1
_STAMP_BYTES = 64 * 1024
_LIST_BYTES = 64 * 1024 * 1024
#: The fields of a stamp, in order.
_TEXTS = ("folder", "key", "interpreter", "python", "torch_build", "installer", "made_by")
#: Inside an environment: every file that was installed, with its size.
_LIST = "installed-files.json"


@dataclass(frozen=True)
class Stamp:
    """What a finished environment was made from.

    folder: its name beside the stamp. key: the plan's. interpreter: the Python it stands on, which must stay.
    python: that Python's version. torch_build: the one that was to be had. made_by: the add-on's version.
    """

    folder: str
    key: str
    interpreter: str
    python: str
    torch_build: str
    installer: str
    made_by: str


@dataclass(frozen=True)
class Standing:
    """Whether a level can be used. python: its interpreter, None when not. reason: why not, a sentence."""

    python: Path | None
    reason: str = ""
    stamp: Stamp | None = None


def python_in(folder: Path) -> Path:
    """Return where the Python of an environment lies."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def standing(home: Path, plan: Plan, *, thorough: bool = False) -> Standing:
    """Tell whether the environment of the plan's level is ready and still whole.

    Costs some reads of small files; `thorough` also looks at every installed file (a fraction of a second).
    """
    stamp = read_stamp(home, plan.level)
    if stamp is None:
        return Standing(None, "It is not installed yet.")
    folder = home / stamp.folder
    python = python_in(folder)
    if stamp.key != plan.key:
        return Standing(None, "This version of the add-on needs other packages.", stamp)
    if not Path(stamp.interpreter).is_file():
        return Standing(None, f"The Python {stamp.python} that it was built on is gone.", stamp)
    if not python.is_file() or not (folder / _LIST).is_file():
        return Standing(None, "Files of it are missing.", stamp)
    if thorough and (wrong := _first_wrong_file(folder)):
        return Standing(None, f"Its file “{wrong}” is missing or damaged.", stamp)
    return Standing(python, "", stamp)


def read_stamp(home: Path, level: Level) -> Stamp | None:
    """Return the stamp of a level, None when there is none that can be read."""
    try:
        record = Record(read_json(_path(home, level), _STAMP_BYTES), f"{level}.json")
        if record.whole("version", 0, 1000) != _VERSION:
            return None
        stamp = Stamp(*(record.text(name, 4096) for name in _TEXTS))
    except (OSError, ValueError, UserError):
        return None
    inside = Path(stamp.folder).name == stamp.folder and stamp.folder.startswith(f"{level}-")
    return stamp if inside else None


def stamp_of(folder: Path) -> Stamp | None:
    """Return the stamp that shows this very folder as ready, None when none does."""
    stamps = (read_stamp(folder.parent, level) for level in Level)
    return next((stamp for stamp in stamps if stamp and stamp.folder == folder.name), None)


def write_stamp(home: Path, level: Level, stamp: Stamp) -> None:
    """Show an environment as ready, in one step. Its files are listed first, for later checks."""
    folder = home / stamp.folder
    listed = dict(_installed_files(folder))
    (folder / _LIST).write_text(json.dumps(listed), encoding="utf-8")
    write_json(_path(home, level), {"version": _VERSION} | asdict(stamp))


def erase_stamp(home: Path, level: Level) -> None:
    """Take back that a level is ready."""
    _path(home, level).unlink(missing_ok=True)


def _path(home: Path, level: Level) -> Path:
    return home / f"{level}.json"


def _first_wrong_file(folder: Path) -> str:
    """Return the first installed file that is not as it was, "" when all are."""
    try:
        listed = read_json(folder / _LIST, _LIST_BYTES)
    except (OSError, ValueError):
        return _LIST
    if not isinstance(listed, dict):
        return _LIST
    there = dict(_installed_files(folder))
    return next((name for name, size in listed.items() if there.get(name) != size), "")


def _installed_files(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield every file below `folder` with its size, except what Python writes by itself."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = Path(parent) / name
            if path.suffix != ".pyc" and name != _LIST:
                with contextlib.suppress(OSError):
                    yield path.relative_to(folder).as_posix(), path.stat().st_size
