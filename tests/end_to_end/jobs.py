"""Jobs to run in tests: a coloured ball that rolls from key to key."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from backend.contract.job import Canvas, Job, Picture, Segment, Settings, picture_name, write_job
from backend.pictures import write_picture

WIDTH, HEIGHT = 96, 64


def ball(x: float, y: float = 32, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A red ball of radius 14 with a dark outline on transparent ground, anti-aliased, as a float RGBA picture."""
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(columns - x, rows - y)
    picture = np.zeros((height, width, 4), np.float32)
    inside = np.clip(12.5 - distance, 0, 1)[..., None]
    picture[..., :3] = np.float32([0.9, 0.2, 0.2]) * inside + np.float32([0.1, 0.1, 0.15]) * (1 - inside)
    picture[..., 3] = np.clip(14.5 - distance, 0, 1)
    return picture


def make_job(
    folder: Path,
    keys: tuple[int, ...] = (1, 5, 9),
    *,
    engine: str = "draft",
    settings: Settings | None = None,
    guides: tuple[int, ...] = (),
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Job:
    """Write a job folder with a key picture at every frame of `keys` and everything between wanted."""
    (folder / "keys").mkdir(parents=True)
    (folder / "guides").mkdir()
    for index, frame in enumerate(keys):
        x = size[0] * (0.25 + 0.5 * index / (len(keys) - 1))
        write_picture(folder / "keys" / picture_name(frame), ball(x, size[1] / 2, *size))
    for frame in guides:
        write_picture(folder / "guides" / picture_name(frame), np.ones((size[1], size[0], 4), np.float32))
    segments = tuple(
        Segment(
            Picture(start, f"keys/{picture_name(start)}"),
            Picture(end, f"keys/{picture_name(end)}"),
            tuple(range(start + 1, end)),
            tuple(Picture(frame, f"guides/{picture_name(frame)}") for frame in guides if start < frame < end),
        )
        for start, end in pairwise(keys)
    )
    job = Job("job-1", engine, Canvas(*size, 24.0), segments, settings or Settings())
    write_job(folder, job)
    return job


def frames_of(folder: Path) -> dict[str, bytes]:
    """The finished frames by name, as bytes."""
    return {path.name: path.read_bytes() for path in sorted((folder / "frames").glob("*.png"))}
