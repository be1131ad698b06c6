"""Contact sheets and little videos, for a quick look at a result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from importlib.util import find_spec
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .contract.job import frame_path, read_job, resolve
from .errors import UserError
from .pictures import read_picture

if TYPE_CHECKING:
    from .engines import Picture

#: (height, width, 3) uint8.
Pixels: TypeAlias = NDArray[np.uint8]

_GAP_PIXELS = 6
_CHECKER_PIXELS = 8
_CHECKER_GRAYS = (0.93, 1.0)


def preview_job(folder: Path, sheet: Path | None, video: Path | None) -> None:
    """Show the drawings of a job in time order: each once on the sheet, each held as long as exposed in the video.

    Drawings that are not there yet are left out. Raises UserError for a folder that is no job, or
    when nothing is asked for.
    """
    if sheet is None and video is None:
        raise UserError("preview-missing", "Neither a sheet nor a video is asked for.", "Name --sheet or --video.")
    check_video_name(video)
    job = read_job(folder)
    drawings = {key.frame: resolve(folder, key.image) for part in job.segments for key in (part.start, part.end)}
    drawings |= {frame: frame_path(folder, frame) for frame in job.wanted if frame_path(folder, frame).exists()}
    frames = sorted(drawings)
    pictures = [read_picture(drawings[frame]) for frame in frames]
    try:
        if sheet:
            write_sheet(sheet, pictures)
        if video:
            holds = [later - frame for frame, later in pairwise(frames)] + [1]
            exposed = [picture for picture, hold in zip(pictures, holds, strict=True) for _ in range(hold)]
            write_video(video, exposed, job.canvas.fps)
    except OSError as error:
        raise UserError(
            "output-not-writable",
            f"The preview cannot be written: {error}.",
            "Choose another place or free some space.",
            bad_input=False,
        ) from error


def write_sheet(path: Path, pictures: Sequence[Picture], columns: int = 0, width: int = 1600) -> None:
    """Write a contact sheet of pictures of one size, in reading order, over a light checkerboard.

    columns: 0 chooses a nearly square sheet. width: of the sheet in pixels, at most. Raises OSError.
    """
    columns = columns or min(len(pictures), max(1, math.ceil(math.sqrt(len(pictures)))))
    rows = math.ceil(len(pictures) / columns)
    height_in, width_in = pictures[0].shape[:2]
    cell_width = min(width_in, (width - _GAP_PIXELS) // columns - _GAP_PIXELS)
    cell_height = max(1, round(cell_width * height_in / width_in))
    sheet = Image.new(
        "RGB",
        (columns * (cell_width + _GAP_PIXELS) + _GAP_PIXELS, rows * (cell_height + _GAP_PIXELS) + _GAP_PIXELS),
        (90, 90, 90),
    )
    for index, picture in enumerate(pictures):
        cell = Image.fromarray(over_checker(picture)).resize((cell_width, cell_height), Image.Resampling.LANCZOS)
        row, column = divmod(index, columns)
        corner = (
            _GAP_PIXELS + column * (cell_width + _GAP_PIXELS),
            _GAP_PIXELS + row * (cell_height + _GAP_PIXELS),
        )
        sheet.paste(cell, corner)
    sheet.save(path)


def check_video_name(path: Path | None) -> None:
    """Refuse, before any work, a video name that `write_video` cannot serve: UserError("video-format")."""
    if path is not None and path.suffix.lower() not in (".mp4", ".gif"):
        raise UserError("video-format", f"“{path.name}” must end in .mp4 or .gif.")


def write_video(path: Path, pictures: Iterable[Picture], fps: float) -> None:
    """Write pictures of one size as .mp4 or .gif, by the name's ending; transparency is shown on white.

    Raises UserError("video-format") for another ending, OSError when the file cannot be written.
    """
    check_video_name(path)
    frames = (_over(picture, np.ones((), np.float32)) for picture in pictures)
    if path.suffix.lower() == ".gif":
        _write_gif(path, frames, fps)
    elif find_spec("av"):
        from .film import write_movie

        first = _even(next(frames))
        size = first.shape[1], first.shape[0]
        write_movie(path, chain([first], map(_even, frames)), Fraction(fps).limit_denominator(1001), size)
    else:
        _write_mpeg4(path, map(_even, frames), fps)


def _write_gif(path: Path, frames: Iterator[Pixels], fps: float) -> None:
    first = Image.fromarray(next(frames))
    # GIF counts in hundredths of a second, and players slow down below two of them.
    hold = max(20, round(1000 / fps / 10) * 10)
    first.save(path, save_all=True, append_images=map(Image.fromarray, frames), duration=hold, loop=0)


def _write_mpeg4(path: Path, frames: Iterator[Pixels], fps: float) -> None:
    """Write what OpenCV can: the older MPEG-4, which browsers do not play."""
    first = next(frames)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, first.shape[1::-1])
    if not writer.isOpened():
        raise OSError(f"the video {path} cannot be opened for writing")
    for frame in chain([first], frames):
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()


def _even(frame: Pixels) -> Pixels:
    """Repeat the last row and column where needed: many players only know pictures with even sides."""
    down, right = frame.shape[0] % 2, frame.shape[1] % 2
    return np.pad(frame, ((0, down), (0, right), (0, 0)), mode="edge") if down or right else frame


def over_checker(picture: Picture) -> NDArray[np.uint8]:
    """Return the picture as 8-bit RGB over a light checkerboard that shows its transparency."""
    height, width = picture.shape[:2]
    rows, columns = np.ogrid[:height, :width]
    odd = (rows // _CHECKER_PIXELS + columns // _CHECKER_PIXELS) % 2
    return _over(picture, np.where(odd, *_CHECKER_GRAYS)[..., None].astype(np.float32))


def _over(picture: Picture, paper: NDArray[np.float32]) -> NDArray[np.uint8]:
    alpha = picture[..., 3:]
    result: NDArray[np.uint8] = np.rint((picture[..., :3] * alpha + paper * (1 - alpha)) * 255).astype(np.uint8)
    return result
