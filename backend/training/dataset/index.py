"""A dataset's index: which clips there are, where each came from, and what was left out and why.

A dataset is a folder: `index.json`, and for each clip a folder of numbered PNG pictures below `clips/`, already at
the model's size, that anybody can look at, correct or delete.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from ...errors import UserError

VERSION = 1
INDEX = "index.json"
CLIPS = "clips"

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
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["version"] != VERSION:
            raise UserError(
                "dataset-damaged",
                f"“{path}” has version {said['version']}, and version {VERSION} is known here.",
                rebuild,
            )
        return Index(
            width=int(said["width"]),
            height=int(said["height"]),
            clips=tuple(ClipEntry(**clip) for clip in said["clips"]),
            left_out=tuple(LeftOut(**part) for part in said["left_out"]),
        )
    except FileNotFoundError as error:
        raise UserError("dataset-missing", f"There is no dataset in “{dataset}”.", rebuild) from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError("dataset-damaged", f"“{path}” is no index of a dataset ({error}).", rebuild) from error


def pictures_of(dataset: Path, clip: ClipEntry) -> list[Path]:
    """Return the clip's pictures in order.

    Raises UserError("dataset-damaged") when some are missing.
    """
    folder = dataset / CLIPS / clip.name
    paths = [folder / f"{number:04d}.png" for number in range(1, clip.frames + 1)]
    if not paths[0].exists() or not paths[-1].exists():
        raise UserError(
            "dataset-damaged",
            f"The clip “{clip.name}” of the dataset lacks some of its {clip.frames} pictures in “{folder}”.",
            "Build the dataset again with `tooncrafter dataset build`.",
        )
    return paths
