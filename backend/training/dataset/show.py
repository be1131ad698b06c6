"""What is in a dataset, in words and as a contact sheet."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from PIL import Image

from .index import Index, pictures_of, read_index

#: Frames of each clip, evenly spaced, and clips on a sheet at most.
_FRAMES, _MOST_CLIPS = 6, 40
_WIDTH = 160
_GAP = 2


def describe(dataset: Path) -> str:
    """Return lines for a person: how much there is, where it comes from, what was left out and why."""
    index = read_index(dataset)
    lines = [f"{dataset}: pictures of {index.width}×{index.height}"]
    for split in ("train", "held-out"):
        clips = index.of("train" if split == "train" else "held-out")
        seconds = sum(clip.frames / clip.fps for clip in clips)
        captions = sum(bool(clip.caption) for clip in clips)
        lines.append(
            f"{split:9} {len(clips)} clips, {sum(clip.frames for clip in clips)} frames, {seconds:.0f} s, "
            f"{captions} with a caption"
        )
    lines.append(f"left out  {len(index.left_out)} stretches")
    for reason, count in Counter(_kind(part.reason) for part in index.left_out).most_common():
        lines.append(f"{count:9} {reason}")
    return "\n".join(lines)


def details(dataset: Path) -> str:
    """Return one line for each clip and for each stretch that was left out."""
    index = read_index(dataset)
    lines = [
        f"{clip.name} {clip.split:9} {clip.frames:4} frames, motion {clip.motion:6.2f} ‰, "
        f"{clip.source} from frame {clip.first}{f': {clip.caption}' if clip.caption else ''}"
        for clip in index.clips
    ]
    lines += [
        f"left out  {part.frames:4} frames, {part.source} from frame {part.first}: {part.reason}"
        for part in index.left_out
    ]
    return "\n".join(lines)


def _kind(reason: str) -> str:
    return reason.split(" (")[0].split(":")[0].split(" over ")[0]


def write_sheet(dataset: Path, sheet: Path) -> None:
    """Write a picture with a row of frames for each clip, evenly chosen where there are many."""
    index = read_index(dataset)
    step = max(1, -(-len(index.clips) // _MOST_CLIPS))
    clips = index.clips[::step]
    height = max(1, round(_WIDTH * index.height / index.width))
    size = (_FRAMES * (_WIDTH + _GAP) - _GAP, len(clips) * (height + _GAP) - _GAP)
    whole = Image.new("RGB", size, "white")
    for row, clip in enumerate(clips):
        paths = pictures_of(dataset, clip)
        for column in range(_FRAMES):
            with Image.open(paths[column * (len(paths) - 1) // (_FRAMES - 1)]) as image:
                small = image.convert("RGB").resize((_WIDTH, height), Image.Resampling.LANCZOS)
            whole.paste(small, (column * (_WIDTH + _GAP), row * (height + _GAP)))
    sheet.parent.mkdir(parents=True, exist_ok=True)
    whole.save(sheet)


def summary(index: Index) -> str:
    """Return one sentence on what was built."""
    return (
        f"{len(index.clips)} clips ({len(index.of('held-out'))} held out), {len(index.left_out)} stretches left out"
    )
