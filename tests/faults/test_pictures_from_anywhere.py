"""Pictures as they come: every depth and kind, one pixel and far too many, bombs that unpack to gigabytes."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from backend.errors import UserError
from backend.pictures import MAX_FILE_BYTES, picture_size, read_guide, read_picture
from tests.faults import hostile


@pytest.mark.parametrize(("mode", "format_", "size"), hostile.KINDS, ids=lambda value: str(value).replace(" ", ""))
def test_every_kind_of_picture_that_is_whole_is_read(
    tmp_path: Path, mode: str, format_: str, size: tuple[int, int]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(hostile.picture(mode, format_, size) or b"")
    turned = mode == "turned" and format_ in ("JPEG", "PNG", "WEBP", "TIFF")
    width, height = reversed(size) if turned else size
    picture = read_picture(path)
    assert picture.shape == (height, width, 4) and np.isfinite(picture).all()
    assert read_guide(path, (31, 17)).shape == (17, 31)


def png(width: int, height: int, depth: int, colour: int, row: bytes, *extra: bytes) -> bytes:
    """A PNG of one row, over and over."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pack = zlib.compressobj(9)
    data = b"".join(pack.compress(b"\0" + row) for _ in range(height)) + pack.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *extra, chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_twenty_thousand_pixels_square_are_refused_by_name_before_they_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(20_000, 20_000, 1, 0, bytes(2500)))  # whole and right, in some 50 kB
    assert path.stat().st_size < 200_000
    for read in (picture_size, read_picture, lambda path: read_guide(path, (40, 30))):
        with pytest.raises(UserError, match="20000 × 20000") as refusal:
            read(path)
        assert refusal.value.code == "picture-too-large"


def test_a_bomb_in_what_is_no_picture_data_is_not_unpacked(tmp_path: Path) -> None:
    def text(kind: bytes, packed: bytes) -> bytes:
        data = kind[:0] + packed
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    gigabyte = zlib.compressobj(9)
    packed = b"".join(gigabyte.compress(bytes(2**20)) for _ in range(200)) + gigabyte.flush()
    for kind, head in ((b"zTXt", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0"), (b"iCCP", b"a\0\0")):
        (tmp_path / "a.png").write_bytes(png(8, 8, 8, 0, bytes(8), text(kind, head + packed)))
        try:
            assert read_picture(tmp_path / "a.png").shape == (8, 8, 4)
        except UserError as error:
            assert error.code == "picture-unreadable"


def test_a_file_larger_than_any_picture_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    with path.open("wb") as stream:
        stream.write(hostile.picture("RGB", "WEBP", (17, 33)) or b"")
        stream.truncate(MAX_FILE_BYTES + 1)  # takes no room on the disk
    with pytest.raises(UserError, match="larger than") as refusal:
        read_picture(path)
    assert refusal.value.code == "picture-unreadable"


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1)])
def test_the_thinnest_picture_serves_as_a_guide_of_any_canvas(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    (tmp_path / "a.png").write_bytes(png(width, height, 8, 0, bytes(width)))
    assert read_guide(tmp_path / "a.png", (40, 30)).shape == (30, 40)
