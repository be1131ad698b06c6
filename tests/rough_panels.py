"""Storyboard panels as pencils leave them: every line drawn over several times, grainy, on paper."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

PAPER = (244, 240, 230)
_PENCIL = (52, 50, 58)
#: How often a line is drawn over, and by how many pixels each time misses the last.
_TIMES, _MISS = 4, 2.2


def panel(x: float, y: float, size: tuple[int, int] = (320, 180), seed: int = 1) -> Image.Image:
    """A rough figure, head and body, around (x, y) in pixels, above a ground line."""
    chance = np.random.default_rng(seed)
    lead = Image.new("L", size, 0)
    body = [(x - 20, y + 46), (x - 14, y + 16), (x + 14, y + 16), (x + 20, y + 46), (x - 20, y + 46)]
    _scribble(lead, _circle(x, y, 18), chance)
    _scribble(lead, body, chance)
    _scribble(lead, [(10, size[1] - 20), (size[0] - 10, size[1] - 18)], chance)
    grain = chance.uniform(0.35, 1.0, (size[1], size[0]))
    cover = (np.asarray(lead, float) / 255 * grain)[..., None]
    pixels = np.array(PAPER) * (1 - cover) + np.array(_PENCIL) * cover
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


def write_panels(folder: Path, places: Iterable[tuple[float, float]]) -> list[Path]:
    """Write a panel for each place as panel_1.png …; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (x, y) in enumerate(places, 1):
        paths.append(folder / f"panel_{number}.png")
        panel(x, y, seed=number).save(paths[-1])
    return paths


def darkness(path: Path) -> NDArray[np.float64]:
    """How dark each pixel is against the paper, (height, width), 0 .. 1."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"), float)
    return np.clip((np.array(PAPER) - pixels).mean(-1) / (np.array(PAPER) - _PENCIL).mean(), 0, 1)


def roughness(path: Path) -> float:
    """How much the pencil's darkness changes from pixel to pixel within its lines: their grain and their edges."""
    dark = darkness(path)
    inside = (dark[:, :-1] > 0.15) & (dark[:, 1:] > 0.15)
    return float(np.abs(np.diff(dark, axis=1))[inside].mean())


def _circle(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in (n * math.tau / 24 for n in range(26))]


def _scribble(lead: Image.Image, line: list[tuple[float, float]], chance: np.random.Generator) -> None:
    draw = ImageDraw.Draw(lead)
    for _ in range(_TIMES):
        missed = [(x + chance.normal(0, _MISS), y + chance.normal(0, _MISS)) for x, y in line]
        draw.line(missed, fill=int(chance.uniform(140, 255)), width=2, joint="curve")
