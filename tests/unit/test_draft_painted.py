"""What the draft engine promises for shaded, textured pictures: never worse than its dense flow alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.engines.draft.between import find_between
from backend.engines.draft.composing import compose
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


@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("way", [12, 70])
def test_a_painted_figure_is_torn_no_worse_than_by_flow_alone(way: int, *, clear: bool) -> None:
    start, truth, end = (painted(1, 128 + side * way / 2, clear=clear) for side in (-1, 0, 1))
    chosen = find_between(start, end)
    motions = solve_flow(start, end, opaque=not clear)
    views = [motion.view(motion.source(key), 0.5) for motion, key in zip(motions, (start, end), strict=True)]
    flow = compose((views[0], views[1]), 0.5, opaque=not clear)
    made, alone = (float(np.abs(frame.astype(float) - truth).mean()) for frame in (chosen.draw(0.5), flow))
    assert chosen.method in ("regions", "flow")
    assert made < 1.15 * alone + 0.2
