"""What the draft engine promises for shaded, textured pictures: never worse than its dense flow alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.engines.draft.between import find_between
from backend.engines.draft.composing import compose
from backend.engines.draft.features import edges, features
from backend.engines.draft.flow import FlowMotion
from backend.engines.draft.self_check import MOST_TORN, meeting
from backend.engines.draft.solving import solve_flow

HEIGHT, WIDTH = 160, 256


def painted(seed: int, x: float, *, clear: bool) -> np.ndarray:
    """A shaded, grainy head with eyes and hair; its middle is `x` from the left. Premultiplied."""
    random = np.random.default_rng(seed)
    coarse = [random.random((HEIGHT // cell, WIDTH // cell)).astype(np.float32) for cell in (16, 4)]
    grain = sum(cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for part in coarse) * 25
    colour = random.uniform(60, 180, 3) + grain[..., None]
    alpha = np.full((HEIGHT, WIDTH), 0.0 if clear else 1.0)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    hair = random.uniform(40, 200, 3)
    shapes = [(0, 0, 44, 50, hair), (0, 8, 34, 38, np.array([236, 196, 170]))]
    shapes += [(side, 4, 6, 8, np.array([50, 40, 60])) for side in (-14, 14)]
    for across, down, wide, tall, paint in shapes:
        u, v = (columns - x - across) / wide, (rows - 80 - down) / tall
        covers = np.clip((1 - np.hypot(u, v)) * wide / 2, 0, 1)
        light = np.clip(1 - 0.3 * ((u + 0.4) ** 2 + (v + 0.5) ** 2), 0.4, 1.2)[..., None]
        moved = np.roll(grain, round(x - 128), axis=1)[..., None]
        colour = colour * (1 - covers[..., None]) + (paint * light + moved - 20) * covers[..., None]
        alpha = np.maximum(alpha, covers)
    picture = np.dstack([np.clip(colour, 0, 255) * alpha[..., None], alpha * 255])
    return np.rint(picture).astype(np.uint8)


def flow_alone(start: np.ndarray, end: np.ndarray, *, clear: bool) -> np.ndarray:
    """The frame half way by dense flow that nothing leads."""
    motions = solve_flow(start, end, opaque=not clear)
    views = [motion.view(motion.source(key), 0.5) for motion, key in zip(motions, (start, end), strict=True)]
    return compose((views[0], views[1]), 0.5, opaque=not clear)


def torn_pixels(made: np.ndarray, truth: np.ndarray) -> int:
    """Edges of the frame far from any that were drawn."""
    away = cv2.distanceTransform(255 - edges(truth), cv2.DIST_L2, 3)
    return int(((edges(made) > 0) & (away > 3)).sum())


@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("way", [12, 70])
def test_a_painted_figure_is_torn_no_worse_than_by_flow_alone(way: int, *, clear: bool) -> None:
    start, truth, end = (painted(1, 128 + side * way / 2, clear=clear) for side in (-1, 0, 1))
    chosen = find_between(start, end)
    flow = flow_alone(start, end, clear=clear)
    made, alone = (float(np.abs(frame.astype(float) - truth).mean()) for frame in (chosen.draw(0.5), flow))
    assert chosen.method in ("regions", "flow")
    assert made < 1.15 * alone + 0.1
    assert torn_pixels(chosen.draw(0.5), truth) <= 1.1 * torn_pixels(flow, truth) + 20


def soft_flag(time: float) -> np.ndarray:
    """Cloth with soft folds that sways before a smooth sky, which keeps the mean difference small when it tears."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = np.full((HEIGHT, WIDTH, 3), 120.0) + np.linspace(-20, 20, HEIGHT)[:, None, None]
    phase = 1 + 1.6 * time
    sway = 10 * np.sin(columns / 26 - phase) * columns / WIDTH
    covers = np.clip(rows - 45 - sway, 0, 1) * np.clip(110 + sway - rows, 0, 1)
    covers *= np.clip((columns - 60) / 2, 0, 1) * np.clip((200 - columns) / 2, 0, 1)
    folds = 0.8 + 0.25 * np.sin(columns / 13 - 2 * phase + rows / 45)
    picture += (np.array([90, 110, 215]) * folds[..., None] - picture) * covers[..., None]
    return np.rint(np.dstack([np.clip(picture, 0, 255), np.full((HEIGHT, WIDTH), 255)])).astype(np.uint8)


def test_a_small_mover_that_regions_would_tear_goes_by_flow() -> None:
    start, truth, end = (soft_flag(time) for time in (0.0, 0.5, 1.0))
    chosen = find_between(start, end)
    made, alone = chosen.draw(0.5), flow_alone(start, end, clear=False)
    errors = [float(np.square(frame.astype(float) - truth).mean()) for frame in (made, alone)]
    assert errors[0] < 1.1 * errors[1]
    assert torn_pixels(made, truth) <= 1.1 * torn_pixels(alone, truth) + 20


def test_flow_is_led_where_the_figure_goes_too_far_for_it() -> None:
    start, truth, end = (painted(1, 128 + side * 35, clear=True) for side in (-1, 0, 1))
    errors = [
        float(np.square(frame.astype(float) - truth).mean())
        for frame in (find_between(start, end).draw(0.5), flow_alone(start, end, clear=True))
    ]
    assert errors[0] < 0.5 * errors[1]


def test_torn_edges_are_told_from_those_that_were_drawn() -> None:
    key = painted(1, 128, clear=False)
    seen = features(key)

    def torn(way: np.ndarray) -> float:
        motion = FlowMotion.of(key, key, seen, seen, (way, -way), True)
        return meeting((key, key), (motion, motion), opaque=True).torn

    still = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    blocks = np.indices((HEIGHT, WIDTH)).sum(axis=0) // 12 % 2
    apart = still + np.where(blocks, 14, -14)[..., None].astype(np.float32)
    assert torn(still) == 0
    assert torn(apart) > MOST_TORN


def test_the_same_painted_keys_give_the_same_pixels_twice() -> None:
    keys = [painted(2, 128 + side * 20, clear=False) for side in (-1, 1)]
    first, second = find_between(*keys), find_between(*keys)
    assert first.method == second.method == "flow"
    np.testing.assert_array_equal(first.draw(0.5), second.draw(0.5))
