"""Colouring line drawings: areas are found, followed and filled as the reference is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.colouring import colour_between, without_blank
from backend.colouring.areas import find_areas
from backend.colouring.reference_lines import lines_of, shows
from backend.engines import Interval
from backend.errors import UserError

SIZE = (200, 140)
RED, BLUE, GREEN = (220, 60, 50), (60, 90, 210), (80, 170, 90)


def lines(x: int, turn: float = 0.0) -> np.ndarray:
    """A ball with a box on it, at `x`."""
    paper = np.full(SIZE[::-1], 255, np.uint8)
    cv2.circle(paper, (50 + x, 90), 30, 0, 2, cv2.LINE_AA)
    cv2.polylines(paper, [box(x, turn)], True, 0, 2, cv2.LINE_AA)
    return paper.astype(np.float32) / 255


def box(x: int, turn: float) -> np.ndarray:
    corners = cv2.boxPoints(((50.0 + x, 38.0), (26.0, 26.0), turn))
    return np.rint(corners).astype(np.int32)


def coloured(x: int, turn: float = 0.0, ground: tuple[int, int, int] | None = None) -> np.ndarray:
    picture = np.zeros((*SIZE[::-1], 4), np.uint8)
    if ground:
        picture[:] = (*ground, 255)
    cv2.circle(picture, (50 + x, 90), 30, (*RED, 255), -1)
    cv2.fillPoly(picture, [box(x, turn)], (*BLUE, 255))
    ink = 1 - lines(x, turn)[..., None]
    drawn = picture.astype(np.float32) / 255
    alpha = drawn[..., 3:] * (1 - ink) + ink
    return np.dstack([drawn[..., :3] * (1 - ink), alpha]).astype(np.float32)


def colour_at(picture: np.ndarray, x: int, y: int) -> tuple[int, ...]:
    return tuple(round(float(value) * 255) for value in picture[y, x])


def test_closed_areas_are_found_and_small_gaps_do_not_let_paint_run_out() -> None:
    drawing = lines(0)
    assert find_areas(drawing).count == 3
    drawing[119:124, 49:51] = 1
    assert find_areas(drawing).count == 3


def test_a_reference_gives_its_lines_and_dark_areas_are_no_lines() -> None:
    picture = coloured(0)
    found = lines_of(picture)
    drawn = lines(0) < 0.5
    assert (found[drawn] < 0.6).mean() > 0.9
    picture[60:120, 130:190] = (0, 0, 0, 1)
    assert (lines_of(picture)[75:105, 145:175] > 0.9).all()


def test_a_picture_shows_the_drawing_whose_lines_it_has() -> None:
    assert shows(coloured(0), lines(0)) and shows(coloured(0, 0, GREEN), lines(0))
    assert not shows(coloured(60), lines(0))
    assert not shows(coloured(0), np.ones(SIZE[::-1], np.float32))


@pytest.mark.parametrize("ground", [None, GREEN])
def test_every_drawing_gets_the_colours_of_the_reference(ground: tuple[int, int, int] | None) -> None:
    times = tuple(step / 8 for step in range(1, 8))
    drawings = {time: lines(round(80 * time), 90 * time) for time in times}
    found = dict(colour_between(Interval(coloured(0, 0, ground), coloured(0, 0, ground), times, drawings)))
    assert set(found) == set(times)
    for time in times:
        x = round(80 * time)
        assert colour_at(found[time], 50 + x, 100) == (*RED, 255)
        assert colour_at(found[time], 50 + x, 38) == (*BLUE, 255)
        assert colour_at(found[time], 5, 5) == ((*ground, 255) if ground else (0, 0, 0, 0))
        assert (found[time][drawings[time] < 0.1][:, :3] < 0.2).all(), "lines stay on top"


def test_a_second_reference_colours_the_drawings_near_it() -> None:
    times = tuple(step / 8 for step in range(1, 8))
    drawings = {time: lines(round(80 * time)) for time in times}
    end = coloured(80)
    end[..., :3][np.abs(end[..., 0] - RED[0] / 255) < 0.02] = np.array(GREEN) / 255
    found = dict(colour_between(Interval(coloured(0), end, times, drawings)))
    assert colour_at(found[times[0]], 50 + 10, 100) == (*RED, 255)
    assert colour_at(found[times[-1]], 50 + 70, 100) == (*GREEN, 255)


def test_only_what_is_missing_is_coloured_and_looks_the_same() -> None:
    times = tuple(step / 8 for step in range(1, 8))
    drawings = {time: lines(round(80 * time)) for time in times}
    everything = dict(colour_between(Interval(coloured(0), coloured(0), times, drawings)))
    (one,) = colour_between(Interval(coloured(0), coloured(0), times[4:5], drawings))
    assert one[0] == times[4] and np.array_equal(one[1], everything[times[4]])


def test_a_wanted_frame_without_lines_is_a_sentence() -> None:
    with pytest.raises(UserError, match="have no line drawing"):
        list(colour_between(Interval(coloured(0), coloured(0), (0.25, 0.5), {0.25: lines(10)})))


@pytest.mark.parametrize(("ground", "expected"), [(None, (0, 0, 0, 0)), (GREEN, (*GREEN, 255))])
def test_a_blank_drawing_is_all_ground_and_changes_nothing_about_the_others(
    ground: tuple[int, int, int] | None, expected: tuple[int, ...]
) -> None:
    key = coloured(0, 0, ground)
    times = tuple(step / 8 for step in range(1, 8))
    drawings = {time: lines(round(80 * time)) for time in times}
    blank = {times[0]: np.ones(SIZE[::-1], np.float32), times[4]: np.full(SIZE[::-1], 0.9, np.float32)}
    interval, made = without_blank(Interval(key, key, times, drawings | blank))
    assert set(made) == set(blank)
    for picture in made.values():
        assert picture.shape == key.shape and picture.dtype == np.float32
        assert np.array_equal(picture, np.broadcast_to(np.float32(expected) / np.float32(255), key.shape))
    found = dict(colour_between(interval))
    assert set(found) == set(interval.times) == set(times) - set(blank)
    for time in found:
        assert colour_at(found[time], 50 + round(80 * time), 100) == (*RED, 255)


@pytest.mark.parametrize("shown", [0, 3, 6])
def test_a_picture_of_any_drawing_colours_all_of_them_from_that_one_on(shown: int) -> None:
    """Each of two equal discs moves to where the other was: only small steps tell which is which."""
    places = [20 + 15 * number for number in range(7)]

    def discs(x: int) -> np.ndarray:
        paper = np.full(SIZE[::-1], 255, np.uint8)
        for middle in (x, x + 45):
            cv2.circle(paper, (middle, 70), 12, 0, 2, cv2.LINE_AA)
        return paper.astype(np.float32) / 255

    pixels = np.zeros((*SIZE[::-1], 4), np.uint8)
    for middle, colour in ((places[shown], RED), (places[shown] + 45, BLUE)):
        cv2.circle(pixels, (middle, 70), 12, (*colour, 255), -1)
        cv2.circle(pixels, (middle, 70), 12, (0, 0, 0, 255), 2)
    key = pixels.astype(np.float32) / 255
    drawings = {(number + 1) / 8: discs(x) for number, x in enumerate(places)}
    found = dict(colour_between(Interval(key, key, tuple(drawings), drawings, anywhere=True)))
    assert set(found) == set(drawings)
    for time, x in zip(drawings, places, strict=True):
        assert (colour_at(found[time], x, 70), colour_at(found[time], x + 45, 70)) == ((*RED, 255), (*BLUE, 255))
