"""From what is on the page to in-betweens: a job like any other, whose drawings are shown as they come."""

from __future__ import annotations

import queue
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

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
from ..pictures import fit_picture, lines_picture, picture_size, read_picture, write_picture
from ..previews import write_video

if TYPE_CHECKING:
    from ..engines import Lines
    from ..engines import Picture as Drawn

#: The page is for a look, not for a feature film.
MOST_INBETWEENS = 60
MOST_PIXELS = 3840 * 2160

#: (n, 2): x to the right, y down, in pixels.
Points: TypeAlias = NDArray[Any]
#: A stroke is so many times narrower than the picture's longer side.
_STROKES_ACROSS = 200
_FINE_BITS = 4
_FINE = 1 << _FINE_BITS
_FAINT = 0.22


@dataclass(frozen=True)
class Wish:
    """What is on the page.

    guide: strokes, each its points as (n, 2) pixels of the first key, at `guide_at` (0..1). exposure: frames that
    each drawing is held when it is played.
    """

    start: Path
    end: Path
    count: int
    guide: Sequence[Points] = ()
    guide_at: float = 0.5
    easing: Easing = Easing.LINEAR
    engine: str = "draft"
    settings: Settings = field(default_factory=Settings)
    fps: float = 24.0
    exposure: int = 2


@dataclass(frozen=True)
class Look:
    """How far it is. part: of the whole work, 0..1. seconds_left: -1 while not known.

    pictures: finished drawings in order, keys included. preview: a sheet of half-made ones.
    """

    stage: str
    done: int
    part: float = 0.0
    seconds_left: float = -1.0
    pictures: tuple[Path, ...] = ()
    preview: Path | None = None
    warnings: tuple[str, ...] = ()


def write_wish(wish: Wish, folder: Path) -> Job:
    """Check what was uploaded by the rules for all job pictures, and write the job.

    The end key is fitted into the size of the start key. Raises UserError naming what cannot be used.
    """
    if not 1 <= wish.count <= MOST_INBETWEENS:
        raise UserError("count-invalid", f"Between 1 and {MOST_INBETWEENS} in-betweens can be drawn here.")
    start, end = read_keys(wish.start, wish.end)
    size = start.shape[1], start.shape[0]
    for name in (KEYS_FOLDER, GUIDES_FOLDER):
        (folder / name).mkdir()
    last = wish.count + 2
    keys = Picture(1, f"{KEYS_FOLDER}/{picture_name(1)}"), Picture(last, f"{KEYS_FOLDER}/{picture_name(last)}")
    for key, picture in zip(keys, (start, end), strict=True):
        write_picture(folder / key.image, picture)
    guides: tuple[Picture, ...] = ()
    if wish.guide:
        at = min(max(2, 1 + round(wish.guide_at * (last - 1))), last - 1)
        guides = (Picture(at, f"{GUIDES_FOLDER}/{picture_name(at)}"),)
        write_picture(folder / guides[0].image, lines_picture(draw_strokes(wish.guide, size)))
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
    look = Look("Looking at the keys", 0)
    while (event := events.get()) is not None:
        match event:
            case Cancelled() | UserError():
                raise event
            case BaseException():
                raise UserError("engine-failed", "The drawing stopped with an internal error.") from event
            case messages.Stage(_, name):
                look = replace(look, stage=name)
            case messages.Progress(_, _, step, of, seconds_left):
                look = replace(look, part=step / max(of, 1), seconds_left=seconds_left)
            case messages.Notice(_, sentence, _):
                look = replace(look, warnings=(*look.warnings, sentence))
            case messages.Preview(_, _, path):
                look = replace(look, preview=folder / path)
            case messages.FrameReady():
                pass
            case _:
                continue
        look = replace(look, done=_finished(job, folder), pictures=_pictures(job, folder))
        yield look
    yield Look("Done", _finished(job, folder), 1.0, 0.0, _pictures(job, folder), None, look.warnings)


def _finished(job: Job, folder: Path) -> int:
    return sum(frame_path(folder, frame).exists() for frame in job.wanted)


def _pictures(job: Job, folder: Path) -> tuple[Path, ...]:
    segment = job.segments[0]
    drawn = [path for frame in job.wanted if (path := frame_path(folder, frame)).exists()]
    return (folder / segment.start.image, *drawn, folder / segment.end.image)


def read_keys(start: Path, end: Path) -> tuple[Drawn, Drawn]:
    """Return both keys, the second fitted into the size of the first. Raises UserError as `read_key` does."""
    one, other = read_key(start), read_key(end)
    return one, other if other.shape == one.shape else fit_picture(other, (one.shape[1], one.shape[0]))


def read_key(path: Path) -> Drawn:
    """Return an uploaded picture. Raises UserError that calls the picture what the person calls it.

    What is too large is refused by its header, before a pixel is decoded.
    """
    try:
        width, height = picture_size(path)
        if width * height > MOST_PIXELS:
            raise UserError(
                "picture-too-large",
                f"The picture “{path}” is {width} × {height} pixels; on this page it may have {MOST_PIXELS:,}.",
            )
        return read_picture(path)
    except UserError as error:
        sentence = error.sentence.replace(str(path), path.name)
        raise UserError(error.code, sentence, "Choose another picture.") from error


def draw_strokes(strokes: Sequence[Points], size: tuple[int, int]) -> Lines:
    """Return strokes as a guide of `size` = (width, height)."""
    paper = np.full((size[1], size[0]), 255, np.uint8)
    broad = max(2, round(max(size) / _STROKES_ACROSS))
    for stroke in strokes:
        points = np.rint(np.asarray(stroke) * _FINE).astype(np.int32)[:, None]
        cv2.polylines(paper, [points], False, 0, broad, cv2.LINE_AA, _FINE_BITS)
    return paper.astype(np.float32) / np.float32(255)


def keep(pictures: tuple[Path, ...], folder: Path, fps: float, exposure: int) -> dict[str, Path]:
    """Write the pictures as .gif and .mp4, each held `exposure` frames, and as .zip; returns where each is.

    The .zip holds every drawing once, as a PNG file, in time order.
    """
    kept = {ending: folder / f"inbetweens.{ending}" for ending in ("gif", "mp4", "zip")}
    # Players slow GIFs down that are faster than they like: what is held is one frame of the GIF.
    write_video(kept["gif"], map(read_picture, pictures), fps / exposure)
    write_video(kept["mp4"], (picture for picture in map(read_picture, pictures) for _ in range(exposure)), fps)
    with zipfile.ZipFile(kept["zip"], "w", zipfile.ZIP_STORED) as zipped:
        for number, path in enumerate(pictures):
            zipped.write(path, picture_name(number + 1))
    return kept


def overlay(start: Path, end: Path) -> NDArray[np.uint8]:
    """Return both keys faintly on each other over white, (height, width, 3), to draw a guide on."""
    sheets = [picture[..., :3] * picture[..., 3:] + 1 - picture[..., 3:] for picture in read_keys(start, end)]
    faint = 1 - (2 - sheets[0] - sheets[1]) * _FAINT
    result: NDArray[np.uint8] = np.rint(np.clip(faint, 0, 1) * 255).astype(np.uint8)
    return result
