"""A dataset's index: which clips there are, where each came from, and what was left out and why.

A dataset is a folder: `index.json`, and for each clip a folder of numbered PNG pictures below `clips/`, already at
the model's size, that anybody can look at, correct or delete.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, cast

from ...contract.record import Record, read_json
from ...errors import UserError

VERSION = 1
INDEX = "index.json"
CLIPS = "clips"
#: What no index that was built here exceeds.
_MOST_BYTES, _MOST_CLIPS, _MOST_FRAMES, _MOST_PIXELS = 1024**3, 10_000_000, 10_000_000, 16_384
_LONGEST_TEXT = 100_000

Split = Literal["train", "held-out"]


@dataclass(frozen=True)
class ClipEntry:
    """One clip.

    name: of its folder. source: what it was cut from, relative to the folder of sources. first: its first frame
    there, from 0. frames: how many. fps: frames per second of its source. motion: see `filters.motion_of`. caption:
    what it shows, may be empty.
    """

    name: str
    source: str
    first: int
    frames: int
    fps: float
    motion: float
    caption: str
    split: Split


@dataclass(frozen=True)
class LeftOut:
    """A stretch that is not in the dataset, and why. frames: 0 for a whole file."""

    source: str
    first: int
    frames: int
    reason: str


@dataclass(frozen=True)
class Index:
    """The whole index. width, height: of every picture, in pixels."""

    width: int
    height: int
    clips: tuple[ClipEntry, ...]
    left_out: tuple[LeftOut, ...] = field(default=())

    def of(self, split: Split) -> tuple[ClipEntry, ...]:
        """Return the clips of one split."""
        return tuple(clip for clip in self.clips if clip.split == split)


def write_index(dataset: Path, index: Index) -> None:
    """Write the index; it appears complete or not at all."""
    temporary = dataset / f".{INDEX}.{os.getpid()}.part"
    text = json.dumps({"version": VERSION, **asdict(index)}, indent=1, ensure_ascii=False)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(dataset / INDEX)


def read_index(dataset: Path) -> Index:
    """Read a dataset's index.

    Raises UserError: "dataset-missing", "dataset-damaged" (unreadable, of another version, or clips without
    pictures).
    """
    path = dataset / INDEX
    rebuild = "Build it again with `tooncrafter dataset build`."
    try:
        said = Record(read_json(path, _MOST_BYTES), str(path))
        version = said.whole("version", 0, 2**31)
        if version != VERSION:
            raise UserError(
                "dataset-damaged", f"“{path}” has version {version}, and version {VERSION} is known here.", rebuild
            )
        return Index(
            width=said.whole("width", 8, _MOST_PIXELS),
            height=said.whole("height", 8, _MOST_PIXELS),
            clips=tuple(_clip(clip) for clip in said.records("clips", _MOST_CLIPS)),
            left_out=tuple(_left_out(part) for part in said.records("left_out", _MOST_CLIPS)),
        )
    except FileNotFoundError as error:
        raise UserError("dataset-missing", f"There is no dataset in “{dataset}”.", rebuild) from error
    except (OSError, ValueError) as error:
        raise UserError("dataset-damaged", f"“{path}” is no index of a dataset ({error}).", rebuild) from error
    except UserError as error:
        raise UserError("dataset-damaged", error.sentence, rebuild) from error


def _clip(said: Record) -> ClipEntry:
    name, split = said.text("name", 255), said.text("split", 20)
    if not re.fullmatch(r"\w[\w.-]*", name):
        said.refuse("name", "must be the name of a folder")  # it is looked for below the dataset, and nowhere else
    if split not in ("train", "held-out"):
        said.refuse("split", "must be train or held-out")
    return ClipEntry(
        name,
        said.text("source", _LONGEST_TEXT),
        said.whole("first", 0, _MOST_FRAMES),
        said.whole("frames", 1, _MOST_FRAMES),
        said.number("fps", 0.001, 100_000),
        said.number("motion", 0, 1e9),
        said.text("caption", _LONGEST_TEXT),
        cast(Split, split),
    )


def _left_out(said: Record) -> LeftOut:
    return LeftOut(
        said.text("source", _LONGEST_TEXT),
        said.whole("first", 0, _MOST_FRAMES),
        said.whole("frames", 0, _MOST_FRAMES),
        said.text("reason", _LONGEST_TEXT),
    )


def pictures_of(dataset: Path, clip: ClipEntry) -> list[Path]:
    """Return the clip's pictures in order.

    Raises UserError("dataset-damaged") when some are missing.
    """
    folder = dataset / CLIPS / clip.name

    def picture(number: int) -> Path:
        return folder / f"{number:04d}.png"

    if not picture(1).exists() or not picture(clip.frames).exists():
        raise UserError(
            "dataset-damaged",
            f"The clip “{clip.name}” of the dataset lacks some of its {clip.frames} pictures in “{folder}”.",
            "Build the dataset again with `tooncrafter dataset build`.",
        )
    return [picture(number) for number in range(1, clip.frames + 1)]
