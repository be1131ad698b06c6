"""What is seen: reading keys and guides from anywhere, writing frames that are whole or absent.

Inside the backend a picture is (height, width, 4) float32 in 0..1: sRGB-encoded, straight alpha, top row first.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import uuid
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from .errors import UserError

if TYPE_CHECKING:
    from .engines import Lines, Picture

#: 8192 x 4320, a full 8K frame. The header is checked before a single pixel is decoded.
MAX_PICTURE_PIXELS = 8192 * 4320
MAX_SIDE_PIXELS = 16384
#: Four numbers of four bytes for each pixel, uncompressed, and as much again for what else a file may carry.
MAX_FILE_BYTES = 32 * MAX_PICTURE_PIXELS

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "TGA", "GIF")
#: What `write_picture` calls a picture while it grows.
_HALF_WRITTEN = re.compile(r"\..+\.png\.[0-9a-f]{32}\.tmp")
_FINGERPRINT = "inbetween:fingerprint"
# Our own limits, above, are checked first and named in the error.
Image.MAX_IMAGE_PIXELS = None


def _open(path: Path) -> Image.Image:
    """Open a picture file and check its size, without decoding it."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no ordinary file")  # a pipe would be read for ever
        if status.st_size > MAX_FILE_BYTES:
            raise ValueError(f"it is larger than {MAX_FILE_BYTES // 2**20} MB")
        image = Image.open(path, formats=_FORMATS)
    except FileNotFoundError as error:
        raise UserError("picture-missing", f"The picture “{path}” is not there.", _GET_ANOTHER) from error
    except MemoryError:
        raise
    except Exception as error:  # decoders meet hostile files and raise whatever they like
        raise _unreadable(path, error) from error
    width, height = image.size
    if width * height > MAX_PICTURE_PIXELS or max(width, height) > MAX_SIDE_PIXELS:
        image.close()
        raise UserError(
            "picture-too-large",
            f"The picture “{path}” is {width} × {height} pixels; the largest that can be drawn is 8192 × 4320.",
            "Use a smaller picture or a smaller render size.",
        )
    return image


_GET_ANOTHER = "Generate again, or choose another picture."


def _unreadable(path: Path, error: Exception) -> UserError:
    if isinstance(error, UnidentifiedImageError):
        error = ValueError("it is no picture, or of a kind that is not known here")
    reason = str(error).replace(str(path), "").strip(" '\"") or type(error).__name__
    return UserError("picture-unreadable", f"The picture “{path}” cannot be read: {reason[:200]}.", _GET_ANOTHER)


def picture_size(path: Path) -> tuple[int, int]:
    """Return (width, height) in pixels from the file's header.

    Raises UserError: "picture-missing", "picture-unreadable", "picture-too-large".
    """
    with _open(path) as image:
        return image.size


def read_picture(path: Path) -> Picture:
    """Return the picture in the file, whatever its format and depth; of an animation, the first frame.

    Raises UserError: "picture-missing", "picture-unreadable", "picture-too-large".
    """
    return np.asarray(_decode(path), np.float32) / np.float32(255)


