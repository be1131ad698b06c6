"""`tooncrafter web` as a person starts it, and uploads that are no pictures."""

from __future__ import annotations

import gzip
import io
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 600


@dataclass
class ServedPage:
    """A running page. place: the folder that holds everything of its visitors."""

    address: str
    process: subprocess.Popen[str]
    place: Path


@contextmanager
def serve_page(host: str = "127.0.0.1", **variables: str) -> Iterator[ServedPage]:
    """Serve the page on a free port until the end of the block. variables: of its environment."""
    with socket.socket() as free:
        free.bind((host, 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "backend", "web", "--host", host, "--port", str(port)]
    with tempfile.TemporaryDirectory() as place:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            # Gradio's client, unlike a browser, ends its connection only when it hears something.
            env=os.environ | {"TMPDIR": place, "GRADIO_HEARTBEAT_INTERVAL": "1"} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert process.stdout
            said = process.stdout.readline()
            assert "The page is at" in said, said + process.stdout.read()
            (own,) = Path(place).glob("inbetween_page_*")
            yield ServedPage(f"http://{host}:{port}", process, own)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_SECONDS)


def wait_until(happened: Callable[[], object]) -> None:
    """Wait for something that has to happen."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def bad_uploads(place: Path) -> list[Path]:
    """Fifty files that are no key: of other types, cut off, spoiled, empty, far too large once unpacked."""
    random = np.random.default_rng(3)
    picture = Image.fromarray(random.integers(0, 255, (64, 64, 3), np.uint8))
    whole = {kind: _encoded(picture, kind) for kind in ("png", "jpeg", "webp", "gif", "bmp", "tiff")}
    files: dict[str, bytes] = {"empty.png": b"", "one_byte.png": b"\x89", "head_only.png": whole["png"][:8]}
    for kind in ("jpeg", "webp", "gif", "bmp", "tiff"):
        files[f"cut_{kind}.{kind}"] = whole[kind][: len(whole[kind]) // 2]
    for part in range(1, 8):
        files[f"cut_{part}.png"] = whole["png"][: len(whole["png"]) * part // 8]
    for start in range(8, 48, 8):  # in the header of the file and of its first part
        spoiled = bytearray(whole["png"])
        spoiled[start : start + 8] = random.bytes(8)
        files[f"spoiled_{start}.png"] = bytes(spoiled)
    script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    others = {
        "page": b"<!doctype html><html><script>alert(1)</script></html>",
        "drawing": script,
        "sheet": b"frame,drawing\n1,2\n",
        "settings": b'{"key": [1, 2]}',
        "program": b"#!/bin/sh\necho no picture\n",
        "machine": b"\x7fELF\x02\x01\x01" + bytes(200),
        "paper": b"%PDF-1.7\n1 0 obj <<>> endobj\n",
        "box": _zipped({"inside.png": whole["png"]}),
        "packed": gzip.compress(whole["png"]),
        "film": bytes.fromhex("0000001c6674797069736f6d") + bytes(300),
        "sound": b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(40),
        "noise": random.bytes(5000),
    }
    for number, (name, content) in enumerate(others.items()):
        files[f"{name}.{('png', 'jpg', 'webp', 'gif')[number % 4]}"] = content
    files |= {f"noise.{ending}": random.bytes(5000) for ending in ("bmp", "tiff", "tga")}
    files |= {"drawing.svg": script, "page.html": others["page"]}
    files["name <img src=x onerror=alert(1)>.png"] = b"no picture"
    files["n" * 120 + ".png"] = b"no picture"
    for side in (20_000, 60_000, 2**31 - 1):  # small files that claim to be huge pictures
        files[f"huge_{side}.png"] = _claiming(whole["png"], side, 20_000)
    files["wide.png"] = _claiming(whole["png"], 2**31 - 1, 1)
    files["no_height.png"] = _claiming(whole["png"], 64, 0)
    files["huge.bmp"] = whole["bmp"][:18] + struct.pack("<ii", 30_000, 30_000) + whole["bmp"][26:]
    files["huge.gif"] = b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + whole["gif"][10:]
    files["unpacks_to_a_gigabyte.png"] = _png(16_000, 16_000, zlib.compress(bytes(1 << 20), 9) * 4)
    files["unpacks_to_more_than_is_drawn.png"] = _png(8000, 4000, zlib.compress(bytes(4000 * 8001), 9))
    files["text_that_unpacks.png"] = _with_text(whole["png"], zlib.compress(bytes(200 << 20), 9))
    files["deep.tiff"] = whole["tiff"][:4] + struct.pack("<I", 2**31) + whole["tiff"][8:]
    made = [place / name for name in files]
    for path in made:
        path.write_bytes(files[path.name])
    return made


def _encoded(picture: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind)
    return stream.getvalue()


def _zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as box:
        for name, content in files.items():
            box.writestr(name, content)
    return stream.getvalue()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _png(width: int, height: int, packed: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _claiming(png: bytes, width: int, height: int) -> bytes:
    return png[:8] + _chunk(b"IHDR", struct.pack(">II", width, height) + png[24:29]) + png[33:]


def _with_text(png: bytes, packed: bytes) -> bytes:
    return png[:33] + _chunk(b"zTXt", b"note\0\0" + packed) + png[33:]
