"""What the draft engine promises about the paths of whole drawings."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contract.job import Settings
from backend.engines import Interval, Neighbour
from backend.engines.draft import DraftEngine

from .test_draft_engine import Listener, disc

BIG = {"radius": 18, "height": 160, "width": 256}


def centres(interval: Interval, *, arcs: bool = True) -> list[np.ndarray]:
    found = []
    for frame in DraftEngine().inbetween(interval, Settings(arcs=arcs), Listener()):
        alpha = frame.picture[..., 3]
        rows, columns = np.mgrid[0 : alpha.shape[0], 0 : alpha.shape[1]]
        found.append(np.array([(alpha * columns).sum(), (alpha * rows).sum()]) / alpha.sum())
    return found


def test_two_keys_alone_give_a_straight_path() -> None:
    (middle,) = centres(Interval(disc(60, 60, **BIG), disc(120, 100, **BIG), (0.5,)))
    np.testing.assert_allclose(middle, (90, 80), atol=0.5)


def test_the_path_through_three_keys_has_no_kink() -> None:
    keys = [disc(50, 110, **BIG), disc(110, 50, **BIG), disc(170, 110, **BIG)]
    step = 0.05
    (arriving,) = centres(Interval(keys[0], keys[1], (1 - step,), after=Neighbour(2.0, keys[2])))
    (leaving,) = centres(Interval(keys[1], keys[2], (step,), before=Neighbour(-1.0, keys[0])))
    at_key = np.array([110, 50])
    np.testing.assert_allclose((at_key - arriving) / step, (leaving - at_key) / step, atol=8)
    np.testing.assert_allclose((leaving - at_key) / step, (60, 0), atol=8)


def test_without_arcs_the_neighbours_do_not_matter() -> None:
    keys = [disc(50, 110, **BIG), disc(110, 50, **BIG), disc(170, 110, **BIG)]
    (middle,) = centres(Interval(keys[0], keys[1], (0.5,), after=Neighbour(2.0, keys[2])), arcs=False)
    np.testing.assert_allclose(middle, (80, 80), atol=0.5)


def test_a_neighbour_that_shows_something_else_bends_nothing() -> None:
    keys = disc(50, 110, **BIG), disc(110, 50, **BIG)
    other = disc(170, 110, 6, 160, 256)
    (middle,) = centres(Interval(*keys, (0.5,), after=Neighbour(2.0, other)))
    np.testing.assert_allclose(middle, (80, 80), atol=0.5)


def oval(x: float, y: float, wide: float) -> np.ndarray:
    rows, columns = np.mgrid[0:160, 0:256]
    inside = ((columns - x) / (18 * wide)) ** 2 + ((rows - y) * wide / 18) ** 2 < 1
    return np.dstack([np.full((160, 256), level) * inside for level in (0.8, 0.3, 0.2, 1.0)]).astype(np.float32)


def test_a_drawing_squashed_at_its_lowest_point_falls_faster_and_faster_and_leaves_at_once() -> None:
    keys = [oval(50, 30, 1.0), oval(110, 120, 1.2), oval(170, 30, 1.0)]
    (falling,) = centres(Interval(keys[0], keys[1], (0.5,), after=Neighbour(2.0, keys[2])))
    (rising,) = centres(Interval(keys[1], keys[2], (0.5,), before=Neighbour(-1.0, keys[0])))
    assert falling[1] == pytest.approx(30 + 90 * 0.25, abs=3)
    assert rising[1] == pytest.approx(30 + 90 * 0.25, abs=3)


def test_a_drawing_that_is_lowest_but_not_squashed_swings_through() -> None:
    keys = [oval(50, 30, 1.0), oval(110, 120, 1.0), oval(170, 30, 1.0)]
    (falling,) = centres(Interval(keys[0], keys[1], (0.5,), after=Neighbour(2.0, keys[2])))
    assert falling[1] > 30 + 90 * 0.6
