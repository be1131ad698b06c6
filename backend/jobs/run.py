"""A job: segments -> engine -> frames on disk, one complete file at a time.

Whatever happens, a frame that exists is whole, a later run of the same folder draws only what is missing, and of
several processes or machines on one folder one draws while the others wait (see `claim`).
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contract import messages
from ..contract.fingerprint import next_segment, previous_segment, segment_fingerprint
from ..contract.job import (
    FRAMES_FOLDER,
    PREVIEWS_FOLDER,
    RESULT_FILE,
    Job,
    Segment,
    Settings,
    folder_refused,
    frame_path,
    make_folder,
    picture_name,
    read_job,
    resolve,
)
from ..contract.job import Picture as KeyPicture
from ..contract.result import Caution, Result, SegmentResult, State, read_result, write_result
from ..contract.timing import time_of
from ..engines import ChecksJobs, Engine, Frame, Interval, Neighbour, Report, open_engine
from ..errors import Cancelled, UserError
from ..pictures import picture_size, read_fingerprint, read_guide, read_picture, sweep_pictures, write_picture
from .claim import Claim, ClaimLost, claimed

if TYPE_CHECKING:
    from ..engines import Lines, Picture

_log = logging.getLogger(__name__)

#: Frames that a changed job no longer matches are moved here, never deleted.
EARLIER_FOLDER = "earlier"

Listen = Callable[[messages.Event], None]


def run_job(
    folder: Path,
    listen: Listen = lambda event: None,
    is_cancelled: Callable[[], bool] = lambda: False,
    open_engine: Callable[[str], Engine] = open_engine,
) -> Result:
    """Draw every wanted frame of the job in `folder` that is not there yet, and return what was made.

    listen: hears stages, progress, finished frames and notices, in the calling thread.
    is_cancelled: asked at least once a step. open_engine: where engines come from; a worker keeps them loaded.
    Raises UserError or Cancelled after result.json says so; finished frames stay.
    """
    while True:
        job = read_job(folder)

        def waiting_for(host: str, job: Job = job) -> None:
            listen(messages.Stage(job.id, f"Waiting: {host} draws this job"))

        try:
            with claimed(folder, waiting_for, is_cancelled) as claim:
                return _run_claimed(_Run(folder, job, listen, is_cancelled, claim), open_engine)
        except ClaimLost:
            _log.warning("another process took this job over; waiting for what it makes of it")
        except OSError as error:
            raise _disk_refused(folder, error) from error


def _run_claimed(run: _Run, open_engine: Callable[[str], Engine]) -> Result:
    """Draw what is missing and return what was made; every failure is recorded and a UserError."""
    folder, job = run.folder, run.job
    try:
        _check_pictures(folder, job)
        run.draw(open_engine(job.engine))
    except ClaimLost:
        raise
    except Cancelled:
        run.record(State.CANCELLED)
        raise
    except UserError as error:
        run.record(State.FAILED, error)
        raise
    except MemoryError as error:
        raise run.failed(
            "out-of-memory", "There was not enough memory for pictures of this size.", error
        ) from error
    except OSError as error:
        refused = _disk_refused(folder, error)
        run.record(State.FAILED, refused)
        raise refused from error
    except (Exception, SystemExit) as error:  # also a library that would rather end the program
        _log.exception("engine failed")
        sentence = f"The {job.engine} engine stopped with an internal error: {type(error).__name__}: {error}."
        raise run.failed("engine-failed", sentence, error) from error
    run.record(State.DONE)
    return run.result


def _check_pictures(folder: Path, job: Job) -> None:
    """Refuse a job whose pictures are missing, unreadable or of another size, before any engine loads."""
    for segment in job.segments:
        for key in (segment.start, segment.end):
            _check_size(job, key.image, *picture_size(resolve(folder, key.image)))
            if key.lines:
                picture_size(resolve(folder, key.lines))
        for guide in segment.guides:
            picture_size(resolve(folder, guide.image))


def _check_size(job: Job, image: str, width: int, height: int) -> None:
    if (width, height) != (job.canvas.width, job.canvas.height):
        raise UserError(
            "picture-size",
            f"The picture “{image}” is {width} × {height} pixels, "
            f"but the canvas is {job.canvas.width} × {job.canvas.height}.",
            "Generate again to capture the keys anew.",
        )


def _disk_refused(folder: Path, error: OSError) -> UserError:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):  # Windows has no quota error
        return UserError(
            "disk-full",
            f"The disk with the job folder “{folder}” is full. All finished drawings are kept.",
            "Free some space, then retry: only the missing drawings are made.",
            bad_input=False,
        )
    return folder_refused(folder, error)


def _drawn_by(engine: Engine, interval: Interval, settings: Settings, report: Report) -> Iterator[Frame]:
    """Yield the wanted frames of an interval as the engine draws them; blank drawings need no colouring."""
    if settings.colouring:
        from ..colouring import without_blank

        interval, blank = without_blank(interval)
        yield from (Frame(time, picture) for time, picture in blank.items())
    if interval.times:
        yield from engine.inbetween(interval, settings, report)


@dataclass
class _Run:
    """One run of one job: what is done, and who is told."""

    folder: Path
    job: Job
    listen: Listen
    is_cancelled: Callable[[], bool]
    claim: Claim
    started: float = field(default_factory=time.monotonic)
    result: Result = field(init=False)

    def __post_init__(self) -> None:
        self.result = Result(self.job.id, State.RUNNING, self.job.engine, "", asdict(self.job.settings))
        self._total = len(self.job.wanted)
        self._made_before = 0
        self._previews = 0
        earlier = read_result(self.folder)
        self._earlier = earlier.segments if earlier else ()

        @lru_cache(maxsize=4)  # neighbouring segments share their keys
        def picture(image: str) -> Picture:
            read = read_picture(resolve(self.folder, image))
            # Again: a file may be replaced at any time, and a photograph lie on its side.
            _check_size(self.job, image, read.shape[1], read.shape[0])
            return read

        self.picture = picture

    def draw(self, engine: Engine) -> None:
        """Draw what is missing, segment by segment, recording each."""
        make_folder(self.folder, FRAMES_FOLDER)
        sweep_pictures(self.folder / FRAMES_FOLDER)
        known = {segment.fingerprint: segment for segment in self._earlier}
        self.result = replace(self.result, engine_version=engine.version)
        if isinstance(engine, ChecksJobs):
            engine.check(self.job)
        for index, segment in enumerate(self.job.segments):
            fingerprint = segment_fingerprint(self.folder, self.job, index, engine)
            missing = [frame for frame in segment.wanted if not self._keep(frame, fingerprint, segment.pinned)]
            self.result = replace(self.result, kept=self.result.kept + len(segment.wanted) - len(missing))
            record = known.get(fingerprint) or SegmentResult(segment.start.frame, segment.end.frame, fingerprint)
            record = replace(record, frames=segment.wanted)
            if missing:
                record = self._draw_segment(engine, index, tuple(missing), record)
            self.result = replace(self.result, segments=(*self.result.segments, record))
            self.record(State.RUNNING)

    def _keep(self, frame: int, fingerprint: str, pinned: Collection[int] = ()) -> bool:
        """Tell whether the frame exists and matches or is pinned; any other is moved out of the way."""
        path = frame_path(self.folder, frame)
        if not os.path.lexists(path):
            return False
        # A link is not ours: what it leads to may lie anywhere, or nowhere.
        is_drawing = path.is_file() and not path.is_symlink()
        if is_drawing and (frame in pinned or read_fingerprint(path) == fingerprint):
            return True
        for number in range(1, 1_000_000):
            place = self.folder / EARLIER_FOLDER / f"{number:03d}" / path.name
            if not os.path.lexists(place):
                self.claim.check()
                make_folder(self.folder, f"{EARLIER_FOLDER}/{number:03d}")
                path.rename(place)
                return False
        raise FileExistsError(errno.EEXIST, "too many earlier drawings", str(path))

    def _draw_segment(
        self, engine: Engine, index: int, missing: tuple[int, ...], record: SegmentResult
    ) -> SegmentResult:
        segment = self.job.segments[index]
        frame_at = {time_of(frame, segment): frame for frame in missing}
        report = _SegmentReport(self, index, segment, len(missing))
        report.stage("Looking at the keys")
        begun = time.monotonic()
        waiting = set(missing)
        self._made_before = self.result.made
        interval = self._interval(index, tuple(frame_at))
        for frame in _drawn_by(engine, interval, self.job.settings, report):
            number = frame_at.get(frame.time)
            if number is None or not self._fits(frame):
                raise RuntimeError(f"the engine drew an unasked picture: time {frame.time}, {frame.picture.shape}")
            self._publish(number, frame.picture, record.fingerprint)
            waiting.discard(number)
            report.check_cancelled()
        if waiting:
            raise RuntimeError(f"the engine left out the drawings at frames {sorted(waiting)}")
        return replace(
            record,
            seconds=round(record.seconds + time.monotonic() - begun, 3),
            warnings=tuple(report.cautions),
            notes=report.notes,
        )

    def _publish(self, number: int, picture: Picture, fingerprint: str) -> None:
        """Put a finished frame where everybody sees it; one that matches and came in meanwhile stays."""
        name, place = picture_name(number), frame_path(self.folder, number)
        with self.claim.fenced():
            write_picture(self.claim.desk / name, picture, fingerprint)
        while True:
            try:
                self.claim.publish(name, place)
            except FileExistsError:
                if self._keep(number, fingerprint):
                    self.result = replace(self.result, kept=self.result.kept + 1)
                    return
            else:
                self.result = replace(self.result, made=self.result.made + 1)
                self.listen(messages.FrameReady(self.job.id, number, f"{FRAMES_FOLDER}/{name}"))
                return

    def _fits(self, frame: Frame) -> bool:
        return frame.picture.shape == (self.job.canvas.height, self.job.canvas.width, 4)

    def _interval(self, index: int, times: tuple[float, ...]) -> Interval:
        segment = self.job.segments[index]
        size = (self.job.canvas.width, self.job.canvas.height)
        length = segment.end.frame - segment.start.frame

        def neighbour(key: KeyPicture) -> Neighbour:
            return Neighbour((key.frame - segment.start.frame) / length, self.picture(key.image))

        before, after = previous_segment(self.job, index), next_segment(self.job, index)
        return Interval(
            start=self.picture(segment.start.image),
            end=self.picture(segment.end.image),
            times=times,
            guides={
                time_of(guide.frame, segment): read_guide(resolve(self.folder, guide.image), size)
                for guide in segment.guides
            },
            before=neighbour(before.start) if before else None,
            after=neighbour(after.end) if after else None,
            start_lines=self._lines(segment.start),
            end_lines=self._lines(segment.end),
            anywhere=segment.start.stands_in and segment.end.stands_in,
        )

    def _lines(self, key: KeyPicture) -> Lines | None:
        size = (self.job.canvas.width, self.job.canvas.height)
        return read_guide(resolve(self.folder, key.lines), size) if key.lines else None

    def tell_progress(self, segment: int, step: int, of: int, drawing: int) -> None:
        """Pass on how far the segment is, with the time that the whole job still needs."""
        elapsed = time.monotonic() - self.started
        fraction = (self._made_before + drawing * step / max(1, of)) / max(1, self._total - self.result.kept)
        left = elapsed * (1 - fraction) / fraction if fraction > 0.02 else -1.0
        self.listen(messages.Progress(self.job.id, segment, step, of, round(max(left, -1.0), 1)))

    def show_preview(self, segment: int, pictures: Sequence[Picture]) -> None:
        """Put a sheet of half-made drawings beside the frames; nothing is lost if it cannot be written."""
        from ..previews import write_sheet

        self._previews += 1
        name = picture_name(self._previews)
        try:
            make_folder(self.folder, PREVIEWS_FOLDER)
            with self.claim.fenced():
                write_sheet(self.claim.desk / name, pictures)
            self.claim.publish_over(name, self.folder / PREVIEWS_FOLDER / name)
        except OSError:
            _log.warning("the preview could not be written", exc_info=True)
        else:
            self.listen(messages.Preview(self.job.id, segment, f"{PREVIEWS_FOLDER}/{name}"))

    def record(self, state: State, error: UserError | None = None) -> None:
        """Write result.json; a disk that refuses must not hide what went wrong before."""
        self.result = replace(self.result, state=state, seconds=round(time.monotonic() - self.started, 3))
        if error:
            self.result = replace(self.result, error=error.sentence, error_code=error.code, hint=error.hint)
        try:
            with self.claim.fenced():
                write_result(self.claim.desk, self._with_earlier())
            self.claim.publish_over(RESULT_FILE, self.folder / RESULT_FILE)
        except OSError:
            if state in (State.RUNNING, State.DONE):
                raise
            _log.exception("result.json could not be written")

    def _with_earlier(self) -> Result:
        """Return the result so far with what an earlier run told of the segments that this one has not reached."""
        reached = {segment.start for segment in self.result.segments}
        left = {segment.start.frame for segment in self.job.segments} - reached
        return replace(
            self.result, segments=(*self.result.segments, *(old for old in self._earlier if old.start in left))
        )

    def failed(self, code: str, sentence: str, cause: BaseException) -> UserError:
        """Record a failure that was not the person's doing, and return it."""
        hint = "All finished drawings are kept; retry makes the missing ones. Details are in the job's log.txt."
        error = UserError(code, sentence, hint, bad_input=False)
        _log.error("%s", sentence, exc_info=cause)
        self.record(State.FAILED, error)
        return error


