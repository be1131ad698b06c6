"""What a frame was made from, as one hash: a finished frame is kept only if nothing it depends on has changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..engines import Engine
from .job import CONTRACT_VERSION, Job, Segment, resolve


def segment_fingerprint(folder: Path, job: Job, index: int, engine: Engine) -> str:
    """Return the fingerprint of segment number `index`: the same if and only if its frames would be the same.

    It covers engine and version, settings, keys, guides, easing, canvas and the neighbouring keys, but not which
    frames are wanted, so asking for more frames keeps those that exist.
    """
    segment = job.segments[index]
    parts: dict[str, Any] = {
        "contract": CONTRACT_VERSION,
        "engine": [engine.name, engine.version],
        "settings": asdict(job.settings),
        "canvas": [job.canvas.width, job.canvas.height],
        "easing": segment.easing,
        "chart": [segment.wanted, segment.spacing] if segment.spacing else None,
        "keys": [_picture(folder, key.frame, key.image) for key in (segment.start, segment.end)],
        "guides": [_picture(folder, guide.frame, guide.image) for guide in segment.guides],
        "neighbours": [
            [_picture(folder, key.frame, key.image) for key in (other.start, other.end)] if other else None
            for other in (previous_segment(job, index), next_segment(job, index))
        ],
    }
    if lines := [_picture(folder, key.frame, key.lines) for key in (segment.start, segment.end) if key.lines]:
        parts["lines"] = lines
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def previous_segment(job: Job, index: int) -> Segment | None:
    """Return the segment that ends on the key where segment `index` starts, if there is one that moves there."""
    other = job.segments[index - 1] if index > 0 else None
    return other if other and _moves(other) and _meeting(other, job.segments[index]) else None


def next_segment(job: Job, index: int) -> Segment | None:
    """Return the segment that starts on the key where segment `index` ends, if there is one that moves on."""
    other = job.segments[index + 1] if index + 1 < len(job.segments) else None
    return other if other and _moves(other) and _meeting(job.segments[index], other) else None


def _meeting(before: Segment, after: Segment) -> bool:
    """Tell whether two segments share a key. One that stands in for want of a better one is the end of a shot."""
    return before.end.frame == after.start.frame and not (before.end.stands_in or after.start.stands_in)


def _moves(segment: Segment) -> bool:
    """Tell whether anything moves: where a picture is held, a movement begins and ends at rest."""
    return segment.start.image != segment.end.image


def _picture(folder: Path, frame: int, image: str) -> list[int | str]:
    with resolve(folder, image).open("rb") as stream:
        return [frame, hashlib.file_digest(stream, "sha256").hexdigest()]
