"""Writing 8-bit PNG files without Blender, so that no colour management comes near the pixels."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
_GRAYSCALE, _RGBA = 0, 6


def write(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write (height, width) grayscale or (height, width, 4) RGBA with straight alpha, the top row first.

    Raises OSError when the disk refuses.
    """
    height, width = pixels.shape[:2]
    kind = _GRAYSCALE if pixels.ndim == 2 else _RGBA
    rows = np.ascontiguousarray(pixels).reshape(height, -1)
    unfiltered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    path.write_bytes(
        _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(unfiltered.tobytes(), 6)) + _END
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def is_complete(path: Path, width: int, height: int) -> bool:
    """Tell whether the file is a PNG of this size that was written to its end."""
    try:
        with path.open("rb") as stream:
            head = stream.read(24)
            stream.seek(-len(_END), 2)
            tail = stream.read()
    except OSError:
        return False
    return head[:8] == _SIGNATURE and head[16:24] == struct.pack(">II", width, height) and tail == _END
