"""A film in, a smoother film out: read the exposure sheet, draw between the drawings, put everything in its place.

Everything that is finished lies on disk, whole or absent, so a run that was killed goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.job import Settings, frame_path, picture_name
from ..contract.messages import Event, FrameReady, Notice
from ..errors import Cancelled, UserError
from ..film import MOVIE_ENDINGS, Film, Sound, check_movie_name, open_film, write_movie, write_sound
from ..jobs.run import run_job
from ..jobs.work_folder import work_beside
from ..pictures import read_fingerprint, read_picture, sweep_pictures, told_of_earlier, write_picture
from .camera import then, undone
from .exposure_sheet import Shot, read_sheet
from .keyed_jobs import KeyedJob, KeyWriter, plan_jobs
from .plan import Clock, Gap, gaps_of
from .sheet_file import read_sheet_file, write_sheet_file
from .stabilising import between_cameras, camera_at, moved, stands_still

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class SmoothRequest:
    """What is asked for.

    source: a movie, or a folder or list of pictures of which `source_rate` says how many are a second (default 24).
    frames: only these of it, (first, last) counted from 1; None: all.
    out: a movie by its ending, else a folder that receives 000001.png … rate: frames per second of the result, or
    None to multiply the film's own by `factor`. keep_work: leave the exposure sheet and the jobs for a look.
    """

    source: Path
    out: Path
    rate: Fraction | None = None
    factor: Fraction = Fraction(2)
    source_rate: Fraction | None = None
    frames: tuple[int, int] | None = None
    engine: str = "draft"
    settings: Settings = field(default_factory=Settings)
    overwrite: bool = False
    keep_work: bool = False


@dataclass(frozen=True)
class Smoothed:
    """What was made. drawn: new drawings; held: frames of the film that show the drawing before them."""

    frames: int
    rate: Fraction
    shots: int
    drawings: int
    drawn: int
    held: int


class Watch(Protocol):
    """Who is told how far it is."""

    def stage(self, name: str, steps: int) -> None:
        """A stage of so many steps begins; 0: not known how many."""

    def step(self, done: int) -> None:
        """So many steps of the stage are done."""

    def note(self, sentence: str) -> None:
        """Something could not be done as it should."""


def smooth(request: SmoothRequest, watch: Watch, is_cancelled: Callable[[], bool] = lambda: False) -> Smoothed:
    """Make the film smoother and return what was made.

    Raises UserError for a film that cannot be read or a result that would replace something, and Cancelled; both
    leave what is finished, and the same request again goes on from there.
    """
    film = open_film(request.source, request.source_rate, request.frames)
    rate = request.rate or film.rate * request.factor
    if rate <= film.rate / 4 or rate > 1000:
        raise UserError(
            "rate-invalid",
            f"A film of {float(film.rate):g} frames a second cannot be made into one of {float(rate):g}.",
        )
    work = _Work(request, film, rate, watch, is_cancelled)
    with work_beside(request.out, work.stamp[:16], keep=request.keep_work) as place:
        return work.run(place)


class _Work:
    """One film on its way."""

    def __init__(
        self, request: SmoothRequest, film: Film, rate: Fraction, watch: Watch, is_cancelled: Callable[[], bool]
    ) -> None:
        self._request, self._film, self._rate = request, film, rate
        self._watch, self._is_cancelled = watch, is_cancelled
        asked = [film.stamp, str(film.rate), str(rate), request.engine, asdict(request.settings)]
        #: The same for the same request.
        self.stamp = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        self._clock = Clock.of(film.rate, rate)
        self._to_movie = request.out.suffix.lower() in MOVIE_ENDINGS
        if request.out.suffix[1:].isalpha() and not request.out.is_dir():  # a folder may be called v1.2
            check_movie_name(request.out)

    def run(self, place: Path) -> Smoothed:
        """Do all that is not done yet. place: for what only this request uses."""
        self._refuse_replacing()
        if told := self._film.missing:
            self._watch.note(told)
        place.mkdir(parents=True, exist_ok=True)
        shots = self._sheet(place / "exposure_sheet.json")
        gaps = [gaps_of(shot, self._clock, self._film.rate) for shot in shots]
        jobs = plan_jobs(place / "jobs", zip(shots, gaps, strict=True))
        self._write_keys(jobs)
        self._draw(jobs)
        count = self._clock.smooth_frames(shots[-1].first + shots[-1].frames)
        self._deliver(_Reel(self._film, self._clock, shots, jobs), count, place)
        drawings = sum(len(shot.drawings) for shot in shots)
        drawn = sum(len(gap.wanted) for part in gaps for gap in part)
        held = sum(shot.frames for shot in shots) - drawings
        return Smoothed(count, self._rate, len(shots), drawings, drawn, held)

    def _refuse_replacing(self) -> None:
        """What is there and was not made by this very request stays."""
        out = self._request.out
        if self._request.overwrite or not out.exists():
            return
        foreign = [out] if self._to_movie or not out.is_dir() else self._foreign_pictures(out)
        if foreign:
            raise UserError(
                "output-exists",
                f"“{foreign[0]}” exists already; nothing was drawn.",
                "Choose another name with -o, or allow replacing with --overwrite.",
            )

    def _foreign_pictures(self, folder: Path) -> list[Path]:
        return [
            path for path in sorted(folder.glob("*.png"))[:1] if not read_fingerprint(path).startswith(self.stamp)
        ]

    def _sheet(self, path: Path) -> list[Shot]:
        shots = read_sheet_file(path)
        if shots is None:
            self._watch.stage("Reading the exposure sheet", self._film.count)
            shots = list(read_sheet(self._looking(_shown(frame) for frame in self._film.frames())))
            write_sheet_file(path, shots)
        return shots

    def _looking(self, frames: Iterator[Pixels]) -> Iterator[Pixels]:
        """Pass frames on, telling how many went by and stopping when the person cancels."""
        for number, frame in enumerate(frames):
            self._check_cancelled()
            yield frame
            self._watch.step(number + 1)

    def _check_cancelled(self) -> None:
        if self._is_cancelled():
            raise Cancelled

    def _write_keys(self, jobs: list[KeyedJob]) -> None:
        ticks_a_second = float(self._film.rate * self._clock.frame)
        writer = KeyWriter(jobs, self._clock, self._request.engine, self._request.settings, ticks_a_second)
        if writer.idle:
            return
        self._watch.stage("Taking out the keys", self._film.count)
        for number, frame in enumerate(self._looking(self._film.frames())):
            writer.see(number, frame)
            if writer.idle:
                return

    def _draw(self, jobs: list[KeyedJob]) -> None:
        total = sum(len(gap.wanted) for job in jobs for gap in job.gaps)
        self._watch.stage("Drawing", total)
        done = 0
        for job in jobs:
            drawn = 0

            def hear(event: Event, before: int = done) -> None:
                nonlocal drawn
                if isinstance(event, FrameReady):
                    drawn += 1
                    self._watch.step(before + drawn)
                elif isinstance(event, Notice):
                    self._watch.note(event.sentence)

            run_job(job.folder, hear, self._is_cancelled)
            done += sum(len(gap.wanted) for gap in job.gaps)
            self._watch.step(done)

    def _deliver(self, reel: _Reel, count: int, desk: Path) -> None:
        """Write the smoother film. desk: where files grow."""
        out = self._request.out
        self._watch.stage("Writing the film", count)
        if self._to_movie:
            sound = self._sound(count) if self._film.sound else None
            shown = (_shown(frame) for frame in self._looking(reel.frames(count)))
            write_movie(out, shown, self._rate, self._film.size, sound, desk, self._film.aspect)
            return
        out.mkdir(parents=True, exist_ok=True)
        sweep_pictures(out)
        finished = {
            number
            for number in range(count)
            if (path := out / _name(number)).exists() and read_fingerprint(path) == f"{self.stamp}:{number}"
        }
        for number, frame in enumerate(self._looking(reel.frames(count, finished))):
            if number not in finished:
                picture = frame.astype(np.float32) / np.float32(255)
                write_picture(out / _name(number), picture, f"{self.stamp}:{number}")
        if told := told_of_earlier(out, count):
            self._watch.note(told)
        if self._film.sound:
            write_sound(out / "sound.mka", self._sound(count), desk)

    def _sound(self, count: int) -> Sound:
        """Return what is heard while the frames are seen; all that there is, where the whole film was taken."""
        begin = self._film.first / self._film.rate
        return Sound(self._film.path, begin, None if self._film.last is None else count / self._rate)


@dataclass(frozen=True)
class _Reel:
    """The smoother film, frame after frame, made of the film and of what was drawn."""

    film: Film
    clock: Clock
    shots: list[Shot]
    jobs: list[KeyedJob]

    def frames(self, count: int, skip: set[int] | frozenset[int] = frozenset()) -> Iterator[Pixels]:
        """Yield `count` frames, (height, width, 4) uint8; for those to skip, anything of that size."""
        drawn = {tick: (job, gap) for job in self.jobs for gap in job.gaps for tick in gap.wanted}
        firsts = [shot.first for shot in self.shots]
        source = enumerate(self.film.frames())
        number, current = next(source)
        for smooth_number in range(count):
            tick = smooth_number * self.clock.smooth
            while number < tick // self.clock.frame and (following := next(source, None)) is not None:
                number, current = following
            if smooth_number in skip:
                yield current
                continue
            time = tick / self.clock.frame
            if found := drawn.get(tick):
                yield self._drawn(*found, tick, current, number)
            else:
                shot = self.shots[bisect_right(firsts, number) - 1]
                yield current if stands_still(shot) else moved(current, camera_at(shot, number, max(time, number)))

    def _drawn(self, job: KeyedJob, gap: Gap, tick: int, current: Pixels, number: int) -> Pixels:
        path = frame_path(job.folder, job.frame_of(tick))
        pixels: Pixels = np.rint(read_picture(path) * 255).astype(np.uint8)
        if stands_still(job.shot):
            return pixels
        time = tick / self.clock.frame
        from_start, _ = between_cameras(job.shot, gap.start, gap.end)
        to_now = then(undone(from_start), camera_at(job.shot, gap.start, time))
        return moved(pixels, to_now, current, camera_at(job.shot, number, time))


def _shown(frame: Pixels) -> Pixels:
    """Return RGB over white."""
    if (frame[..., 3] == 255).all():
        return np.ascontiguousarray(frame[..., :3])
    alpha = frame[..., 3:].astype(np.float32) / 255
    return np.rint(frame[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _name(number: int) -> str:
    return picture_name(number + 1).rjust(len("000000.png"), "0")
