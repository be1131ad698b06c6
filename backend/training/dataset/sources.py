"""What clips are cut from: films, numbered pictures in a folder, and Blender files with Grease Pencil shots."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import UserError

Pixels = NDArray[np.uint8]

FILMS = {".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".gif"}
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}
BLENDER_FILES = {".blend"}
CAPTION_FILE = "caption.txt"
#: In a folder of pictures: how many of them make a second.
FPS_FILE = "fps.txt"
#: What numbered pictures are played at where nothing says it.
USUAL_FPS = 24.0


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
    """A source's frames, read one after the other, and its frame rate."""

    fps: float
    frames: Iterator[Pixels]


def open_source(source: Source, blender: str) -> Reel:
    """Open a source; its frames are (height, width, 3) RGB.

    blender: the command that starts Blender, for .blend files only. Raises UnreadableSourceError here or while
    frames are read; those before are good.
    """
    match source.kind:
        case Kind.FILM:
            return _open_film(source.path)
        case Kind.PICTURES:
            return Reel(_fps_of(source.path), _read_pictures(_in_order(source.path)))
        case Kind.BLENDER:
            return _open_blender_file(source.path, blender)


def _open_film(path: Path) -> Reel:
    import av

    try:
        container = av.open(str(path))
        if not container.streams.video:
            container.close()
            raise UnreadableSourceError("it has no pictures")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        fps = float(stream.average_rate or USUAL_FPS)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableSourceError(_reason(error)) from error

    def read() -> Iterator[Pixels]:
        try:
            with container:
                for frame in container.decode(stream):
                    if frame.is_corrupt:
                        raise UnreadableSourceError("its pictures are damaged from here on")
                    yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise UnreadableSourceError(_reason(error)) from error

    return Reel(fps, read())


def _in_order(folder: Path) -> list[Path]:
    """Return a folder's pictures, numbers in their names sorted as numbers."""
    pictures = [path for path in folder.iterdir() if path.suffix.lower() in PICTURES]
    return sorted(
        pictures, key=lambda path: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]
    )


def _read_pictures(paths: list[Path]) -> Iterator[Pixels]:
    size: tuple[int, int] | None = None
    for path in paths:
        try:
            with Image.open(path) as image:
                rgba = image.convert("RGBA")
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise UnreadableSourceError(f"“{path.name}”: {_reason(error)}") from error
        if size is not None and rgba.size != size:
            raise UnreadableSourceError(f"“{path.name}” has another size than the pictures before it")
        size = rgba.size
        paper = Image.new("RGBA", rgba.size, "white")
        yield np.asarray(Image.alpha_composite(paper, rgba).convert("RGB"))


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

    def read() -> Iterator[Pixels]:
        with place:
            yield from _read_pictures(_in_order(folder))

    return Reel(_fps_of(folder), read())


def _fps_of(folder: Path) -> float:
    try:
        fps = float((folder / FPS_FILE).read_text(encoding="ascii"))
    except FileNotFoundError:
        return USUAL_FPS
    except (OSError, ValueError) as error:
        raise UnreadableSourceError(f"{FPS_FILE} holds no number of pictures a second") from error
    if not 0 < fps < 1000:
        raise UnreadableSourceError(f"{FPS_FILE} holds {fps:g}, which is no number of pictures a second")
    return fps


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0]