class _SegmentReport:
    """The engine's ear: turns what it says of times into what people see of frames. Implements `engines.Report`."""

    def __init__(self, run: _Run, index: int, segment: Segment, drawing: int) -> None:
        self._run, self._index, self._segment, self._drawing = run, index, segment, drawing
        self._frames = {time_of(guide.frame, segment): guide.frame for guide in segment.guides} | {
            time_of(frame, segment): frame for frame in segment.wanted
        }
        self.cautions: list[Caution] = []
        self.notes: dict[str, Any] = {}

    def check_cancelled(self) -> None:
        self._run.claim.check()
        if self._run.is_cancelled():
            raise Cancelled

    def stage(self, name: str) -> None:
        self.check_cancelled()
        self._run.listen(messages.Stage(self._run.job.id, name))

    def progress(self, step: int, of: int) -> None:
        self.check_cancelled()
        self._run.tell_progress(self._index, step, of, self._drawing)

    def warn(self, sentence: str, *, time: float | None = None) -> None:
        frame = None if time is None else self._frames.get(time)
        self.cautions.append(Caution(sentence, frame))
        self._run.listen(messages.Notice(self._run.job.id, sentence, frame))

    def note(self, key: str, value: object) -> None:
        self.notes[key] = value

    def preview(self, pictures: Sequence[Picture]) -> None:
        self._run.show_preview(self._index, pictures)
