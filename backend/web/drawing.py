"""From what is on the page to in-betweens: a job like any other, whose drawings are shown as they come."""

from __future__ import annotations

import queue
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..contract import messages
from ..contract.job import (
    GUIDES_FOLDER,
    KEYS_FOLDER,
    Canvas,
    Easing,
    Job,
    Picture,
    Segment,
    Settings,
    frame_path,
    new_id,
    picture_name,
    write_job,
)
from ..errors import Cancelled, UserError
from ..jobs.run import run_job
from ..pictures import fit_picture, lines_picture, read_guide, read_picture, write_picture
from ..previews import write_video

#: The page is for a look, not for a feature film.
MOST_INBETWEENS = 60


@dataclass(frozen=True)
class Wish:
    """What is on the page. guide: picture file of strokes on clear ground, at `guide_at` (0..1), or None."""

    start: Path
    end: Path
    count: int
    guide: Path | None = None
    guide_at: float = 0.5
    easing: Easing = Easing.LINEAR
    engine: str = "draft"
    settings: Settings = field(default_factory=Settings)
    fps: float = 12.0


@dataclass(frozen=True)
class Look:
    """How far it is. pictures: finished drawings in order, keys included. preview: a sheet of half-made ones."""

    stage: str
    done: int
    pictures: tuple[Path, ...] = ()
    preview: Path | None = None
    warnings: tuple[str, ...] = ()


def write_wish(wish: Wish, folder: Path) -> Job:
    """Check what was uploaded by the rules for all job pictures, and write the job.

    The end key is fitted into the size of the start key. Raises UserError naming what cannot be used.
    """
    if not 1 <= wish.count <= MOST_INBETWEENS:
        raise UserError("count-invalid", f"Between 1 and {MOST_INBETWEENS} in-betweens can be drawn here.")
    start, end = read_picture(wish.start), read_picture(wish.end)
    size = start.shape[1], start.shape[0]
    if end.shape != start.shape:
        end = fit_picture(end, size)
    for name in (KEYS_FOLDER, GUIDES_FOLDER):
        (folder / name).mkdir()
    last = wish.count + 2
    keys = Picture(1, f"{KEYS_FOLDER}/{picture_name(1)}"), Picture(last, f"{KEYS_FOLDER}/{picture_name(last)}")
    for key, picture in zip(keys, (start, end), strict=True):
        write_picture(folder / key.image, picture)
    guides: tuple[Picture, ...] = ()
    if wish.guide is not None:
        lines = read_guide(wish.guide, size)
        if float(lines.min()) < 0.5:
            at = min(max(2, 1 + round(wish.guide_at * (last - 1))), last - 1)
            guides = (Picture(at, f"{GUIDES_FOLDER}/{picture_name(at)}"),)
            write_picture(folder / guides[0].image, lines_picture(lines))
    segment = Segment(*keys, tuple(range(2, last)), guides, wish.easing)
    job = Job(new_id(), wish.engine, Canvas(*size, wish.fps), (segment,), wish.settings)
    write_job(folder, job)
    return job


def draw(wish: Wish, folder: Path, is_cancelled: Callable[[], bool]) -> Iterator[Look]:
    """Draw what is wished in `folder`, yielding how far it is; the last look has every picture.

    Raises UserError and Cancelled.
    """
    job = write_wish(wish, folder)
    events: queue.Queue[messages.Event | BaseException | None] = queue.Queue()

    def run() -> None:
        try:
            run_job(folder, events.put, is_cancelled)
        except BaseException as error:
            events.put(error)
        else:
            events.put(None)

    thread = threading.Thread(target=run, name="drawing", daemon=True)
    thread.start()
    stage, preview, warnings = "Looking at the keys", None, list[str]()
    while (event := events.get()) is not None:
        match event:
            case Cancelled() | UserError():
                raise event
            case BaseException():
                raise UserError("engine-failed", "The drawing stopped with an internal error.") from event
            case messages.Stage(_, name):
                stage = name
            case messages.Notice(_, sentence, _):
                warnings.append(sentence)
            case messages.Preview(_, _, path):
                preview = folder / path
            case messages.FrameReady():
                pass
            case _:
                continue
        yield Look(stage, _finished(job, folder), _pictures(job, folder), preview, tuple(warnings))
    yield Look("Done", _finished(job, folder), _pictures(job, folder), None, tuple(warnings))


def _finished(job: Job, folder: Path) -> int:
    return sum(frame_path(folder, frame).exists() for frame in job.wanted)


def _pictures(job: Job, folder: Path) -> tuple[Path, ...]:
    segment = job.segments[0]
    drawn = [path for frame in job.wanted if (path := frame_path(folder, frame)).exists()]
    return (folder / segment.start.image, *drawn, folder / segment.end.image)


def keep(pictures: tuple[Path, ...], folder: Path, fps: float) -> dict[str, Path]:
    """Write the pictures as .gif, .mp4 and a .zip of PNG files in time order; returns where each is."""
    kept = {ending: folder / f"inbetweens.{ending}" for ending in ("gif", "mp4", "zip")}
    shown = [read_picture(path) for path in pictures]
    for ending in ("gif", "mp4"):
        write_video(kept[ending], shown, fps)
    with zipfile.ZipFile(kept["zip"], "w", zipfile.ZIP_STORED) as zipped:
        for number, path in enumerate(pictures):
            zipped.write(path, picture_name(number + 1))
    return kept


def overlay(start: Path, end: Path) -> np.ndarray:
    """Return both keys faintly on each other over white, (height, width, 3) uint8, to draw a guide on."""
    one, other = read_picture(start), read_picture(end)
    if other.shape != one.shape:
        other = fit_picture(other, (one.shape[1], one.shape[0]))
    sheets = [picture[..., :3] * picture[..., 3:] + 1 - picture[..., 3:] for picture in (one, other)]
    faint = 1 - (2 - sheets[0] - sheets[1]) * 0.22
    result: np.ndarray = np.rint(np.clip(faint, 0, 1) * 255).astype(np.uint8)
    return result
