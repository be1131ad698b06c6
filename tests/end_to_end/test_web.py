"""The page, served for real: two pictures in, drawings out, hostile uploads, two people at once."""

from __future__ import annotations

import io
import socket
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

gradio_client = pytest.importorskip("gradio_client", reason="needs the extra `web`")

from backend.web.examples import write_examples  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 180


@dataclass
class Page:
    """The served page."""

    address: str
    process: subprocess.Popen[str]

    def visitor(self):
        return gradio_client.Client(self.address, verbose=False)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "backend", "web", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout
    said = process.stdout.readline()
    assert "The page is at" in said, said + process.stdout.read()
    yield Page(f"http://127.0.0.1:{port}/", process)
    process.terminate()
    process.wait(30)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_examples(tmp_path_factory.mktemp("keys"))[0]


def wish(start: Path, end: Path, **changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "start": gradio_client.handle_file(str(start)),
        "end": gradio_client.handle_file(str(end)),
        "count": 3,
        "easing": "Even",
        "engine": "draft",
        "arcs": True,
        "flat": True,
        "preset": "Balanced",
        "prompt": "",
        "seed": 0,
        "speed": 10,
        "fps": 12,
        "sheet": None,
        "at": 0.5,
        "strength": 0.6,
    }
    return values | changes


def generate(visitor, values: dict[str, object]) -> list:
    return list(visitor.predict(*values.values(), api_name="/generate"))


def test_two_pictures_become_in_betweens_to_look_at_and_to_keep(page: Page, keys: tuple[Path, Path]) -> None:
    status, player, gallery, *downloads = generate(page.visitor(), wish(*keys))
    assert status == "3 in-betweens drawn."
    assert len(gallery) == 5
    with zipfile.ZipFile(_path(downloads[0])) as zipped:
        assert zipped.namelist() == [f"{number:04d}.png" for number in range(1, 6)]
        first = Image.open(io.BytesIO(zipped.read("0001.png")))
        assert np.array_equal(np.asarray(first), np.asarray(Image.open(keys[0])))
    assert Image.open(_path(downloads[1])).n_frames == 5
    assert Path(_path(downloads[2])).stat().st_size > 1000
    assert Image.open(_path(player)).n_frames == 5


def _path(value: object) -> str:
    found = value["value"] if isinstance(value, dict) and "value" in value else value
    return str(found["path"] if isinstance(found, dict) else found)


def bad_uploads(place: Path) -> list[Path]:
    """Fifty files that are no key: wrong types, cut off, bombs, empty."""
    random = np.random.default_rng(3)
    whole = place / "whole.png"
    Image.fromarray(random.integers(0, 255, (64, 64, 4), np.uint8)).save(whole)
    data = whole.read_bytes()
    made = []

    def put(name: str, content: bytes) -> None:
        made.append(place / name)
        made[-1].write_bytes(content)

    for number in range(15):
        put(f"cut_{number}.png", data[: 20 + number * 40])
    for number in range(15):
        spoiled = bytearray(data)
        spoiled[8 + number * 3 : 30 + number * 3] = random.bytes(22)
        put(f"spoiled_{number}.png", bytes(spoiled))
    for number, ending in enumerate(("png", "jpg", "webp", "gif", "bmp") * 2):
        put(f"text_{number}.{ending}", b"<html>not a picture</html>" * (number + 1))
    put("empty.png", b"")
    for number in range(9):  # a small file that claims to be a huge picture
        header = struct.pack(">IIBBBBB", 20_000 + number * 1000, 20_000, 8, 6, 0, 0, 0)
        chunk = b"IHDR" + header
        put(
            f"bomb_{number}.png",
            data[:8] + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:],
        )
    return made


def test_fifty_bad_uploads_are_each_answered_with_a_sentence_and_the_server_lives(
    page: Page, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    uploads = bad_uploads(tmp_path)
    assert len(uploads) == 50
    visitor = page.visitor()
    for upload in uploads:
        status = generate(visitor, wish(upload, keys[1], count=1))[0]
        assert status.startswith("⚠️"), (upload.name, status)
        assert upload.name in status or "pixels" in status
    assert generate(visitor, wish(*keys, count=1))[0] == "1 in-betweens drawn."


def test_without_a_picture_the_page_says_what_is_missing(page: Page, keys: tuple[Path, Path]) -> None:
    assert "Two pictures are needed" in generate(page.visitor(), wish(*keys) | {"start": None})[0]


def test_cancel_ends_the_drawing(page: Page, keys: tuple[Path, Path]) -> None:
    visitor = page.visitor()
    running = visitor.submit(*wish(*keys, count=60).values(), api_name="/generate")
    end = time.monotonic() + PATIENCE_SECONDS
    while not running.outputs():
        assert time.monotonic() < end
        time.sleep(0.05)
    visitor.predict(api_name="/cancel")
    assert running.result(timeout=PATIENCE_SECONDS)[0] == "Cancelled."


def test_what_one_person_uploads_another_cannot_see(page: Page, keys: tuple[Path, Path]) -> None:
    one, other = page.visitor(), page.visitor()
    made = generate(one, wish(*keys, count=1))
    assert "Two pictures are needed" in generate(other, wish(*keys) | {"start": None, "end": None})[0]
    config = str(other.config)
    for picture in made[2]:
        assert Path(_path(picture["image"])).name not in config


def test_the_page_listens_on_this_computer_alone(page: Page) -> None:
    port = int(page.address.rsplit(":", 1)[1].strip("/"))
    with socket.socket() as probe, pytest.raises(OSError):
        probe.settimeout(2)
        probe.connect((_own_address(), port))


def _own_address() -> str:
    """An address of this computer that others would use; 127.0.0.2 where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
            found = probe.getsockname()[0]
        except OSError:
            return "127.0.0.2"
    return found if not found.startswith("127.") else "127.0.0.2"
