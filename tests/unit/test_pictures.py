"""Pictures: any file in, exact bytes out, damaged ones refused in words."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.errors import UserError
from backend.pictures import (
    fit_picture,
    picture_size,
    read_fingerprint,
    read_guide,
    read_picture,
    sweep_pictures,
    write_picture,
)


def all_bytes() -> np.ndarray:
    """Every 8-bit value in every channel, with transparent pixels that have a colour."""
    values = np.arange(256, dtype=np.uint8)
    return np.stack([values, values[::-1], np.roll(values, 77), np.roll(values, 128)], -1).reshape(16, 16, 4)


def test_a_picture_survives_writing_and_reading_bit_for_bit(tmp_path: Path) -> None:
    Image.fromarray(all_bytes()).save(tmp_path / "in.png")
    write_picture(tmp_path / "out.png", read_picture(tmp_path / "in.png"), "abc")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), all_bytes())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", "out.png"]


def test_a_frame_says_what_it_was_made_from(tmp_path: Path) -> None:
    picture = np.zeros((4, 4, 4), np.float32)
    write_picture(tmp_path / "a.png", picture, "abc")
    write_picture(tmp_path / "b.png", picture)
    assert read_fingerprint(tmp_path / "a.png") == "abc"
    assert read_fingerprint(tmp_path / "b.png") == ""
    assert read_fingerprint(tmp_path / "c.png") == ""


def test_a_truncated_frame_counts_as_absent(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.random.default_rng(1).random((40, 40, 4), np.float32), "abc")
    whole = (tmp_path / "a.png").read_bytes()
    for length in range(0, len(whole), 97):
        (tmp_path / "a.png").write_bytes(whole[:length])
        assert read_fingerprint(tmp_path / "a.png") == ""


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_every_kind_of_picture_becomes_rgba(tmp_path: Path, mode: str) -> None:
    half = Image.new("L", (6, 4), 0)
    half.paste(255, (3, 0, 6, 4))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(half, np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(np.asarray(half, np.float32) / 255)
    else:
        image = half.convert("RGB").convert(mode)
    path = tmp_path / ("a.tif" if mode in ("CMYK", "F") else "a.png")
    image.save(path)
    picture = read_picture(path)
    assert picture.shape == (4, 6, 4) and picture.dtype == np.float32
    assert np.allclose(picture[:, :3, :3], 0, atol=0.01) and np.allclose(picture[:, 3:, :3], 1, atol=0.01)
    assert np.all(picture[..., 3] == 1)


def test_a_missing_picture_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refusal:
        read_picture(tmp_path / "a.png")
    assert refusal.value.code == "picture-missing"


def damaged() -> dict[str, bytes]:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def png(width: int, height: int, data: bytes) -> bytes:
        header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")

    good = png(2, 2, zlib.compress(bytes(2 * 9)))
    return {
        "empty": b"",
        "text": b"hello",
        "truncated": good[:40],
        "bad-data": png(2, 2, b"garbage"),
        "no-pixels": png(0, 0, b""),
        "huge": png(100_000, 100_000, zlib.compress(bytes(1000))),
    }


@pytest.mark.parametrize("kind", damaged())
def test_a_damaged_or_hostile_picture_is_a_sentence(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.png").write_bytes(damaged()[kind])
    with pytest.raises(UserError) as refusal:
        read_picture(tmp_path / "a.png")
    assert refusal.value.code == ("picture-too-large" if kind == "huge" else "picture-unreadable")
    assert "a.png" in refusal.value.sentence


def test_the_size_is_known_without_decoding(tmp_path: Path) -> None:
    Image.new("RGBA", (7, 5)).save(tmp_path / "a.png")
    assert picture_size(tmp_path / "a.png") == (7, 5)


def drawn_guide(paper: object, ink: object, mode: str, size: tuple[int, int] = (80, 50)) -> Image.Image:
    image = Image.new(mode, size, paper)
    image.paste(ink, (size[0] // 4, size[1] // 2 - 2, 3 * size[0] // 4, size[1] // 2 + 2))
    return image


@pytest.mark.parametrize(
    "guide",
    [
        drawn_guide(255, 0, "L"),
        drawn_guide(0, 255, "L"),
        drawn_guide((0, 0, 0, 0), (0, 0, 0, 255), "RGBA"),
        drawn_guide((0, 0, 0, 0), (255, 255, 255, 255), "RGBA"),
        drawn_guide((255, 255, 255), (200, 0, 0), "RGB"),
        drawn_guide((255, 255, 255), (255, 235, 60), "RGB"),
        drawn_guide((128, 128, 128), (255, 255, 255), "RGB"),
        drawn_guide((245, 232, 205), (40, 90, 230), "RGB"),
        drawn_guide((20, 40, 90), (250, 240, 200), "RGB"),
        drawn_guide(255, 0, "L", (160, 100)),
    ],
    ids=[
        "dark on light",
        "light on dark",
        "dark on clear",
        "light on clear",
        "coloured",
        "yellow on white",
        "white on grey",
        "blue pencil on cream",
        "chalk on blue",
        "twice the size",
    ],
)
def test_a_guide_in_any_colours_becomes_dark_lines_on_white(tmp_path: Path, guide: Image.Image) -> None:
    guide.save(tmp_path / "guide.png")
    lines = read_guide(tmp_path / "guide.png", (80, 50))
    assert lines.shape == (50, 80) and lines.dtype == np.float32
    assert lines[25, 40] < 0.35 and lines[5, 5] > 0.95 and lines.mean() > 0.9


@pytest.mark.parametrize("size", [(4000, 3), (3, 900), (1, 1)])
def test_a_guide_of_any_shape_fits(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("L", size, 255).save(tmp_path / "guide.png")
    assert read_guide(tmp_path / "guide.png", (64, 40)).shape == (40, 64)
    assert fit_picture(np.ones((size[1], size[0], 4), np.float32), (64, 40)).shape == (40, 64, 4)


def test_fitting_keeps_the_whole_picture_and_clears_the_margins() -> None:
    picture = np.ones((20, 20, 4), np.float32)
    fitted = fit_picture(picture, (60, 30))
    assert fitted.shape == (30, 60, 4)
    assert np.all(fitted[:, 16:44] == 1)
    assert np.all(fitted[:, :14, 3] == 0) and np.all(fitted[:, 46:, 3] == 0)


def test_a_sweep_takes_half_written_pictures_and_nothing_else(tmp_path: Path) -> None:
    ours = tmp_path / f".000024.png.{'0123456789abcdef' * 2}.tmp"
    others = [tmp_path / name for name in (".mine.png.old.tmp", "shot.png", f"a.png.{'0' * 32}.tmp", ".notes")]
    for path in (ours, *others):
        path.write_bytes(b"x")
    sweep_pictures(tmp_path)
    assert not ours.exists() and all(path.exists() for path in others)
