"""What the draft engine promises about guides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from .test_draft_engine import Listener, disc, run

SIZE = {"height": 160, "width": 256}


def drawing(x: float, y: float, wide: float = 1.0) -> np.ndarray:
    """An outlined ellipse with an inner ring, on clear ground."""
    large = np.zeros((SIZE["height"] * 4, SIZE["width"] * 4, 4), np.uint8)
    centre = round(x * 4), round(y * 4)
    cv2.ellipse(large, centre, (round(120 * wide), round(120 / wide)), 0, 0, 360, (60, 120, 200, 255), -1)
    cv2.ellipse(large, centre, (round(120 * wide), round(120 / wide)), 0, 0, 360, (20, 10, 20, 255), 10)
    cv2.circle(large, centre, 40, (220, 180, 40, 255), -1)
    cv2.circle(large, centre, 40, (20, 10, 20, 255), 8)
    return cv2.resize(large, (SIZE["width"], SIZE["height"]), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def lines_of(picture: np.ndarray) -> np.ndarray:
    dark = (picture[..., :3].sum(axis=-1) < 0.5) & (picture[..., 3] > 0.5)
    return 1 - dark.astype(np.float32)


def test_a_figure_goes_where_the_guide_says() -> None:
    truth = drawing(128, 110)
    start, end = drawing(60, 50), drawing(196, 50)
    plain = run(start, end, times=(0.5,))[0].picture
    listener = Listener()
    guided = run(start, end, {0.5: lines_of(truth)}, listener, times=(0.5,))[0].picture
    assert not listener.warnings
    assert np.abs(guided - truth).mean() < 0.25 * np.abs(plain - truth).mean()


def test_neighbours_of_a_guided_frame_follow_too() -> None:
    start, end = drawing(60, 50), drawing(196, 50)
    guided = run(start, end, {0.5: lines_of(drawing(128, 110))}, times=(0.3,))[0].picture
    rows, _ = np.nonzero(guided[..., 3] > 0.5)
    assert rows.mean() > 65


def test_a_guide_that_means_something_else_is_refused_and_changes_nothing() -> None:
    start, end = drawing(60, 50), drawing(196, 50)
    scribble = np.ones((SIZE["height"], SIZE["width"]), np.float32)
    rng = np.random.default_rng(4)
    for _ in range(30):
        a, b = (tuple(int(v) for v in rng.integers(5, 150, 2)) for _ in range(2))
        cv2.line(scribble, a, b, 0, 1)
    listener = Listener()
    guided = run(start, end, {0.5: scribble}, listener)
    assert [time for _, time in listener.warnings] == [0.5]
    for with_guide, without in zip(guided, run(start, end), strict=True):
        np.testing.assert_array_equal(with_guide.picture, without.picture)


def test_an_empty_guide_is_ignored_and_reported() -> None:
    listener = Listener()
    run(disc(40, 40), disc(80, 50), {0.5: np.ones((96, 128), np.float32)}, listener)
    assert [time for _, time in listener.warnings] == [0.5]


def test_strength_zero_ignores_guides_silently() -> None:
    start, end = drawing(60, 50), drawing(196, 50)
    listener = Listener()
    guided = run(start, end, {0.5: lines_of(drawing(128, 110))}, listener, guide_strength=0.0)
    assert not listener.warnings
    for with_guide, without in zip(guided, run(start, end), strict=True):
        np.testing.assert_array_equal(with_guide.picture, without.picture)


@pytest.mark.parametrize("times", [(0.2, 0.6), (0.6, 0.2)])
def test_several_guides_are_met_whatever_their_order(times: tuple[float, float]) -> None:
    places = {0.2: (90, 100), 0.6: (150, 100)}
    guides = {time: lines_of(drawing(*places[time])) for time in times}
    frames = run(drawing(60, 50), drawing(196, 50), guides, times=(0.2, 0.6))
    for frame in frames:
        assert np.abs(frame.picture - drawing(*places[frame.time])).mean() < 0.02
