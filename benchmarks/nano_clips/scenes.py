"""One clip from a seed: shapes that slide, turn, squash, cross and fly in arcs before a still backdrop.

Two looks share the motions. A cartoon has flat colours, outlines and a backdrop with drawn detail; a photograph has
shading, soft borders and no line at all: what the model is adapted from.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.draft_clips.canvas import Outline, Shape, ellipse, rasterize, turned

FRAMES, HEIGHT, WIDTH = 16, 40, 64
FPS = 8
LOOKS = ("cartoon", "photograph")
KINDS = ("slide", "turn", "squash", "cross", "arc")
#: What the caption says of each kind.
VERBS = {"slide": "slides", "turn": "turns", "squash": "squashes", "cross": "crosses", "arc": "flies an arc"}
#: Name of each hue and where it lies on the circle of 0..1.
HUES = {"red": 0.0, "yellow": 0.15, "green": 0.36, "blue": 0.62, "violet": 0.8}
_LINE_WIDTH = 1.3


@dataclass(frozen=True)
class Clip:
    """A clip and its truth.

    frames: (FRAMES, HEIGHT, WIDTH, 3) uint8. backdrop: the same without its shapes, (HEIGHT, WIDTH, 3). centres:
    (FRAMES, 2) x and y of the foremost shape in pixels. caption: in words what it shows.
    """

    kind: str
    look: str
    frames: NDArray[np.uint8]
    backdrop: NDArray[np.uint8]
    centres: NDArray[np.float64]
    caption: str


@dataclass(frozen=True)
class Actor:
    """One shape and its way: from pose to pose, evenly, bent sideways by `bow` pixels at the middle.

    start, end: x and y in pixels. turn: radians at the start and at the end. stretch: height over width, at both.
    """

    name: str
    hue: str
    radius: float
    start: tuple[float, float]
    end: tuple[float, float]
    turn: tuple[float, float]
    stretch: tuple[float, float]
    bow: float

    def centre(self, time: float) -> NDArray[np.float64]:
        """Return x and y in pixels at time 0..1: a parabola over the straight way."""
        start, end = np.array(self.start), np.array(self.end)
        way = end - start
        across = np.array([-way[1], way[0]]) / max(float(np.hypot(*way)), 1e-6)
        return np.asarray(start + way * time + across * self.bow * 4 * time * (1 - time))

    def shapes(self, time: float, look: str) -> list[Shape]:
        """Return the outline, its fill and the mark that shows how it is turned."""
        tall = float(np.exp(np.interp(time, [0, 1], np.log(self.stretch))))
        angle = float(np.interp(time, [0, 1], self.turn))
        squash = np.array([1 / np.sqrt(tall), np.sqrt(tall)]) * self.radius

        def placed(outline: Outline) -> Outline:
            return np.asarray(turned(outline, angle) * squash + self.centre(time))

        cartoon = look == "cartoon"
        fill = _colour(self.hue, 0.75 if cartoon else 0.6, 0.95 if cartoon else 0.8)
        mark = (250, 248, 240) if cartoon else (225, 222, 215)
        line = {} if cartoon else {"line": None}
        return [
            Shape(placed(_OUTLINES[self.name]), fill, width=_LINE_WIDTH, **line),  # type: ignore[arg-type]
            Shape(placed(ellipse((0.0, -0.42), (0.28, 0.28), points=16)), mark, None),
        ]


def make_clip(kind: str, look: str, seed: int) -> Clip:
    """Draw the clip of that kind (of KINDS) and look (of LOOKS); the same seed draws the same pixels."""
    random = np.random.default_rng([KINDS.index(kind), LOOKS.index(look), seed, 11])
    backdrop = _backdrop(random, look)
    actors = _cast(kind, random)
    times = np.linspace(0, 1, FRAMES)
    frames = np.stack([_frame(actors, float(time), look, backdrop) for time in times])
    front = actors[-1]
    centres = np.stack([front.centre(float(time)) for time in times])
    return Clip(kind, look, frames, backdrop, centres, f"a {front.hue} {front.name} {VERBS[kind]}")


def write_clips(folder: Path, look: str, kinds: dict[str, int], first_seed: int) -> None:
    """Write `kinds[kind]` clips of each kind as image sequences with captions; seeds count up from first_seed."""
    for kind, count in kinds.items():
        for seed in range(first_seed, first_seed + count):
            clip = make_clip(kind, look, seed)
            place = folder / f"{kind}_{seed:05d}"
            place.mkdir(parents=True)
            for number, frame in enumerate(clip.frames, start=1):
                Image.fromarray(frame).save(place / f"{number:04d}.png")
            (place / "caption.txt").write_text(clip.caption + "\n", encoding="utf-8")
            (place / "fps.txt").write_text(f"{FPS}\n", encoding="ascii")


def _cast(kind: str, random: np.random.Generator) -> list[Actor]:
    """Return the shapes of a clip, the foremost last."""
    hues = list(random.permutation(list(HUES)))
    names = list(random.permutation(list(_OUTLINES)))
    side = 1 if random.random() < 0.5 else -1
    travel = {"slide": (18, 34), "turn": (10, 24), "squash": (8, 20), "cross": (18, 30), "arc": (22, 34)}[kind]
    reach = random.uniform(*travel)
    rise = random.uniform(-0.3, 0.3) * reach
    bow = random.uniform(6, 10) * (1 if random.random() < 0.5 else -1) if kind == "arc" else 0.0
    radius = float(random.uniform(7.5, 10)) if kind != "arc" else float(random.uniform(6.5, 8))
    middle = _within(random, radius, reach, abs(rise), bow * side)
    start = (middle[0] - side * reach / 2, middle[1] - rise / 2)
    end = (middle[0] + side * reach / 2, middle[1] + rise / 2)
    angle = random.uniform(-0.5, 0.5)
    turn = (angle, angle + random.uniform(0.8, 1.6) * random.choice([-1, 1]) if kind == "turn" else angle)
    stretch = (1.0, 1.0)
    if kind == "squash":
        stretch = tuple(random.permutation([random.uniform(0.45, 0.65), random.uniform(1.3, 1.7)]))
    front = Actor(names[0], hues[0], radius, start, end, turn, stretch, bow)
    if kind != "cross":
        return [front]
    back_start = (middle[0] + side * reach / 2, middle[1] + random.uniform(-6, -2))
    back_end = (middle[0] - side * reach / 2, middle[1] + random.uniform(-6, -2))
    lean = random.uniform(-0.5, 0.5)
    back = Actor(names[1], hues[1], radius * 0.85, back_start, back_end, (lean, lean), (1.0, 1.0), 0.0)
    return [back, front]


def _within(
    random: np.random.Generator, radius: float, reach: float, rise: float, bow: float
) -> tuple[float, float]:
    """Return the middle of a way that keeps the shape inside the picture."""
    margin = radius * 1.15
    across = reach / 2 + margin
    low, high = rise / 2 + margin - min(bow, 0), HEIGHT - rise / 2 - margin - max(bow, 0)
    y = random.uniform(low, high) if low < high else (low + high) / 2
    return float(random.uniform(across, WIDTH - across)), float(y)


def _frame(actors: list[Actor], time: float, look: str, backdrop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    shapes = [shape for actor in actors for shape in actor.shapes(time, look)]
    drawn = rasterize(shapes, (WIDTH, HEIGHT)).astype(np.float32)
    colour, alpha = drawn[..., :3], drawn[..., 3:] / 255
    if look == "photograph":
        for actor in actors:
            colour = colour * _shading(actor, time)[..., None]
        premultiplied = cv2.GaussianBlur(np.dstack([colour * alpha, alpha]), (0, 0), 0.7)
        return np.clip(premultiplied[..., :3] + backdrop * (1 - premultiplied[..., 3:]), 0, 255).astype(np.uint8)
    return np.rint(colour * alpha + backdrop * (1 - alpha)).astype(np.uint8)


def _shading(actor: Actor, time: float) -> NDArray[np.float32]:
    """Return a factor for every pixel: light from the upper left falls off over the shape."""
    x, y = actor.centre(time)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    distance = np.hypot(columns - x + 3, rows - y + 3) / (1.6 * actor.radius)
    return np.asarray(1.25 - 0.55 * np.clip(distance, 0, 1), np.float32)


def _backdrop(random: np.random.Generator, look: str) -> NDArray[np.uint8]:
    """Return a sky, a ground, a cloud and a house."""
    sky = _colour_at(random.uniform(0.5, 0.62), random.uniform(0.1, 0.35), random.uniform(0.85, 1))
    ground = _colour_at(random.uniform(0.12, 0.38), random.uniform(0.2, 0.5), random.uniform(0.6, 0.85))
    horizon = random.uniform(20, 33)
    corners = [[-2, horizon], [WIDTH + 2, horizon], [WIDTH + 2, HEIGHT + 2], [-2, HEIGHT + 2]]
    size, left = random.uniform(4, 6), random.uniform(4, WIDTH - 4)
    top = horizon - size * 1.6
    wall = np.array(
        [[left - size, top], [left + size, top], [left + size, horizon + 2], [left - size, horizon + 2]]
    )
    window = ellipse((left, (top + horizon) / 2), (size * 0.4, size * 0.4), points=16)
    cloud = ellipse((random.uniform(4, WIDTH - 4), random.uniform(3, 9)), (8, 3), points=24)
    line: dict[str, Any] = {"width": _LINE_WIDTH} if look == "cartoon" else {"line": None}
    shapes = [
        Shape(np.array(corners), ground, **line),
        Shape(cloud, (252, 252, 250), **line),
        Shape(wall, _colour_at(0.08, random.uniform(0.05, 0.3), random.uniform(0.6, 0.9)), **line),
        Shape(window, (90, 90, 110), None),
    ]
    drawn = rasterize(shapes, (WIDTH, HEIGHT), sky)[..., :3].copy()
    if look == "cartoon":
        return drawn
    light = np.linspace(random.uniform(0.75, 0.95), 1.0, WIDTH)[None, :, None]
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 1.2) * light, np.uint8)


def _colour(hue: str, saturation: float, value: float) -> tuple[int, int, int]:
    return _colour_at(HUES[hue], saturation, value)


def _colour_at(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return int(255 * red), int(255 * green), int(255 * blue)


def _polygon(corners: int, inner: float = 1.0) -> Outline:
    """Return a regular polygon of radius 1 with a corner on top, or a star if inner is below 1."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) - np.pi / 2
    radius = np.where(np.arange(corners) % 2, inner, 1.0)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


_OUTLINES: dict[str, Outline] = {
    "ball": ellipse((0.0, 0.0), (0.95, 0.95), points=32),
    "box": _polygon(4) @ np.array([[0.7071, 0.7071], [-0.7071, 0.7071]]) * 1.15,
    "kite": _polygon(4) * np.array([0.85, 1.15]),
    "wedge": _polygon(3) * 1.15,
    "star": _polygon(10, 0.55) * 1.15,
}
