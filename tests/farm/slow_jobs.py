"""Jobs that take a while without depending on how any engine draws: holds of large noisy keys, slow to compress."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backend.contract.job import Canvas, Job, Picture, Segment, Settings, picture_name, write_job
from backend.pictures import write_picture

SIZE = (480, 320)


def make_slow_job(folder: Path, *, seed: int, frames: int = 12, size: tuple[int, int] = SIZE) -> Job:
    """Write a job of `frames` holds, each some 40 ms of work; another seed, other pictures."""
    (folder / "keys").mkdir(parents=True)
    last = frames + 2
    noise = np.random.default_rng(seed)
    for frame in (1, last):
        picture = noise.random((size[1], size[0], 4), np.float32)
        write_picture(folder / "keys" / picture_name(frame), picture)
    segment = Segment(
        Picture(1, f"keys/{picture_name(1)}"),
        Picture(last, f"keys/{picture_name(last)}"),
        tuple(range(2, last)),
    )
    job = Job(f"job-{seed}", "hold", Canvas(*size, 24.0), (segment,), Settings())
    write_job(folder, job)
    return job
