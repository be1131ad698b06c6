"""Films as studios draw them: a drawing held for two or three frames, the camera moving on every frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.draft_clips import KINDS, ground_texture, make_scene
from benchmarks.draft_clips.canvas import rasterize

#: Kinds of motion that fill a shot; "pan" is a camera move, which any shot may have.
MOTIONS = tuple(kind for kind in KINDS if kind != "pan")
#: The world is that much wider and higher than the picture, so that the camera has room to move.
_ROOM = 1.3
#: Pose time that passes between two drawings, so that shots of any length move equally fast.
_STEP = (0.06, 0.11)


@dataclass(frozen=True)
class Shot:
    """One shot. frames: its length. drawings: frame (within the shot) at which each drawing is first seen.

    poses: pose time (0..1) of each drawing. pan: (dx, dy) of the camera from first to last frame, in pixels.
    """

    kind: str
    seed: int
    frames: int
    drawings: tuple[int, ...]
    poses: tuple[float, ...]
    pan: tuple[float, float]
    painted: bool


@dataclass(frozen=True)
class Film:
    """Shots one after another. grain: standard deviation of the film grain in 8-bit steps. weave: pixels."""

    seed: int
    size: tuple[int, int]
    shots: tuple[Shot, ...]
    grain: float
    weave: float

    @property
    def frames(self) -> int:
        """Number of frames."""
        return sum(shot.frames for shot in self.shots)

    @property
    def cuts(self) -> tuple[int, ...]:
        """Frames at which a new shot begins, without the first."""
        starts = np.cumsum([shot.frames for shot in self.shots])
        return tuple(int(start) for start in starts[:-1])


def make_film(
    seed: int, frames: int = 120, size: tuple[int, int] = (512, 320), grain: float = 4.0, weave: float = 0.15
) -> Film:
    """Plan a film of about that many frames; the same seed plans the same film."""
    random = np.random.default_rng([seed, 11])
    shots: list[Shot] = []
    while sum(shot.frames for shot in shots) < frames:
        kind = MOTIONS[int(random.integers(len(MOTIONS)))]
        exposure = int(random.choice([2, 2, 2, 3, 3, 1]))
        step = float(random.uniform(*_STEP)) * exposure / 2
        count = int(random.integers(5, 9)) if exposure > 1 else int(random.integers(8, 14))
        poses = np.minimum(np.arange(count) * step, 1.0)
        poses = poses[: int(np.searchsorted(poses, 1.0)) + 1]
        starts = np.arange(len(poses)) * exposure
        if random.random() < 0.3 and len(poses) > 4:  # a held pose in the middle of the shot
            starts[len(poses) // 2 :] += int(random.integers(5, 11))
        pan = (0.0, 0.0)
        if random.random() < 0.4:
            pan = float(random.uniform(-0.2, 0.2)) * size[0], float(random.uniform(-0.05, 0.05)) * size[1]
        length = int(starts[-1]) + exposure + int(random.integers(0, 3))
        shots.append(
            Shot(kind, int(random.integers(1000)), length, tuple(map(int, starts)), tuple(map(float, poses)), pan,
                 bool(random.random() < 0.7 or any(pan)))
        )  # fmt: skip
    return Film(seed, size, tuple(shots), grain, weave)


def film_frames(film: Film) -> Iterator[NDArray[np.uint8]]:
    """Yield the film as it was shot: held drawings, camera on ones, gate weave and grain; (h, w, 3) uint8 RGB."""
    random = np.random.default_rng([film.seed, 12])
    for shot in film.shots:
        for frame in range(shot.frames):
            drawing = int(np.searchsorted(shot.drawings, frame, side="right")) - 1
            weave = random.normal(0, film.weave, 2) if film.weave else np.zeros(2)
            clean = _seen(shot, film.size, shot.poses[drawing], frame, (float(weave[0]), float(weave[1])))
            yield _grainy(clean, film.grain, random)


def draw_moment(film: Film, shot: Shot, time: float, pose: float) -> NDArray[np.uint8]:
    """Return the clean picture at a time of the shot (in its frames), drawn at that pose time."""
    return np.rint(_seen(shot, film.size, pose, time, (0.0, 0.0))).astype(np.uint8)


def _seen(shot: Shot, size: tuple[int, int], pose: float, time: float, weave: tuple[float, float]) -> NDArray[Any]:
    """Return what the camera sees, (h, w, 3) float32 in 0..255."""
    world = _world(shot, size, pose)
    height, width = world.shape[:2]
    part = time / max(1, shot.frames - 1) - 0.5
    x = (width - size[0]) / 2 + shot.pan[0] * part + weave[0]
    y = (height - size[1]) / 2 + shot.pan[1] * part + weave[1]
    if not any(shot.pan) and weave == (0.0, 0.0):
        x, y = round(x), round(y)
    there = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    seen = cv2.warpAffine(world, there, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    return np.clip(seen, 0, 255)


@lru_cache(maxsize=8)
def _world(shot: Shot, size: tuple[int, int], pose: float) -> NDArray[Any]:
    """Draw backdrop and figure, larger than the picture by _ROOM; (h, w, 3) float32 in 0..255."""
    scene, _ = make_scene(shot.kind, shot.seed, size)
    ground = _ground(shot, size)
    height, width = ground.shape[:2]
    margin = (width - size[0]) // 2, (height - size[1]) // 2
    figure = rasterize(KINDS[shot.kind](scene, pose), size)
    alpha = figure[..., 3:].astype(np.float32) / 255
    world = ground.copy()
    here = np.s_[margin[1] : margin[1] + size[1], margin[0] : margin[0] + size[0]]
    world[here] = figure[..., :3] * alpha + world[here] * (1 - alpha)
    return world


@lru_cache(maxsize=2)
def _ground(shot: Shot, size: tuple[int, int]) -> NDArray[Any]:
    wide, high = round(size[0] * _ROOM), round(size[1] * _ROOM)
    random = np.random.default_rng([shot.seed, 13])
    if not shot.painted:
        return np.full((high, wide, 3), random.uniform(170, 245, 3), np.float32)
    scene, _ = make_scene("pan", shot.seed, (wide, high))
    texture = ground_texture(random, scene)[:high, :wide]
    return np.clip(texture + random.uniform(-40, 40, 3), 0, 255).astype(np.float32)


def _grainy(clean: NDArray[Any], grain: float, random: np.random.Generator) -> NDArray[np.uint8]:
    if not grain:
        return np.rint(clean).astype(np.uint8)
    noise = random.standard_normal(clean.shape[:2]).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.7)
    noise *= grain / float(noise.std())
    return np.rint(np.clip(clean + noise[..., None], 0, 255)).astype(np.uint8)
