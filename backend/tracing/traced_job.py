"""A job's finished in-betweens -> strokes in its folder, one complete file at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..colouring import flats_of, lines_of
from ..contract import messages
from ..contract.job import Job, folder_refused, frame_path, read_job, resolve
from ..contract.job import Picture as KeyPicture
from ..contract.strokes import Drawing, read_drawing, write_drawing
from ..errors import Cancelled, UserError
from ..machine.lasting_threads import THREADS, LastingThreads
from ..pictures import read_guide, read_picture
from .tracer import Tracer

Array = NDArray[Any]

#: Raised when the same picture would give other strokes.
_TRACER_VERSION = 1
#: So many keys, and so many in-betweens, are looked at for their colours.
_EXAMPLES = 6


def trace_job(
    folder: Path,
    listen: Callable[[messages.Event], None] = lambda event: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """Trace every in-between of the job that is drawn and not traced yet; return how many were traced now.

    listen: hears the stage and progress. is_cancelled: asked every few drawings. Raises UserError or Cancelled;
    finished strokes stay.
    """
    job = read_job(folder)
    sources = {frame: _fingerprint(path) for frame in job.wanted if (path := frame_path(folder, frame)).is_file()}
    missing = [frame for frame, source in sources.items() if not _is_traced(folder, frame, source)]
    if not missing:
        return 0
    listen(messages.Stage(job.id, "Tracing"))
    trace = _tracing_of_colours(folder, job, sources) if job.settings.colouring else _tracing(folder, job, sources)

    # numpy and OpenCV let other threads run while they calculate; a batch at a time keeps cancelling quick.
    with LastingThreads() as threads:
        for start in range(0, len(missing), THREADS):
            if is_cancelled():
                raise Cancelled
            for drawing in threads.map(trace, missing[start : start + THREADS]):
                try:
                    write_drawing(folder, drawing)
                except OSError as error:
                    raise folder_refused(folder, error) from error
            done = min(start + THREADS, len(missing))
            listen(messages.Progress(job.id, len(job.segments) - 1, done, len(missing)))
    return len(missing)


def _tracing(folder: Path, job: Job, sources: Mapping[int, str]) -> Callable[[int], Drawing]:
    """Return what traces the drawing at a frame, lines and all."""
    tracer = Tracer(_keys(folder, job), [_picture(frame_path(folder, frame)) for frame in _some(list(sources))])

    def trace(frame: int) -> Drawing:
        return tracer.trace(_picture(frame_path(folder, frame)), frame, sources[frame])

    return trace


def _tracing_of_colours(folder: Path, job: Job, sources: Mapping[int, str]) -> Callable[[int], Drawing]:
    """Return what traces the colours at a frame alone: the lines are there already, drawn by the artist."""
    guides = {guide.frame: guide.image for segment in job.segments for guide in segment.guides}
    size = (job.canvas.width, job.canvas.height)

    def lines(frame: int) -> Array:
        return read_guide(resolve(folder, guides[frame]), size)

    def flats(frame: int) -> Array:
        return flats_of(read_picture(frame_path(folder, frame)), lines(frame))

    def flats_of_key(key: KeyPicture) -> Array:
        picture = read_picture(resolve(folder, key.image))
        own = read_guide(resolve(folder, key.lines), size) if key.lines else lines_of(picture)
        return flats_of(picture, own)

    keys = {key.image: key for segment in job.segments for key in (segment.start, segment.end)}
    examples = [flats(frame) for frame in _some(list(sources))]
    tracer = Tracer([flats_of_key(key) for key in _some(list(keys.values()))], examples)

    def trace(frame: int) -> Drawing:
        return tracer.trace(flats(frame), frame, sources[frame], lines_above=1 - lines(frame))

    return trace


def _fingerprint(path: Path) -> str:
    return f"{_TRACER_VERSION}:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def _is_traced(folder: Path, frame: int, source: str) -> bool:
    try:
        return read_drawing(folder, frame).source == source
    except UserError:
        return False  # missing or damaged: it is traced anew


def _keys(folder: Path, job: Job) -> list[Array]:
    names = {key.image: None for segment in job.segments for key in (segment.start, segment.end)}
    return [_picture(resolve(folder, name)) for name in _some(list(names))]


def _some(items: Sequence[Any]) -> list[Any]:
    """Return a few items, evenly spread."""
    chosen = np.unique(np.linspace(0, len(items) - 1, min(len(items), _EXAMPLES)).round().astype(int))
    return [items[index] for index in chosen]


def _picture(path: Path) -> Array:
    return np.rint(read_picture(path) * 255).astype(np.uint8)
