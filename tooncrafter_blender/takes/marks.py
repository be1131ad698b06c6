"""What the artist thinks of the drawings of a take, kept in its folder: standard library only.

    marks.json   kept, discarded, bad [frames], accepted [frames]

Marks change no drawing; whoever deletes the file loses opinions only.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from ...backend.contract.job import FRAME_MAX, FRAME_MIN, write_json
from ...backend.contract.record import Record, read_json
from ...backend.errors import UserError

_log = logging.getLogger(__name__)

_FILE = "marks.json"
_MOST_BYTES = 4 * 1024 * 1024
_MOST_FRAMES = 100_000


@dataclass(frozen=True)
class Marks:
    """kept: not to be discarded with the others. discarded: out of sight. bad: frames to be made again.

    accepted: frames that have become keys.
    """

    kept: bool = False
    discarded: bool = False
    bad: tuple[int, ...] = ()
    accepted: tuple[int, ...] = ()


def read_marks(folder: Path) -> Marks:
    """Return the marks in a take's folder; none where there is no file that can be read."""
    try:
        record = Record(read_json(folder / _FILE, _MOST_BYTES), _FILE)
        return Marks(
            record.flag("kept", False),
            record.flag("discarded", False),
            record.wholes("bad", FRAME_MIN, FRAME_MAX, _MOST_FRAMES, required=False),
            record.wholes("accepted", FRAME_MIN, FRAME_MAX, _MOST_FRAMES, required=False),
        )
    except (OSError, ValueError):
        return Marks()
    except UserError as error:
        _log.info("marks are passed over: %s", error)
        return Marks()


def write_marks(folder: Path, marks: Marks) -> None:
    """Write the marks; a folder that cannot be written to forgets them."""
    try:
        write_json(folder / _FILE, asdict(marks))
    except OSError as error:
        _log.warning("marks could not be written: %s", error)
