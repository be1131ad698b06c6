"""Drawn lines: what is one, where its middle is; and what tells a torn picture, and a crumb, from a whole one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.engines.draft.colour import premultiply
from backend.engines.draft.crumbs import count_specks, without_crumbs
from backend.engines.draft.lines import centre_points, drawn_lines
from backend.engines.draft.wholeness import Wholeness

INK = (20, 10, 20, 255)


def face() -> np.ndarray:
    """A green face with a blue visor and an orange mouth, all outlined: narrow fills between dark lines."""
    picture = np.zeros((160, 256, 4), np.uint8)
    cv2.rectangle(picture, (70, 30), (180, 130), (80, 220, 60, 255), -1)
    cv2.rectangle(picture, (70, 30), (180, 130), INK, 2)
    for y, colour in ((60, (60, 110, 250, 255)), (100, (250, 150, 40, 255))):
        cv2.rectangle(picture, (90, y), (160, y + 9), colour, -1)
        cv2.rectangle(picture, (90, y), (160, y + 9), INK, 2)
    return premultiply(picture.astype(np.float32) / 255)


def test_a_narrow_fill_between_two_outlines_is_no_stroke() -> None:
    lines = drawn_lines(face())
    assert not lines[63:67, 95:155].any() and not lines[103:107, 95:155].any()
    assert lines[60, 95:155].all() and lines[109, 95:155].all()


@pytest.mark.parametrize("width", [2, 3, 5])
def test_the_middle_of_a_line_is_known_to_a_fraction_of_a_pixel(width: int) -> None:
    large = np.zeros((800, 1280), np.uint8)
    cv2.line(large, (200, 300), (1000, 500), 255, 8 * width)
    strokes = cv2.resize(large, (160, 100), interpolation=cv2.INTER_AREA) > 127
    points = centre_points(strokes)
    points = points[(points[:, 0] > 35) & (points[:, 0] < 115)]
    away = (points[:, :2] - (24.5, 37)) @ np.array([-200, 800]) / np.hypot(200, 800)
    assert len(points) > 60
    assert np.abs(away).max() < 0.6 and np.abs(away).mean() < 0.25
    assert np.arctan2(points[:, 3], points[:, 2]).mean() / 2 == pytest.approx(np.arctan2(200, 800), abs=0.05)


def test_a_torn_picture_has_more_areas_and_lacks_colours() -> None:
    whole = face()
    measure = Wholeness.of((whole, whole))
    torn = whole.copy()
    torn[45:125:16, 70:181] = 0
    without_mouth = whole.copy()
    without_mouth[99:112, 89:162] = whole[50, 80]
    assert measure.torn(whole) == measure.lost(whole) == 0
    assert measure.torn(torn) > 0.5
    assert measure.torn(without_mouth) == 0 < measure.lost(without_mouth)


def test_a_limb_that_came_off_is_a_crumb_unless_a_guide_leads_it() -> None:
    key, frame = np.zeros((160, 256, 4), np.uint8), np.zeros((160, 256, 4), np.uint8)
    for picture, left in ((key, 150), (frame, 170)):
        picture[40:120, 60:150] = (80, 120, 200, 255)
        picture[60:80, left : left + 20] = (80, 120, 200, 255)
    frame[20:24, 20:24] = 255
    specks = count_specks(key, key, rigid=True)
    usual, led = without_crumbs(frame, specks), without_crumbs(frame, specks.without_limbs())
    assert not usual[60:80, 170:190].any() and not usual[20:24, 20:24].any()
    assert led[60:80, 170:190].all() and not led[20:24, 20:24].any()
