"""Vector drawings in the job folder: what tracing writes and Blender draws.

    strokes/0002.json     fills and lines of the in-between at frame 2, in painter's order, fills first

Everything is in pixels of the canvas, x to the right and y downwards from its top left corner. Curves are cubic
Béziers: each knot is six numbers, its place and the handles that arrive at it and leave it. Standard library only:
both halves import this module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from .job import FRAME_MAX, FRAME_MIN, MAX_CANVAS_SIDE_PIXELS, make_folder, write_json
from .record import Record, read_json

STROKES_VERSION = 1
STROKES_FOLDER = "strokes"

#: A drawing larger than this is not one of ours.
_MAX_BYTES = 64 * 1024 * 1024
_MAX_PARTS = 100_000
#: No place lies further from the canvas, in pixels.
_FURTHEST = 16.0 * MAX_CANVAS_SIDE_PIXELS
_COLOUR = re.compile(r"#[0-9a-f]{8}")
#: Six numbers: x, y, then x and y of the handle that arrives and of the one that leaves.
KNOT = 6


@dataclass(frozen=True)
class Fill:
    """A filled area. colour: "#rrggbbaa" in sRGB, straight alpha.

    outlines: closed curves, the outer one first, then its holes; each `KNOT` numbers a knot in a row.
    """

    colour: str
    outlines: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Line:
    """A pen stroke with round ends. knots: `KNOT` numbers each in a row. widths: pixels, one for each knot."""

    colour: str
    knots: tuple[float, ...]
    widths: tuple[float, ...]
    closed: bool = False


@dataclass(frozen=True)
class Drawing:
    """The drawing at a frame of the timeline on a canvas of `width` by `height` pixels, the lowest part first.

    source: fingerprint of the picture that was traced.
    """

    frame: int
    width: int
    height: int
    fills: tuple[Fill, ...]
    lines: tuple[Line, ...]
    source: str = ""
    version: int = STROKES_VERSION

    @property
    def points(self) -> int:
        """How many points an artist would have to draw for it."""
        numbers = sum(len(outline) for fill in self.fills for outline in fill.outlines)
        return (numbers + sum(len(line.knots) for line in self.lines)) // KNOT


def strokes_path(folder: Path, frame: int) -> Path:
    """Return where the strokes of the in-between at `frame` lie or will lie."""
    return folder / STROKES_FOLDER / f"{frame:04d}.json"


def write_drawing(folder: Path, drawing: Drawing) -> None:
    """Write the drawing into the job folder so that a reader sees the whole of it or nothing. Raises OSError."""
    raw = {
        "version": drawing.version,
        "frame": drawing.frame,
        "width": drawing.width,
        "height": drawing.height,
        "source": drawing.source,
        "fills": [
            {"colour": fill.colour, "outlines": [{"knots": _text(outline)} for outline in fill.outlines]}
            for fill in drawing.fills
        ],
        "lines": [
            {
                "colour": line.colour,
                "closed": line.closed,
                "knots": _text(line.knots),
                "widths": _text(line.widths),
            }
            for line in drawing.lines
        ],
    }
    path = strokes_path(folder, drawing.frame)
    make_folder(folder, STROKES_FOLDER)
    write_json(path, raw)


def _text(numbers: Iterable[float]) -> str:
    # A hundredth of a pixel is finer than any eye and any screen.
    return " ".join(f"{number:.2f}" for number in numbers)


def read_drawing(folder: Path, frame: int) -> Drawing:
    """Read and check the drawing of `frame` in the job folder.

    Raises UserError: "strokes-missing", "strokes-unreadable", "strokes-too-new", or "job-invalid" with the field.
    """
    path = strokes_path(folder, frame)
    again = "Import the job as strokes again; the pictures are traced anew."
    try:
        raw = read_json(path, _MAX_BYTES)
    except FileNotFoundError as error:
        raise UserError("strokes-missing", f"There is no “{path.name}” in “{path.parent}”.", again) from error
    except (OSError, ValueError) as error:
        raise UserError("strokes-unreadable", f"“{path}” cannot be read: {error}.", again) from error
    return parse_drawing(raw, str(path))


def parse_drawing(raw: object, file: str) -> Drawing:
    """Turn the content of a strokes file into a `Drawing`, checking every field; `file` is named in errors."""
    record = Record(raw, file)
    version = record.whole("version", 1, 2**31)
    if version > STROKES_VERSION:
        raise UserError(
            "strokes-too-new",
            f"“{file}” holds strokes of version {version}; this program knows version {STROKES_VERSION}.",
            "Update the add-on and its drawing engine.",
        )
    return Drawing(
        record.whole("frame", FRAME_MIN, FRAME_MAX),
        record.whole("width", 1, MAX_CANVAS_SIDE_PIXELS),
        record.whole("height", 1, MAX_CANVAS_SIDE_PIXELS),
        tuple(_fill(item) for item in record.records("fills", _MAX_PARTS)),
        tuple(_line(item) for item in record.records("lines", _MAX_PARTS)),
        record.text("source", 256, ""),
        version,
    )


def _fill(record: Record) -> Fill:
    outlines = tuple(_numbers(item, "knots") for item in record.records("outlines", _MAX_PARTS))
    if not outlines or any(len(outline) < 2 * KNOT or len(outline) % KNOT for outline in outlines):
        record.refuse("outlines", f"must hold curves of at least two knots of {KNOT} numbers")
    return Fill(_colour(record), outlines)


def _line(record: Record) -> Line:
    knots, widths = _numbers(record, "knots"), _numbers(record, "widths")
    if len(knots) != KNOT * len(widths) or len(widths) < 2:
        record.refuse("knots", f"must hold {KNOT} numbers for each of at least two widths")
    if min(widths) < 0:
        record.refuse("widths", "must not be negative")
    return Line(_colour(record), knots, widths, record.flag("closed"))


def _colour(record: Record) -> str:
    colour = record.text("colour", 9)
    if not _COLOUR.fullmatch(colour):
        record.refuse("colour", "must look like #rrggbbaa, in lower case")
    return colour


def _numbers(record: Record, name: str) -> tuple[float, ...]:
    """Return numbers written as one text with spaces between: a long list in JSON is slow and unreadable."""
    try:
        numbers = tuple(map(float, record.text(name, _MAX_BYTES).split()))
    except ValueError:
        record.refuse(name, "must hold numbers with spaces between")
    # Also refuses what is not a number at all.
    if numbers and not (min(numbers) >= -_FURTHEST and max(numbers) <= _FURTHEST and math.isfinite(sum(numbers))):
        record.refuse(name, "must hold places near the canvas")
    return numbers
