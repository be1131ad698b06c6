"""Two pairs of keys to try, drawn here so that nothing has to be downloaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw

_SIZE = (512, 320)
_FINER = 4
_INK, _RED, _CREAM, _GREEN, _WOOD = "#241a26", "#e6453b", "#fbe9d2", "#5aa84e", "#8a5a3a"


def write_examples(folder: Path) -> list[tuple[str, Path, Path]]:
    """Write the pictures; returns a name and two keys of each pair."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = []
    for name, draw in (("Ball", _ball), ("Plant", _plant)):
        first, second = (folder / f"{name.lower()}_{number}.png" for number in (1, 2))
        for path, time in ((first, 0.0), (second, 1.0)):
            _picture(partial(draw, time=time)).save(path)
        pairs.append((name, first, second))
    return pairs


def _picture(draw: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    large = Image.new("RGBA", (_SIZE[0] * _FINER, _SIZE[1] * _FINER))
    draw(ImageDraw.Draw(large))
    return large.convert("RGBa").reduce(_FINER).convert("RGBA")


def _oval(
    pen: ImageDraw.ImageDraw, x: float, y: float, wide: float, high: float, fill: str, line: float = 3
) -> None:
    corners = [(x - wide) * _FINER, (y - high) * _FINER, (x + wide) * _FINER, (y + high) * _FINER]
    pen.ellipse(corners, fill, _INK if line else None, round(line * _FINER))


def _ball(pen: ImageDraw.ImageDraw, time: float) -> None:
    """A ball that flies up and to the right."""
    x, y = 110 + 280 * time, 230 - 120 * time
    _oval(pen, x, y, 58 - 6 * time, 52 + 8 * time, _RED)
    for side in (-1, 1):
        _oval(pen, x + side * 20, y - 12, 11, 15, _CREAM, 2)
        _oval(pen, x + side * 20 + 3, y - 10, 4, 6, _INK, 0)
    _oval(pen, x, y + 20, 14, 5 + 4 * time, _INK, 0)


def _plant(pen: ImageDraw.ImageDraw, time: float) -> None:
    """A plant that grows out of its pot."""
    x, top = 256 + 14 * time, 190 - 110 * time
    stem = [(256 * _FINER, 250 * _FINER), (x * _FINER, top * _FINER)]
    pen.line(stem, _INK, 14 * _FINER)
    pen.line(stem, _GREEN, 8 * _FINER)
    _oval(pen, x - 40, (top + 240) / 2, 34, 13 + 4 * time, _GREEN)
    _oval(pen, x + 42, (top + 220) / 2, 34, 13 + 4 * time, _GREEN)
    _oval(pen, x, top, 18 + 12 * time, 18 + 12 * time, _RED)
    _oval(pen, x, top, 7 + 4 * time, 7 + 4 * time, _CREAM, 2)
    pot = [(206, 240), (306, 240), (292, 308), (220, 308)]
    pen.polygon([(a * _FINER, b * _FINER) for a, b in pot], _WOOD, _INK, 3 * _FINER)
