"""What clips are cut from: films, numbered pictures in a folder, and Blender files with Grease Pencil shots."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ...film import open_film

Pixels = NDArray[np.uint8]

FILMS = {".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".gif"}
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".tga"}
BLENDER_FILES = {".blend"}
CAPTION_FILE = "caption.txt"
#: In a folder of pictures: how many of them make a second.
FPS_FILE = "fps.txt"
#: Errors that concern the machine rather than one source.
_NOT_THE_SOURCE = {"film-needs-av"}


class Kind(StrEnum):
    """How a source is read."""

    FILM = "film"
    PICTURES = "pictures"
    BLENDER = "blender"


@dataclass(frozen=True)
class Source:
    """One source.

    path: a film, a folder of pictures or a .blend file. name: its path below the folder of all.
    """

    path: Path
    name: str
    kind: Kind

    @property
    def caption(self) -> str:
        """What a text file beside the film, or in the folder of pictures, says of it; or nothing."""
        file = self.path / CAPTION_FILE if self.kind is Kind.PICTURES else self.path.with_suffix(".txt")
        try:
            return " ".join(file.read_text(encoding="utf-8").split())
        except (OSError, UnicodeDecodeError):
            return ""


class UnreadableSourceError(Exception):
    """A source, or the rest of one, cannot be read; the text says why."""


def find_sources(folder: Path) -> list[Source]:
    """Return everything in and below a folder that clips can be cut from, sorted by name.

    A folder with pictures in it is one source. Hidden files and folders are passed over.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        if path.is_dir():
            if any(one.suffix.lower() in PICTURES for one in path.iterdir() if one.is_file()):
                found.append(Source(path, name.as_posix(), Kind.PICTURES))
        elif path.suffix.lower() in FILMS:
            found.append(Source(path, name.as_posix(), Kind.FILM))
        elif path.suffix.lower() in BLENDER_FILES:
            found.append(Source(path, name.as_posix(), Kind.BLENDER))
    return found


@dataclass(frozen=True)
class Reel:
    """A source's frames, (height, width, 3) RGB over white, one after the other; fps: how many make a second."""

    fps: float
    frames: Iterator[Pixels]


def open_source(source: Source, blender: str) -> Reel:
    """Open a source.

    blender: the command that starts Blender, for .blend files only. Raises UnreadableSourceError here or while
    frames are read; those before are good. Raises UserError for what concerns all sources of its kind.
    """
    if source.kind is Kind.BLENDER:
        return _open_blender_file(source.path, blender)
    with _of_this_source():
        film = open_film(source.path, _fps_of(source.path) if source.kind is Kind.PICTURES else None)

    def read() -> Iterator[Pixels]:
        count = 0
        with _of_this_source():
            for count, frame in enumerate(film.frames(), start=1):  # noqa: B007 - counted for what follows
                yield _on_white(frame)
        # A file that was cut off ends early without a word.
        if count < 0.95 * film.count:
            raise UnreadableSourceError(f"it breaks off after {count} of {film.count} frames")

    return Reel(float(film.rate), read())


@contextmanager
def _of_this_source() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        if error.code in _NOT_THE_SOURCE:
            raise
        raise UnreadableSourceError(error.sentence.rstrip(".")) from error
    except OSError as error:
        raise UnreadableSourceError(str(error.strerror or error)) from error


def _on_white(frame: Pixels) -> Pixels:
    """(height, width, 4) straight RGBA -> (height, width, 3)."""
    alpha = frame[..., 3:].astype(np.uint16)
    if alpha.min() == 255:
        return np.ascontiguousarray(frame[..., :3])
    return ((frame[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _fps_of(folder: Path) -> Fraction | None:
    """Return what the folder's own file says, or None."""
    try:
        fps = Fraction((folder / FPS_FILE).read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ZeroDivisionError) as error:
        raise UnreadableSourceError(f"{FPS_FILE} holds no number of pictures a second") from error
    if not 0 < fps <= 1000:
        raise UnreadableSourceError(f"{FPS_FILE} holds {fps}, which is no number of pictures a second")
    return fps


def _open_blender_file(path: Path, blender: str) -> Reel:
    """Let Blender write the shot as pictures, as the add-on captures it."""
    place = tempfile.TemporaryDirectory(prefix="tooncrafter-shot-")
    folder = Path(place.name) / "shot"
    command = [blender, "-b", str(path), "--command", "inbetween", "--shot", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except OSError as error:
        place.cleanup()
        raise UserError(
            "blender-missing",
            f"Blender, which shots in .blend files need, cannot be started as “{blender}” ({error.strerror}).",
            "Install Blender with this add-on and name it: --blender PATH.",
        ) from error
    if done.returncode:
        place.cleanup()
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise UnreadableSourceError(said[-1] if said else f"Blender ended with exit code {done.returncode}")
    reel = open_source(Source(folder, path.name, Kind.PICTURES), blender)

    def read() -> Iterator[Pixels]:
        with place:
            yield from reel.frames

    return Reel(reel.fps, read())
