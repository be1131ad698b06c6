"""The vector drawing in the job folder: what is written is read, and what is wrong is refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.contract.strokes import Drawing, Fill, Line, parse_drawing, read_drawing, strokes_path, write_drawing
from backend.errors import UserError

KNOTS = (1.0, 2.0, 0.5, 2.25, 1.5, 1.75, 10.0, 20.0, 9.5, 20.0, 10.5, -3.0)
DRAWING = Drawing(
    -3,
    160,
    120,
    (Fill("#e6453bff", (KNOTS, KNOTS)), Fill("#00000080", (KNOTS,))),
    (Line("#17141fff", KNOTS, (2.5, 0.0), closed=True),),
    "abc",
)


def test_a_drawing_survives_its_file(tmp_path: Path) -> None:
    write_drawing(tmp_path, DRAWING)
    assert strokes_path(tmp_path, -3).name == "-003.json"
    assert read_drawing(tmp_path, -3) == DRAWING
    assert DRAWING.points == 8


def test_a_missing_or_broken_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError) as missing:
        read_drawing(tmp_path, 5)
    assert missing.value.code == "strokes-missing" and "0005.json" in missing.value.sentence
    strokes_path(tmp_path, 5).parent.mkdir()
    strokes_path(tmp_path, 5).write_bytes(b"\xff{")
    with pytest.raises(UserError) as broken:
        read_drawing(tmp_path, 5)
    assert broken.value.code == "strokes-unreadable"


def written(tmp_path: Path) -> dict[str, object]:
    write_drawing(tmp_path, DRAWING)
    found: dict[str, object] = json.loads(strokes_path(tmp_path, -3).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    ("where", "field", "value"),
    [
        ("fills", "colour", "red"),
        ("fills", "colour", "#E6453BFF"),
        ("fills", "outlines", []),
        ("fills", "outlines", [{"knots": "1 2 3"}]),
        ("fills", "outlines", [{"knots": "1 2 3 4 5 six 1 2 3 4 5 6"}]),
        ("fills", "outlines", [{"knots": "nan 2 3 4 5 6 1 2 3 4 5 6"}]),
        ("fills", "outlines", [{"knots": "inf 2 3 4 5 6 1 2 3 4 5 6"}]),
        ("fills", "outlines", [{"knots": "1e30 2 3 4 5 6 1 2 3 4 5 6"}]),
        ("lines", "widths", "1"),
        ("lines", "widths", "1 -2"),
        ("lines", "widths", [1, 2]),
        ("lines", "closed", 1),
    ],
)
def test_a_field_that_does_not_fit_is_named(tmp_path: Path, where: str, field: str, value: object) -> None:
    raw = written(tmp_path)
    raw[where][0][field] = value  # type: ignore[index]
    with pytest.raises(UserError) as refused:
        parse_drawing(raw, "0002.json")
    assert refused.value.code == "job-invalid" and f"{where}[0]" in refused.value.sentence


def test_strokes_of_a_newer_version_say_so(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        parse_drawing(written(tmp_path) | {"version": 2}, "0002.json")
    assert refused.value.code == "strokes-too-new"
