"""The jobs of a film: its drawings as keys, what lies between them as in-betweens, some hundred frames a job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.job import JOB_FILE, KEYS_FOLDER, Canvas, Job, Picture, Segment, Settings, new_id, write_job
from ..pictures import write_picture
from .exposure_sheet import Shot
from .plan import Clock, Gap
from .stabilising import between_cameras, moved, stands_still

#: A job holds at most so many gaps: little is read again when one is resumed, and farms have something to share.
_MOST_GAPS = 100


@dataclass(frozen=True)
class KeyedJob:
    """A job folder to be, and where its keys come from. origin: the tick of the film that is the job's frame 0."""

    folder: Path
    shot: Shot
    gaps: tuple[Gap, ...]
    origin: int

    def frame_of(self, tick: int) -> int:
        """Return the job's frame number at a tick of the film."""
        return tick - self.origin


def plan_jobs(place: Path, shots: Iterable[tuple[Shot, tuple[Gap, ...]]]) -> list[KeyedJob]:
    """Divide what is to be drawn into jobs below `place`."""
    jobs: list[KeyedJob] = []
    for shot, gaps in shots:
        for begin in range(0, len(gaps), _MOST_GAPS):
            part = gaps[begin : begin + _MOST_GAPS]
            jobs.append(KeyedJob(place / f"{len(jobs) + 1:05d}", shot, part, part[0].leave))
    return jobs


class KeyWriter:
    """Writes the keys of all jobs while the film runs by once, and each job when its last key is there."""

    def __init__(self, jobs: Iterable[KeyedJob], clock: Clock, engine: str, settings: Settings, fps: float) -> None:
        self._clock, self._engine, self._settings, self._fps = clock, engine, settings, fps
        #: Frame of the film -> what is written when it has been seen.
        self._due: dict[int, list[tuple[KeyedJob, Gap]]] = defaultdict(list)
        self._last: dict[int, list[KeyedJob]] = defaultdict(list)
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._needed_until: dict[int, int] = {}
        for job in jobs:
            if (job.folder / JOB_FILE).exists():
                continue
            for gap in job.gaps:
                self._due[gap.end].append((job, gap))
                self._needed_until[gap.start] = max(gap.end, self._needed_until.get(gap.start, 0))
            self._last[job.gaps[-1].end].append(job)

    @property
    def idle(self) -> bool:
        """Whether every job is there already."""
        return not self._due

    def see(self, number: int, frame: NDArray[np.uint8]) -> None:
        """Take in frame `number` of the film, (height, width, 4) uint8."""
        if number in self._needed_until:
            self._kept[number] = frame
        for job, gap in self._due.pop(number, ()):
            self._write_keys(job, gap, frame)
        for job in self._last.pop(number, ()):
            self._write_job(job, frame.shape)
        for start in [start for start, end in self._needed_until.items() if end <= number]:
            del self._needed_until[start]
            self._kept.pop(start, None)

    def _write_keys(self, job: KeyedJob, gap: Gap, end: NDArray[np.uint8]) -> None:
        (job.folder / KEYS_FOLDER).mkdir(parents=True, exist_ok=True)
        start = self._kept[gap.start]
        if not stands_still(job.shot):
            there, back = between_cameras(job.shot, gap.start, gap.end)
            start, end = moved(start, there, end, back), moved(end, back, start, there)
        for name, pixels in zip(_key_names(job, gap), (start, end), strict=True):
            path = job.folder / name
            if not path.exists():
                write_picture(path, pixels.astype(np.float32) / np.float32(255))

    def _write_job(self, job: KeyedJob, shape: tuple[int, ...]) -> None:
        segments = []
        for gap in job.gaps:
            start, end = _key_names(job, gap)
            segments.append(
                Segment(
                    Picture(job.frame_of(gap.leave), start),
                    Picture(job.frame_of(gap.end * self._clock.frame), end),
                    tuple(job.frame_of(tick) for tick in gap.wanted),
                )
            )
        canvas = Canvas(shape[1], shape[0], self._fps)
        write_job(job.folder, Job(new_id(), self._engine, canvas, tuple(segments), self._settings))


def _key_names(job: KeyedJob, gap: Gap) -> tuple[str, str]:
    """A drawing is one key for both its sides, unless the camera's move was taken out differently for each."""
    if stands_still(job.shot):
        return f"{KEYS_FOLDER}/{gap.start:06d}.png", f"{KEYS_FOLDER}/{gap.end:06d}.png"
    return f"{KEYS_FOLDER}/{gap.start:06d}_out.png", f"{KEYS_FOLDER}/{gap.end:06d}_in.png"