def read_guide(path: Path, size: tuple[int, int]) -> Lines:
    """Return a guide as (height, width) float32, 0 = line and 1 = paper, fitted into `size` = (width, height).

    Any colours do: transparency counts as paper, and so does whatever colour most of an opaque guide has.
    A guide of another shape is fitted whole into the canvas, never cropped or stretched.
    """
    image = _decode(path)
    pixels = np.asarray(image, np.float32) / np.float32(255)
    colour, alpha = pixels[..., :3], pixels[..., 3]
    opaque = alpha > 0.5
    # On a transparent ground whatever is there is a line, also a white one.
    lines = 1 - alpha * (_ink_on_paper(colour, np.median(colour[opaque], axis=0)) if opaque.mean() >= 0.5 else 1)
    if image.size != size:
        sheet = Image.new("L", size, 255)
        fitted = _contained(Image.fromarray(_bytes(lines)), size)
        sheet.paste(fitted, ((size[0] - fitted.width) // 2, (size[1] - fitted.height) // 2))
        lines = np.asarray(sheet, np.float32) / np.float32(255)
    return lines


def _ink_on_paper(colour: NDArray[np.float32], paper: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far colours (height, width, 3) are from the paper's (3,), 0..1.

    1 is as far as a channel can go from that paper, so that yellow on white and white on grey are lines like any.
    """
    room = np.where(colour < paper, paper, 1 - paper)
    far: NDArray[np.float32] = (np.abs(colour - paper) / np.maximum(room, 0.5)).max(axis=-1)
    return far


def lines_picture(lines: Lines) -> Picture:
    """Return a line drawing as an opaque black on white picture."""
    return np.dstack([lines, lines, lines, np.ones_like(lines)])


def fit_picture(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return `picture` fitted whole into `size` = (width, height), centred, with transparent margins."""
    # Scaling premultiplied colour keeps the invisible colour of transparent pixels out of the rims.
    premultiplied = Image.fromarray(_bytes(picture)).convert("RGBa")
    fitted = _contained(premultiplied, size).convert("RGBA")
    sheet = Image.new("RGBA", size)
    sheet.paste(fitted, ((size[0] - fitted.width) // 2, (size[1] - fitted.height) // 2))
    return np.asarray(sheet, np.float32) / np.float32(255)


def _contained(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale the image so that it just fits into `size`; even the thinnest keeps a pixel of each side."""
    scale = min(size[0] / image.width, size[1] / image.height)
    fitted = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(fitted, Image.Resampling.LANCZOS)


def _decode(path: Path) -> Image.Image:
    """Decode into 8-bit RGBA."""
    with _open(path) as image:
        try:
            size = image.size
            image.load()
            if image.size != size:  # a decoder may think again of what the header said
                raise ValueError("its header and its pixels differ in size")
            if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I", "F"):
                return _from_deep_gray(image)
            upright = ImageOps.exif_transpose(image)
            return upright.convert("RGBA")
        except MemoryError:
            raise
        except Exception as error:  # decoders meet hostile files and raise whatever they like
            raise _unreadable(path, error) from error


def _from_deep_gray(image: Image.Image) -> Image.Image:
    """Scale 16-bit and float gray into 8 bits; Pillow's own conversion would clip them."""
    with np.errstate(invalid="ignore"):  # numbers that are none
        values = np.asarray(image, np.float64)
    full = 1.0 if image.mode == "F" else 65535.0
    gray = np.nan_to_num(values / full, nan=0.0, posinf=1.0, neginf=0.0)
    return Image.fromarray(_bytes(gray)).convert("RGBA")


def _bytes(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Round 0..1 to 0..255; what is no number becomes 0."""
    rounded: NDArray[np.uint8] = np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.uint8)
    return rounded


def write_picture(path: Path, picture: Picture, fingerprint: str = "") -> None:
    """Write an 8-bit RGBA PNG so that a file of that name is always complete, also after a power cut.

    fingerprint: kept inside the file; says what the picture was made from. Raises OSError when the disk refuses.
    """
    extra = PngImagePlugin.PngInfo()
    if fingerprint:
        extra.add_text(_FINGERPRINT, fingerprint)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as stream:
            Image.fromarray(_bytes(picture)).save(stream, "PNG", pnginfo=extra, compress_level=4)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sweep_pictures(folder: Path) -> None:
    """Remove the half-written pictures that a kill has left in a folder."""
    for leftover in folder.glob(".*.png.*.tmp"):
        if _HALF_WRITTEN.fullmatch(leftover.name):
            leftover.unlink(missing_ok=True)


def told_of_earlier(folder: Path, count: int) -> str:
    """Return a sentence about numbered pictures beyond the `count` that were just written; "" without any.

    They are of an earlier, longer result. Nobody's pictures are deleted, but they must not be taken for this one's.
    """
    earlier = [path.name for path in folder.glob("*.png") if path.stem.isdecimal() and int(path.stem) > count]
    if not earlier:
        return ""
    return (
        f"“{folder}” still holds pictures of an earlier, longer result, from “{min(earlier)}” on ({len(earlier)}). "
        "They are no part of this one: remove them, or choose an empty folder."
    )


def read_fingerprint(path: Path) -> str:
    """Return what the picture says it was made from; "" for a file that is absent, damaged or not ours."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            found = image.info.get(_FINGERPRINT, "")
            image.verify()
    except (OSError, SyntaxError, ValueError, EOFError, zlib.error):
        return ""
    return found if isinstance(found, str) else ""
