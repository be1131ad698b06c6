"""Single pictures out of movies and picture files, all of one size: the keys of what strips become."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..contract.job import picture_name
from ..contract.picture_files import PICTURE_ENDINGS
from ..errors import UserError
from ..pictures import fit_picture, read_picture, write_picture
from . import open_film

if TYPE_CHECKING:
    from ..engines import Picture


@dataclass(frozen=True)
class Still:
    """A picture file, or a frame of a movie, counted from 1 (a picture file has only the first)."""

    path: Path
    frame: int = 1


def write_stills(stills: Sequence[Still], out: Path, note: Callable[[str], None]) -> tuple[int, int]:
    """Write the pictures as OUT/0001.png … in the size of the first; return (width, height) in pixels.

    A picture of another size is fitted whole into that size, with transparent margins, and `note` hears it.
    One picture is in memory at a time. Raises UserError for a picture that cannot be read, after which none is
    left there, and for a disk that refuses.
    """
    written: list[Path] = []
    width = height = 0
    try:
        for number, still in enumerate(stills, 1):
            picture = _read(still)
            if not written:
                height, width = picture.shape[:2]
            elif picture.shape[:2] != (height, width):
                note(
                    f"“{still.path.name}” is {picture.shape[1]} × {picture.shape[0]} pixels; "
                    f"it was fitted into {width} × {height}, the size of “{stills[0].path.name}”."
                )
                picture = fit_picture(picture, (width, height))
            out.mkdir(parents=True, exist_ok=True)
            path = out / picture_name(number)
            write_picture(path, picture)
            written.append(path)
    except UserError:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    except OSError as error:
        raise UserError(
            "output-not-writable",
            f"“{out}” cannot be written: {error.strerror or error}.",
            "Choose another place or free some space.",
            bad_input=False,
        ) from error
    return width, height


def _read(still: Still) -> Picture:
    if still.path.suffix.lower() in PICTURE_ENDINGS:
        if still.frame != 1:
            raise UserError("frames-invalid", f"“{still.path}” is a picture; it has no frame {still.frame}.")
        return read_picture(still.path)
    if still.path.is_dir():
        raise UserError("film-missing", f"“{still.path}” is a folder.", "Choose a movie or a picture.")
    pixels = next(iter(open_film(still.path, frames=(still.frame, still.frame)).frames()))
    return pixels.astype(np.float32) / np.float32(255)
