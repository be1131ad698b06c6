"""Hostile input for hypothesis: damaged job files, message lines and pictures of every kind."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

PATHS = (
    *("../outside/secret.png", "keys/../../outside/secret.png", "/etc/passwd", "keys/link.png", "out/secret.png"),
    *(
        "keys/pipe.png",
        "keys",
        ".",
        "keys/0001.png/x",
        "keys\\0001.png",
        "C:/a.png",
        "//host/a.png",
        "keys/zero.png",
    ),
    *(
        "keys/zero.png",
        "NUL",
        "keys/con.png",
        "keys/loop.png",
        "job.json",
        "keys/0001.png\0",
        "~/a.png",
        "file:///etc/passwd",
    ),
)
NUMBERS = (0, -1, 1, 2, 3, 5, 96, 64, 2**31, 2**63, -(2**63), 10**400, 1e308, 5e-324, 0.5, -0.0)
TEXTS = (
    "",
    "draft",
    "hold",
    "tooncrafter",
    "best",
    "ease_in",
    "\ud800",
    "\udcff" * 50,
    "a" * 100_000,
    "\0",
    "\u202e",
)


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def values() -> st.SearchStrategy[Any]:
    """Anything that can stand in JSON, and more often what hurts."""
    plain = (
        st.sampled_from(PATHS)
        | st.sampled_from(NUMBERS)
        | st.sampled_from(TEXTS)
        | st.sampled_from((float("nan"), float("inf"), float("-inf"), None, True, False))
        | st.integers()
        | st.floats()
        | st.text(max_size=20)
    )
    nested = st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=8,
    )
    return nested | st.integers(1, 900).map(_deep)


@st.composite
def mutated(draw: st.DrawFn, whole: Any) -> Any:
    """A copy of `whole` in which one to three places are replaced, left out, doubled or added."""
    copy = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = copy
        while isinstance(place, dict | list) and place:
            key = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
            if isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 4)):
                place = place[key]
                continue
            match draw(st.integers(0, 5)):
                case 0:
                    del place[key]
                case 1 if isinstance(place, list):
                    place.append(place[key])
                case 2 if isinstance(place, dict):
                    place[draw(st.text(max_size=8))] = draw(values())
                case _:
                    place[key] = draw(values())
            break
    return copy


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """`content` with bytes changed, cut, doubled or put in."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 4)):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + draw(st.integers(1, 64))]
            case 2:
                data[at:at] = data[at : at + draw(st.integers(1, 512))]
            case 3:
                data[at:at] = draw(st.binary(max_size=16))
            case _ if data:
                data[at] = draw(st.integers(0, 255))
    return bytes(data)


def json_files(whole: Any) -> st.SearchStrategy[bytes]:
    """A JSON file with other content, or no JSON at all."""
    text = mutated(whole).map(lambda raw: json.dumps(raw).encode())
    broken = damaged(json.dumps(whole).encode())
    deep = st.sampled_from((b"[" * 100_000, b'{"a":' * 50_000, b"", b"null", b"\xef\xbb\xbf{}", b"1" * 100_000))
    return text | text | text | broken | st.binary(max_size=200) | deep


MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F", "animated", "turned", "float-nan")
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "TGA", "GIF")
SIZES = ((1, 1), (96, 64), (1, 300), (300, 1), (17, 33))


@cache
def picture(mode: str, format_: str, size: tuple[int, int]) -> bytes | None:
    """A picture file of that kind, None where the format has no such kind."""
    if (mode, format_) == ("YCbCr", "TIFF"):
        return None  # Pillow writes some that it cannot read itself
    width, height = size
    gray = np.linspace(0, 1, width * height, dtype=np.float32).reshape(height, width)
    options: dict[str, Any] = {}
    match mode:
        case "I;16":
            image = Image.fromarray((gray * 65535).astype(np.uint16))
        case "F":
            image = Image.fromarray(gray * 3 - 1)
        case "float-nan":
            image = Image.fromarray(np.where(gray > 0.5, np.float32("nan"), np.float32("inf")))
        case "animated":
            image = Image.fromarray((gray * 255).astype(np.uint8)).convert("RGB")
            options = {"save_all": True, "append_images": [image.rotate(180)] * 3}
        case "turned":
            image = Image.fromarray((gray * 255).astype(np.uint8)).convert("RGB")
            exif = Image.Exif()
            exif[0x0112] = 6
            options = {"exif": exif}
        case _:
            image = Image.fromarray((gray * 255).astype(np.uint8)).convert("RGB").convert(mode)
    buffer = io.BytesIO()
    try:
        image.save(buffer, format_, **options)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return buffer.getvalue()


KINDS = [
    (mode, format_, size) for mode in MODES for format_ in FORMATS for size in SIZES if picture(mode, format_, size)
]


@st.composite
def picture_files(draw: st.DrawFn) -> bytes:
    """A picture of some kind, whole or damaged; sometimes no picture."""
    content = picture(*draw(st.sampled_from(KINDS)))
    assert content is not None
    match draw(st.integers(0, 9)):
        case 0:
            return content
        case 1:
            return draw(st.binary(max_size=400))
        case 2:  # another format's beginning on this one's rest
            other = picture(*draw(st.sampled_from(KINDS)))
            assert other is not None
            return other[: draw(st.integers(1, 64))] + content[draw(st.integers(0, 64)) :]
        case 3:  # a header that lies about the size
            at = draw(st.integers(4, min(32, len(content))))
            return content[:at] + draw(st.binary(min_size=2, max_size=4)) + content[at + 4 :]
        case _:
            return draw(damaged(content))


def lay_traps(folder: Path, outside: Path) -> None:
    """Put links, a pipe and an endless file into a job folder, for paths in its job file to lead to."""
    import os

    (folder / "keys/link.png").symlink_to(outside / "secret.png")
    (folder / "out").symlink_to(outside, target_is_directory=True)
    (folder / "keys/loop.png").symlink_to("loop.png")
    (folder / "keys/zero.png").symlink_to("/dev/zero")
    os.mkfifo(folder / "keys/pipe.png")
