"""Build a dataset: read every source once, cut it at shot boundaries, keep what is good, say what is not."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ...errors import UserError
from .filters import motion_of, why_left_out
from .index import CLIPS, ClipEntry, Index, LeftOut, Split, write_index
from .shots import Broken, Shot, shots_of
from .sources import Pixels, Source, UnreadableSourceError, find_sources, open_source


@dataclass(frozen=True)
class Wanted:
    """What the dataset is to be. width, height: of its pictures. shortest: fewest frames of a clip.

    held_out: share of the shots that is never trained on, 0..1. blender: command that starts Blender.
    """

    width: int
    height: int
    shortest: int = 16
    held_out: float = 0.05
    blender: str = "blender"


def build_dataset(
    sources: Path, dataset: Path, wanted: Wanted, report: Callable[[int, int, str], None] = lambda *_: None
) -> Index:
    """Build a dataset from everything in a folder and return its index.

    Sources that cannot be read are in the index's `left_out` with the reason, as is every stretch that the filters
    refuse. report: told how many sources of how many are done, and the name of the next.
    The folder appears complete or not at all. Raises UserError: "sources-missing", "dataset-exists",
    "dataset-empty" when nothing is left, "blender-missing".
    """
    if not sources.is_dir():
        raise UserError("sources-missing", f"There is no folder “{sources}”.", "Name the folder with the films.")
    if dataset.exists():
        raise UserError(
            "dataset-exists", f"“{dataset}” is there already.", "Name another folder, or delete that one first."
        )
    found = find_sources(sources)
    if not found:
        raise UserError(
            "sources-missing",
            f"In “{sources}” is nothing to cut clips from.",
            "It takes films, folders with numbered pictures, and .blend files with Grease Pencil shots.",
        )
    place = dataset.with_name(f".{dataset.name}.{os.getpid()}.part")
    try:
        (place / CLIPS).mkdir(parents=True)
        building = _Building(place, wanted)
        for done, source in enumerate(found):
            report(done, len(found), source.name)
            building.add(source)
        report(len(found), len(found), "")
        index = building.index()
        if not index.clips:
            reasons = sorted({part.reason for part in index.left_out})
            raise UserError(
                "dataset-empty",
                f"Nothing in “{sources}” is fit for training: {'; '.join(reasons[:3])}.",
                f"A clip needs at least {wanted.shortest} frames with motion between two cuts.",
            )
        write_index(place, index)
        place.rename(dataset)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return index


@dataclass
class _Building:
    """A dataset as it grows."""

    place: Path
    wanted: Wanted
    clips: list[ClipEntry] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, source: Source) -> None:
        try:
            reel = open_source(source, self.wanted.blender)
            for part in shots_of(reel):
                if isinstance(part, Broken):
                    self.left_out.append(LeftOut(source.name, part.first, 0, f"cannot be read: {part.reason}"))
                else:
                    self._add_shot(source, reel.fps, part)
        except UnreadableSourceError as error:
            self.left_out.append(LeftOut(source.name, 0, 0, f"cannot be read: {error}"))

    def _add_shot(self, source: Source, fps: float, shot: Shot) -> None:
        if len(shot.frames) < self.wanted.shortest:
            self._leave_out(source, shot, f"shorter than {self.wanted.shortest} frames")
            return
        if reason := why_left_out(shot.frames):
            self._leave_out(source, shot, reason)
            return
        name = f"{len(self.clips) + 1:06d}"
        folder = self.place / CLIPS / name
        folder.mkdir()
        for number, frame in enumerate(self._sized(shot.frames), start=1):
            Image.fromarray(frame).save(folder / f"{number:04d}.png", compress_level=1)
        self.clips.append(
            ClipEntry(
                name=name,
                source=source.name,
                first=shot.first,
                frames=len(shot.frames),
                fps=fps,
                motion=round(motion_of(shot.frames), 3),
                caption=source.caption,
                split=self._split(source, shot),
            )
        )

    def _leave_out(self, source: Source, shot: Shot, reason: str) -> None:
        self.left_out.append(LeftOut(source.name, shot.first, len(shot.frames), reason))

    def _sized(self, frames: list[Pixels]) -> Iterator[Pixels]:
        """Yield the frames scaled to cover the model's picture, and what sticks out cut off evenly."""
        width, height = self.wanted.width, self.wanted.height
        for frame in frames:
            scale = max(width / frame.shape[1], height / frame.shape[0])
            size = max(width, round(frame.shape[1] * scale)), max(height, round(frame.shape[0] * scale))
            way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
            scaled = frame if size == frame.shape[1::-1] else cv2.resize(frame, size, interpolation=way)
            left, top = (size[0] - width) // 2, (size[1] - height) // 2
            yield np.ascontiguousarray(scaled[top : top + height, left : left + width])

    def _split(self, source: Source, shot: Shot) -> Split:
        """Put whole shots on one side, by a hash of what they are: the same in every build of the same material."""
        return "held-out" if _place_of(source.name, shot.number) < self.wanted.held_out else "train"

    def index(self) -> Index:
        """Return the index; at least one clip is held out and at least one is trained on where there are two."""
        clips = self.clips
        if len(clips) > 1 and 0 < self.wanted.held_out < 1:
            ends: tuple[tuple[Split, Callable[..., ClipEntry]], ...] = (("held-out", min), ("train", max))
            for split, choose in ends:
                if not any(clip.split == split for clip in clips):
                    chosen = choose(clips, key=lambda clip: _place_of(clip.source, clip.first))
                    clips = [replace(clip, split=split) if clip is chosen else clip for clip in clips]
        return Index(self.wanted.width, self.wanted.height, tuple(clips), tuple(self.left_out))


def _place_of(source: str, number: int) -> float:
    """Return a number in 0..1 that only what it is called decides."""
    digest = hashlib.sha256(f"{source}\n{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
