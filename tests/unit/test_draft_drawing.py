"""What the draft engine draws between two keys of flat art."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.engines.draft import between
from backend.engines.draft.between import find_between
from backend.engines.draft.colour import premultiply
from benchmarks.draft_clips.canvas import rasterize
from benchmarks.draft_clips.scenes import SCENES, SIZE

SKIN, EYE, INK = (240, 200, 160, 255), (250, 250, 250, 255), (20, 20, 30, 255)
Points = list[tuple[tuple[float, float], tuple[float, float], tuple[int, ...]]]


def drawn(
    ellipses: Points, turn: float = 0.0, width: int = 320, height: int = 240, line: float = 2.5
) -> np.ndarray:
    """Outlined ellipses (centre, half axes, colour), back to front, anti-aliased, premultiplied."""
    large = np.zeros((height * 4, width * 4, 4), np.uint8)
    for centre, axes, colour in ellipses:
        place = [round(value * 4) for value in centre], [max(1, round(value * 4)) for value in axes]
        cv2.ellipse(large, place[0], place[1], turn, 0, 360, colour, -1)
        cv2.ellipse(large, place[0], place[1], turn, 0, 360, INK, round(4 * line))
    return cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)


def face(look: float, open_eyes: float) -> np.ndarray:
    eyes: Points = [((160 + look + side, 100), (14, 22 * open_eyes), EYE) for side in (-30, 30)]
    return drawn([((160, 120), (90, 95), SKIN), *eyes])


def rows_of(picture: np.ndarray, colour: tuple[int, ...]) -> int:
    same = (np.abs(picture.astype(int) - colour) < 8).all(axis=-1)
    return int(same.any(axis=1).sum())


def test_an_eye_that_closes_while_the_head_turns_is_half_closed_half_way() -> None:
    whole = find_between(face(-16, 1.0), face(16, 0.08))
    heights = [rows_of(whole.draw(time), EYE) for time in (0.0001, 0.25, 0.5, 0.75)]
    assert whole.method == "regions"
    assert heights[0] > heights[1] > heights[2] > heights[3]
    assert 12 <= heights[2] <= 30
    half = whole.draw(0.5)
    eye = (np.abs(half.astype(int) - EYE) < 8).all(axis=-1)
    columns = np.flatnonzero(eye.any(axis=0))
    assert columns.mean() == pytest.approx(160, abs=4)


def test_a_face_keeps_no_trace_of_where_its_features_were() -> None:
    half = find_between(face(-16, 1.0), face(16, 0.08)).draw(0.5)
    cheek = half[150:190, 110:210].astype(int)
    assert (np.abs(cheek - SKIN) < 8).all()


def singer(look: float, open_mouth: float) -> np.ndarray:
    """A head before a coat, whose mouth opens beyond its chin."""
    coat: Points = [((160, 200), (70, 60), (70, 150, 90, 255))]
    head: Points = [((160, 90), (62, 60), SKIN)]
    eyes: Points = [((160 + look + side, 70), (9, 12), EYE) for side in (-24, 24)]
    mouth: Points = [((160 + look, 128), (15, 3 + 30 * open_mouth), (190, 60, 70, 255))]
    return drawn([*coat, *head, *eyes, *mouth])


def test_a_mouth_that_opens_beyond_the_chin_leaves_no_skin_on_the_coat() -> None:
    whole = find_between(singer(-9, 0.05), singer(9, 1.0))
    for time in (0.25, 0.5):
        below_the_chin = whole.draw(time)[155:200, 100:220].astype(int)
        skin = (np.abs(below_the_chin - SKIN) < 40).all(axis=-1)
        assert skin.sum() < 12, f"at {time}"


def test_no_ground_shows_through_a_head_that_turns() -> None:
    start, end = (premultiply((rasterize(SCENES["head"](t), SIZE) / 255).astype(np.float32)) for t in (0.0, 1.0))
    half = find_between(start, end).draw(0.5)
    holes = (half[..., 3] < 128) & (start[..., 3] > 128) & (end[..., 3] > 128)
    assert holes.sum() < 100, "the hair and the face slide apart"


def test_what_lands_squashed_keeps_its_shape_until_it_lands() -> None:
    start = drawn([((120, 60), (40, 40), SKIN), ((105, 45), (8, 6), EYE)])
    end = drawn([((160, 190), (56, 28), SKIN), ((139, 179), (11, 4), EYE)])
    middle = find_between(start, end).draw(0.5)
    rows, columns = np.nonzero(middle[..., 3] > 128)
    assert np.ptp(rows) >= np.ptp(columns) - 4


def test_flat_colours_stay_exact_right_beside_a_line_that_turns() -> None:
    start = drawn([((100, 120), (70, 40), SKIN)])
    end = drawn([((200, 120), (70, 40), SKIN)], turn=25)
    middle = find_between(start, end).draw(0.4)
    inside = cv2.erode((middle[..., 3] == 255).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    drawn_pixels = middle[inside].astype(int)
    rounding = 1
    assert (drawn_pixels[:, :3] <= np.array(SKIN[:3]) + rounding).all()
    assert (drawn_pixels[:, :3] >= np.array(INK[:3]) - rounding).all()


def ink_in(picture: np.ndarray) -> int:
    return int((picture[..., :3].max(axis=-1)[picture[..., 3] > 200] < 70).sum())


def test_a_thin_line_keeps_its_ink_half_a_pixel_further() -> None:
    start, end = (drawn([((x, 120), (70, 40), SKIN), ((x - 20, 110), (9, 9), EYE)], line=1.25) for x in (120, 141))
    middle = find_between(start, end).draw(0.5)
    assert ink_in(middle) > 0.95 * ink_in(start)


def window(x: float, y: float, size: float) -> np.ndarray:
    """A flat square with a pane, outlined as thickly as it is large, anti-aliased, premultiplied."""
    large = np.zeros((240 * 4, 320 * 4, 4), np.uint8)
    for half, colour in ((50, SKIN), (24, EYE)):
        low, high = ((round(4 * (x + way * half * size)), round(4 * (y + way * half * size))) for way in (-1, 1))
        cv2.rectangle(large, low, high, colour, -1)
        cv2.rectangle(large, low, high, INK, round(4 * 1.5 * size))
    return cv2.resize(large, (320, 240), interpolation=cv2.INTER_AREA)


def test_thin_lines_that_grow_are_in_full_ink_all_the_way() -> None:
    """Where both drawings of a line are averaged, it is drawn as dark as the artist drew it."""
    whole = find_between(window(120.3, 110.2, 1.0), window(170.8, 120.6, 1.6))
    nearly = 25
    for time in (0.25, 0.5, 0.75):
        picture = whole.draw(time)
        inked = (picture[..., :3].astype(int) <= np.array(INK[:3]) + nearly).all(axis=-1) & (picture[..., 3] > 200)
        sides = 4 * (2 * 50 + 2 * 24) * 1.6**time
        assert inked.sum() > 1.25 * sides, f"at {time} some line is grey"


def test_figures_that_pass_each_other_keep_their_outlines_before_a_backdrop() -> None:
    sky = np.full((240, 320, 4), (206, 224, 240, 255), np.uint8)

    def scene(one: float, other: float) -> np.ndarray:
        """Two snowmen; the one's head has the colour of the other's body."""
        red, blue = (200, 60, 60, 255), (60, 80, 200, 255)
        behind: Points = [((other, 150), (22, 34), red), ((other, 100), (16, 18), blue)]
        before: Points = [((one, 170), (24, 36), blue), ((one, 118), (18, 20), red)]
        figures = drawn(behind + before)
        clear = 1 - figures[..., 3:] / 255
        return np.rint(figures + sky * clear).astype(np.uint8)

    start, end = scene(80, 200), scene(219.4, 98.6)
    whole = find_between(start, end)
    assert whole.method == "regions"
    assert ink_in(whole.draw(0.2)) > 0.9 * ink_in(start)


def test_a_picture_drawn_in_bands_is_the_picture_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    start, end = face(-16, 1.0), face(16, 0.08)
    whole = find_between(start, end).draw(0.4)
    monkeypatch.setattr(between, "BAND_PIXELS", 4000)
    banded = find_between(start, end).draw(0.4)
    rounding = 1
    assert np.abs(banded.astype(int) - whole).max() <= rounding


def creature(x: float, y: float, wide: float, tall: float) -> np.ndarray:
    """A squashed or stretched ball with two eyes that keep their form."""
    eyes: Points = [((x + side * 0.34 * wide, y - 0.22 * tall), (8, 12), EYE) for side in (-1, 1)]
    return drawn([((x, y), (wide, tall), SKIN), *eyes])


def test_a_squashed_ball_stretches_instead_of_turning_on_its_side() -> None:
    middle = find_between(creature(90, 160, 62, 42), creature(220, 90, 46, 64)).draw(0.5)
    rows, columns = np.nonzero(middle[..., 3] > 128)
    leaning = np.corrcoef(rows, columns)[0, 1]
    assert abs(leaning) < 0.08, "half turned it would lean"


def test_no_ground_shows_through_where_eyes_slide_over_a_face_that_stretches() -> None:
    solution = find_between(creature(90, 160, 62, 42), creature(220, 90, 46, 64))
    for time in (0.25, 0.5, 0.75):
        clear = (solution.draw(time)[..., 3] < 64).astype(np.uint8)
        _, _, pieces, _ = cv2.connectedComponentsWithStats(clear)
        assert (pieces[1:, cv2.CC_STAT_AREA] > 3).sum() == 1, "only the ground around"


def winged(turn: float) -> np.ndarray:
    """A body with a wing that hangs from its left shoulder, turned by degrees, half behind a sash."""
    wing = cv2.ellipse2Poly((0, 46), (16, 52), 0, 0, 360, 4).astype(np.float64)
    cosine, sine = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    placed = wing @ np.array([[cosine, sine], [-sine, cosine]]) + (112, 80)
    picture = np.zeros((960, 1280, 4), np.uint8)
    sash = np.array([[112, 76], [132, 80], [100, 150], [80, 140]])
    for outline, colour in ((placed, (40, 50, 110, 255)), (sash, (200, 60, 60, 255))):
        points = [np.rint(outline * 4).astype(np.int32)]
        cv2.fillPoly(picture, points, colour)
        cv2.polylines(picture, points, True, INK, 10)
    cv2.ellipse(picture, (640, 480), (200, 280), 0, 0, 360, (120, 160, 220, 255), -1)
    cv2.ellipse(picture, (640, 480), (200, 280), 0, 0, 360, INK, 10)
    return cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA)


def test_a_half_covered_wing_turns_about_its_shoulder() -> None:
    half = find_between(winged(30), winged(95)).draw(0.5)
    true = winged(62.5)
    blue = [(np.abs(picture.astype(int) - (40, 50, 110, 255)) < 12).all(axis=-1) for picture in (half, true)]
    assert (blue[0] & blue[1]).sum() > 0.75 * blue[1].sum()
    assert (blue[0] & ~blue[1]).sum() < 0.15 * blue[1].sum()
