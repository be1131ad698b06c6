"""What the draft engine promises about the paths of whole drawings."""

from __future__ import annotations

import numpy as np

from backend.engines import Interval, Neighbour
from backend.engines.draft import DraftEngine
from backend.job import Settings

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
