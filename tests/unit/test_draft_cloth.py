"""What the draft engine promises for cloth: a wave runs along it, and it does not flatten or tear half way."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.engines.draft.affine import transform
from backend.engines.draft.between import find_between
from backend.engines.draft.sway import Sway

HEIGHT, WIDTH = 192, 320
FINE = 4
STRIPES = ((200, 60, 60), (60, 90, 200))
BADGE, POLE, LINE = (240, 220, 60), (120, 90, 60), (25, 20, 30)


def height(along: np.ndarray, time: float) -> np.ndarray:
    """Return how far (pixels) the cloth hangs below its middle line, 0..1 along it."""
    return 13 * np.sin(2 * np.pi * 1.2 * along - 2 * time) * (0.25 + along)


def flag(time: float, *, upright: bool = False) -> np.ndarray:
    """A flag of two stripes and a badge on a pole, or a banner hanging down; premultiplied."""
    canvas = np.zeros((HEIGHT * FINE, WIDTH * FINE, 4), np.uint8)
    along = np.linspace(0, 1, 80)

    def paint(outline: np.ndarray, colour: tuple[int, int, int]) -> None:
        points = [np.rint(outline[:, ::-1] if upright else outline).astype(np.int32) * FINE]
        cv2.fillPoly(canvas, points, (*colour, 255))
        cv2.polylines(canvas, points, True, (*LINE, 255), 2 * FINE)

    place, wave = 40 + 130 * along, height(along, time)
    for number, colour in enumerate(STRIPES):
        top, bottom = (80 + 28 * (number + side) + wave for side in (-1, 0))
        paint(np.concatenate([np.column_stack([place, top]), np.column_stack([place, bottom])[::-1]]), colour)
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    middle = np.array([105.0, 80.0 + float(height(np.array([0.5]), time)[0])])
    paint(middle + 12 * np.column_stack([np.cos(turn), np.sin(turn)]), BADGE)
    paint(np.array([[33, 20], [41, 20], [41, 185], [33, 185]], float), POLE)
    drawn = canvas.astype(np.float32)
    drawn[..., :3] *= drawn[..., 3:] / 255
    return np.rint(cv2.resize(drawn, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)).astype(np.uint8)


def off(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("upright", [False, True])
def test_a_wave_runs_along_the_cloth(*, upright: bool) -> None:
    start, truth, end = (flag(time, upright=upright) for time in (0.0, 0.5, 1.0))
    found = find_between(start, end)
    half = found.draw(0.5)
    nearest = min(off(start, truth), off(end, truth))
    assert found.method == "regions"
    assert off(half, truth) < 0.25 * nearest


def test_cloth_keeps_its_wave_and_stays_whole() -> None:
    start, truth, end = (flag(time) for time in (0.0, 0.5, 1.0))
    half = find_between(start, end).draw(0.5)
    edges = [(frame[:, 50:160, 3] > 128).argmax(axis=0) for frame in (half, truth)]
    pieces, *_ = cv2.connectedComponentsWithStats((half[..., 3] > 64).astype(np.uint8))
    holes, *_ = cv2.connectedComponentsWithStats((half[..., 3] <= 64).astype(np.uint8))
    assert np.ptp(edges[0]) > 0.85 * np.ptp(edges[1])
    assert (pieces, holes) == (2, 2)  # the flag and its ground


def test_what_is_drawn_on_cloth_keeps_its_shape() -> None:
    half = find_between(flag(0.0), flag(1.0)).draw(0.5)
    badge = (np.abs(half[..., :3].astype(int) - BADGE).max(axis=-1) < 12) & (half[..., 3] > 250)
    _, _, wide, tall = cv2.boundingRect(badge.astype(np.uint8))
    assert abs(wide - tall) <= 2
    assert badge.sum() > 0.72 * wide * tall


def test_both_keys_look_up_the_same_point_of_the_cloth() -> None:
    random = np.random.default_rng(3)
    count = 40
    rise, leaving, arriving = (random.normal(0, 5, count).cumsum() / 3 for _ in range(3))
    sway = Sway(np.array([0.3, 0.0, -4.0]), np.array([0.0, 1.0]), rise, (leaving, arriving))
    motion = np.array([[0.9, -0.2, 12.0], [0.2, 0.9, -7.0]])
    box = np.s_[20:60], np.s_[30:90]
    base = np.array([[0.95, -0.1, 5.0], [0.1, 0.95, -3.0]])
    back = np.linalg.inv(np.vstack([base, [0, 0, 1]]))[:2]
    onward = (np.vstack([motion, [0, 0, 1]]) @ np.vstack([back, [0, 0, 1]]))[:2]
    from_start = sway.at(0.3, base, motion, from_start=True).lookup(back, *box)
    from_end = sway.at(0.3, base, motion, from_start=False).lookup(onward, *box)
    points = np.column_stack([from_start[0].ravel(), from_start[1].ravel()]).astype(float)
    places = points @ sway.along[:2] + sway.along[2]
    lifted = points + np.interp(places, np.arange(count), sway.rise)[:, None] * sway.across
    expected = transform(motion, lifted)
    assert np.abs(expected - np.column_stack([from_end[0].ravel(), from_end[1].ravel()])).max() < 1e-2


def test_a_sway_begins_at_one_key_and_ends_at_the_other() -> None:
    rise = np.linspace(-8, 12, 30)
    sway = Sway(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0]), rise, (rise * 3, -rise))
    assert np.abs(sway.risen(0.0)).max() == 0
    assert np.allclose(sway.risen(1.0), rise)
    assert np.allclose(sway.risen(1e-4) / 1e-4, rise * 3, rtol=1e-2, atol=1e-2)
