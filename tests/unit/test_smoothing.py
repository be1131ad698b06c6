"""Reading an exposure sheet off frames, and planning what is drawn between its drawings."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("scenedetect", reason="needs the extra `film`")

from backend.smoothing.camera import STILL, camera_move, part_of, shift_of, then, undone
from backend.smoothing.exposure_sheet import Drawing, Shot, read_sheet
from backend.smoothing.plan import Clock, gaps_of
from backend.smoothing.sheet_file import read_sheet_file, write_sheet_file
from backend.smoothing.stabilising import camera_at

SIZE = (240, 160)


def world(seed: int) -> np.ndarray:
    """A painted backdrop, larger than the frame."""
    random = np.random.default_rng(seed)
    cloud = cv2.resize(
        random.integers(60, 220, (14, 20, 3)).astype(np.float32), (340, 240), interpolation=cv2.INTER_CUBIC
    )
    return np.clip(cloud, 0, 255).astype(np.uint8)


def frame(backdrop: np.ndarray, x: int, camera: float = 0.0, grain: int = 0) -> np.ndarray:
    """A red ball with an outline at `x` before the backdrop, seen by a camera that has moved."""
    picture = backdrop.copy()
    cv2.circle(picture, (80 + x, 110), 24, (210, 40, 50), -1, cv2.LINE_AA)
    cv2.circle(picture, (80 + x, 110), 24, (20, 20, 20), 2, cv2.LINE_AA)
    view = np.array([[1, 0, 40 + camera], [0, 1, 30]], float)
    seen = cv2.warpAffine(picture, view, SIZE, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    if grain:
        noise = np.random.default_rng(grain + int(camera * 10) + x).normal(0, 3, seen.shape[:2])
        seen = np.clip(seen + noise[..., None], 0, 255).astype(np.uint8)
    return seen


def film(*drawings: tuple[int, int], seed: int = 1, pan: float = 0.0, grain: bool = False) -> list[np.ndarray]:
    """Frames of (place, exposure) one after another, with the camera moving by `pan` pixels on each frame."""
    places = [place for place, exposure in drawings for _ in range(exposure)]
    return [frame(world(seed), x, number * pan, number + 1 if grain else 0) for number, x in enumerate(places)]


def exposures(shot: Shot) -> list[int]:
    return [drawing.exposure for drawing in shot.drawings]


@pytest.mark.parametrize("grain", [False, True])
@pytest.mark.parametrize("pan", [0.0, 0.6, 3.0])
def test_drawings_held_on_twos_and_threes_are_told_apart_from_new_ones(pan: float, grain: bool) -> None:
    (shot,) = read_sheet(film((0, 2), (6, 2), (12, 3), (18, 3), (25, 6), (32, 2), pan=pan, grain=grain))
    assert exposures(shot) == [2, 2, 3, 3, 6, 2]


def test_a_camera_that_moves_on_every_frame_is_found_and_is_no_new_drawing() -> None:
    (shot,) = read_sheet(film((0, 12), pan=2.0))
    assert exposures(shot) == [12]
    assert shift_of(shot.camera[-1], SIZE[::-1]) == pytest.approx(22.0, abs=0.5)


def test_a_camera_that_creeps_while_every_frame_is_a_new_drawing_is_found() -> None:
    faint = (world(1) * 0.7 + 90).astype(np.uint8)
    (shot,) = read_sheet([frame(faint, 5 * number, 0.25 * number, number + 1) for number in range(13)])
    assert exposures(shot) == [1] * 13
    assert shift_of(shot.camera[-1], SIZE[::-1]) == pytest.approx(3.0, abs=0.5)


def test_a_drawing_that_moves_before_a_plain_backdrop_is_no_camera_move() -> None:
    plain = np.full((240, 340, 3), 230, np.uint8)
    grays = [cv2.cvtColor(frame(plain, x), cv2.COLOR_RGB2GRAY) for x in (0, 5)]
    assert camera_move(*grays) is STILL


def test_in_a_tiny_film_a_disc_is_no_camera_move_either() -> None:
    frames = []
    for x in (20, 20, 30, 30, 40, 40, 50, 50):
        picture = np.full((64, 96, 3), (216, 208, 192), np.uint8)
        cv2.circle(picture, (x + 14, 32), 14, (192, 48, 40), -1, cv2.LINE_AA)
        cv2.circle(picture, (x + 14, 32), 14, (0, 0, 0), 2, cv2.LINE_AA)
        frames.append(picture)
    (shot,) = read_sheet(frames)
    assert exposures(shot) == [2, 2, 2, 2]
    assert all(np.array_equal(move, STILL) for move in shot.camera)


@pytest.mark.parametrize("part", ["whole figure", "one feature"])
def test_under_grain_a_move_of_one_pixel_is_a_new_drawing_and_no_gate_weave(part: str) -> None:
    frames = []
    random = np.random.default_rng(7)
    for number in range(10):
        x = 60.0 + number // 2
        picture = world(3)[:160, :240].copy()
        body = 60.0 if part == "one feature" else x
        cv2.circle(picture, (round(body * 16), 80 * 16), 40 * 16, (210, 40, 50), -1, cv2.LINE_AA, 4)
        cv2.circle(picture, (round(body * 16), 80 * 16), 40 * 16, (20, 20, 20), 2, cv2.LINE_AA, 4)
        cv2.rectangle(picture, (round(x) - 6, 66), (round(x) + 6, 86), (250, 250, 250), -1)
        cv2.rectangle(picture, (round(x) - 6, 66), (round(x) + 6, 86), (20, 20, 20), 2)
        noise = cv2.GaussianBlur(random.normal(0, 6, picture.shape[:2]).astype(np.float32), (0, 0), 0.7)
        frames.append(np.clip(picture + noise[..., None], 0, 255).astype(np.uint8))
    (shot,) = read_sheet(frames)
    assert exposures(shot) == [2, 2, 2, 2, 2]


def test_a_film_that_sways_in_its_gate_has_no_new_drawings() -> None:
    sway = np.random.default_rng(5).normal(0, 0.25, (12, 2))
    frames = []
    for x, y in sway:
        view = np.array([[1, 0, 40 + x], [0, 1, 30 + y]], float)
        seen = frame(world(4), 0)
        picture = cv2.copyMakeBorder(seen, 30, 30, 40, 40, cv2.BORDER_REFLECT)
        frames.append(cv2.warpAffine(picture, view, SIZE, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP))
    (shot,) = read_sheet(frames)
    assert exposures(shot) == [12]


def test_a_cut_is_found_and_drawings_are_never_shared_across_it() -> None:
    frames = [*film((0, 2), (7, 2), (14, 2), seed=1), *film((0, 2), (7, 2), seed=2)]
    shots = list(read_sheet(frames))
    assert [(shot.first, shot.frames) for shot in shots] == [(0, 6), (6, 4)]


def test_a_change_as_small_as_a_blink_is_a_new_drawing() -> None:
    frames = film((0, 4), grain=True)
    for later in frames[2:]:
        cv2.circle(later, (45, 75), 4, (240, 240, 240), -1)
    (shot,) = read_sheet(frames)
    assert exposures(shot) == [2, 2]


def test_no_frames_have_no_shots() -> None:
    assert list(read_sheet([])) == []


def shot_of(*exposed: int, first: int = 0) -> Shot:
    starts = np.cumsum([0, *exposed])
    drawings = tuple(
        Drawing(first + int(start), exposure) for start, exposure in zip(starts, exposed, strict=False)
    )
    return Shot(first, sum(exposed), drawings, (STILL,) * sum(exposed))


def test_twice_the_rate_on_twos_draws_three_between_two_drawings_so_that_none_is_held() -> None:
    clock = Clock.of(Fraction(24), Fraction(48))
    gaps = gaps_of(shot_of(2, 2, 2, first=10), clock, Fraction(24))
    assert [(gap.start, gap.end, gap.leave, gap.wanted) for gap in gaps] == [
        (10, 12, 20, (21, 22, 23)),
        (12, 14, 24, (25, 26, 27)),
    ]


def test_a_pose_that_is_held_on_purpose_stays_held_and_moves_on_in_the_usual_time() -> None:
    clock = Clock.of(Fraction(24), Fraction(48))
    gaps = gaps_of(shot_of(2, 12, 2, 2), clock, Fraction(24))
    assert (gaps[1].leave, gaps[1].wanted) == (24, (25, 26, 27))


def test_on_ones_at_the_films_own_rate_there_is_nothing_to_draw() -> None:
    assert gaps_of(shot_of(1, 1, 1, 1), Clock.of(Fraction(24), Fraction(24)), Fraction(24)) == ()


@pytest.mark.parametrize("rate", ["24", "25", "60", "24000/1001", "12"])
@pytest.mark.parametrize("smooth", ["24", "48", "60", "120", "48000/1001"])
def test_any_rates_keep_the_length_and_want_each_time_once(rate: str, smooth: str) -> None:
    clock = Clock.of(Fraction(rate), Fraction(smooth))
    frames = 101
    assert clock.smooth_frames(frames) / Fraction(smooth) == pytest.approx(
        frames / float(Fraction(rate)), abs=0.51 / float(Fraction(smooth))
    )
    gaps = gaps_of(shot_of(*[2] * 50, 1), clock, Fraction(rate))
    wanted = [tick for gap in gaps for tick in gap.wanted]
    assert wanted == sorted(set(wanted))
    assert all(gap.leave < tick < gap.end * clock.frame for gap in gaps for tick in gap.wanted)
    assert all(tick % clock.smooth == 0 for tick in wanted)


def test_moves_can_be_chained_undone_and_halved() -> None:
    angle, scale = 0.2, 1.1
    move = np.array(
        [
            [scale * np.cos(angle), -scale * np.sin(angle), 5.0],
            [scale * np.sin(angle), scale * np.cos(angle), -3.0],
        ]
    )
    assert np.allclose(then(move, undone(move)), STILL)
    half = part_of(move, 0.5)
    assert np.allclose(then(half, half)[:, :2], move[:, :2])
    assert np.allclose(part_of(move, 1.0), move)


def test_after_a_shots_last_frame_its_camera_goes_on_as_before() -> None:
    camera = tuple(np.array([[1.0, 0.0, 3.0 * number], [0.0, 1.0, 0.0]]) for number in range(4))
    shot = Shot(10, 4, (Drawing(10, 4),), camera)
    for frame, x in ((10, 0.0), (11.5, 4.5), (13, 9.0), (13.5, 10.5)):
        assert np.allclose(camera_at(shot, 10, frame)[:, 2], [x, 0])
    assert np.allclose(camera_at(Shot(10, 1, (Drawing(10, 1),), camera[:1]), 10, 10.5), STILL)


def test_an_exposure_sheet_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    moving = list(read_sheet(film((0, 2), (6, 2), pan=2.0)))
    still = [shot_of(2, 3, 1, first=4)]
    for shots in (moving, still):
        write_sheet_file(tmp_path / "sheet.json", shots)
        back = read_sheet_file(tmp_path / "sheet.json")
        assert back is not None
        assert [(shot.first, shot.frames, shot.drawings) for shot in back] == [
            (shot.first, shot.frames, shot.drawings) for shot in shots
        ]
        assert all(
            np.allclose(a, b)
            for one, two in zip(shots, back, strict=True)
            for a, b in zip(one.camera, two.camera, strict=True)
        )
    (tmp_path / "sheet.json").write_text("{")
    assert read_sheet_file(tmp_path / "sheet.json") is None
