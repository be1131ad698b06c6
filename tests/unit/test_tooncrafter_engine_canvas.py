"""Any canvas through the model's frame and back, with its transparency."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.engines.tooncrafter import matte
from backend.engines.tooncrafter.canvas import letterbox

FRAME = (512, 320)


def drawing(width: int, height: int, fill: tuple[float, float, float], x: float = 0.5) -> np.ndarray:
    """A disc of one colour with a dark rim on transparent ground, anti-aliased."""
    big = np.zeros((height * 4, width * 4, 4), np.float32)
    centre, radius = (int(width * 4 * x), height * 2), int(min(width, height) * 1.4)
    cv2.circle(big, centre, radius, (0.08, 0.06, 0.1, 1), -1)
    cv2.circle(big, centre, max(1, int(radius * 0.9)), (*fill, 1), -1)
    return matte.straighten(cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize(
    "canvas",
    [(512, 320), (1920, 1080), (1080, 1920), (640, 640), (200, 100), (37, 301), (4000, 3), (1, 1), (2, 900)],
)
def test_the_box_holds_the_whole_canvas_in_its_own_aspect(canvas: tuple[int, int]) -> None:
    box = letterbox(*canvas, *FRAME)
    assert box.width == FRAME[0] or box.height == FRAME[1]
    assert box.left >= 0 and box.left + box.width <= FRAME[0]
    assert box.top >= 0 and box.top + box.height <= FRAME[1]
    scale = min(FRAME[0] / canvas[0], FRAME[1] / canvas[1])
    assert abs(box.width - canvas[0] * scale) <= 1 and abs(box.height - canvas[1] * scale) <= 1
    picture = np.random.default_rng(1).random((canvas[1], canvas[0], 3), dtype=np.float32)
    frame = box.to_frame(picture)
    assert frame.shape == (FRAME[1], FRAME[0], 3)
    assert box.to_canvas(box.box_of(frame)).shape == picture.shape


@pytest.mark.parametrize("canvas", [(1920, 1080), (1080, 1920), (700, 700), (300, 200)])
def test_a_picture_comes_back_where_it_was(canvas: tuple[int, int]) -> None:
    box = letterbox(*canvas, *FRAME)
    rows, columns = np.mgrid[: canvas[1], : canvas[0]].astype(np.float32)
    there = np.hypot(columns - canvas[0] * 0.3, rows - canvas[1] * 0.6)
    blob = np.exp(-((there / (0.12 * min(canvas))) ** 2)).astype(np.float32)
    back = box.to_canvas(box.box_of(box.to_frame(blob)))
    for axis, places in ((0, rows), (1, columns)):
        moved = (back * places).sum() / back.sum() - (blob * places).sum() / blob.sum()
        assert abs(moved) < 0.1, f"moved by {moved:.2f} pixels along axis {axis}"
    assert np.abs(back - blob).max() < 0.02


def test_growing_makes_no_colour_that_was_not_there() -> None:
    box = letterbox(1920, 1080, *FRAME)
    steps = np.where(np.arange(box.width) // 40 % 2, np.float32(0.2), np.float32(0.8))
    grown = box.to_canvas(np.repeat(steps[None], box.height, axis=0))
    assert grown.min() >= 0.2 and grown.max() <= 0.8


@pytest.mark.parametrize(
    "fill", [(0.9, 0.2, 0.2), (1.0, 1.0, 1.0), (0.1, 0.8, 0.2), (0.5, 0.5, 0.5), (0.95, 0.75, 0.65)]
)
@pytest.mark.parametrize("noise", [0.0, 0.012])
def test_the_matte_comes_back_from_any_drawing(fill: tuple[float, float, float], noise: float) -> None:
    keys = [drawing(256, 160, fill, 0.3), drawing(256, 160, fill, 0.7)]
    backing = matte.choose_backing(keys)
    assert backing.is_sure
    between = drawing(256, 160, fill, 0.5)
    seen = matte.lay_over(between, backing)
    seen = seen + np.random.default_rng(0).normal(0, noise, seen.shape).astype(np.float32)
    lifted = matte.straighten(matte.lift(seen, backing))
    inside, outside = between[..., 3] == 1, between[..., 3] == 0
    assert (lifted[inside][:, 3] == 1).mean() > 0.99
    assert (lifted[outside][:, 3] == 0).mean() > 0.99
    rim = ~inside & ~outside
    assert np.abs(lifted[rim][:, 3] - between[rim][:, 3]).mean() < 0.06
    assert np.abs(lifted[inside][:, :3] - between[inside][:, :3]).mean() < 0.004 + noise


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("outlined", [False, True])
def test_a_see_through_drawing_stays_as_see_through(alpha: float, outlined: bool) -> None:
    def wash(x: float) -> np.ndarray:
        picture = drawing(256, 160, (0.85, 0.3, 0.2), x)
        inside = (np.abs(picture[..., :3] - np.float32([0.85, 0.3, 0.2])).max(axis=-1) < 0.01) & (
            picture[..., 3] == 1
        )
        picture[inside, 3] = alpha
        if not outlined:
            picture[~inside] = 0
        return picture

    keys, between = [wash(0.3), wash(0.7)], wash(0.5)
    backing = matte.choose_backing(keys)
    seen = matte.lay_over(between, backing) + np.random.default_rng(0).normal(0, 0.01, (160, 256, 3)).astype(
        np.float32
    )
    lifted = matte.lift(seen, backing)
    inside = between[..., 3] == np.float32(alpha)
    assert inside.mean() > 0.1
    assert np.abs(lifted[inside][:, 3] - alpha).mean() < 0.02
    assert np.abs(matte.straighten(lifted)[inside][:, :3] - between[inside][:, :3]).mean() < 0.02


def test_a_drawing_of_hairlines_that_are_nowhere_opaque_is_not_lost() -> None:
    def hairline(x: int) -> np.ndarray:
        picture = np.zeros((80, 120, 4), np.float32)
        picture[10:70, x, :] = (0.2, 0.1, 0.6, 0.4)
        return picture

    backing = matte.choose_backing([hairline(30), hairline(80)])
    lifted = matte.lift(matte.lay_over(hairline(50), backing), backing)
    assert np.abs(lifted[10:70, 50, 3] - 0.4).max() < 0.02 and lifted[:, :50].max() == 0


def test_no_trace_of_the_backing_is_left_in_a_rim() -> None:
    keys = [drawing(256, 160, (1.0, 0.9, 0.8), 0.3), drawing(256, 160, (1.0, 0.9, 0.8), 0.6)]
    backing = matte.choose_backing(keys)
    lifted = matte.straighten(matte.lift(matte.lay_over(keys[0], backing), backing))
    rim = (lifted[..., 3] > 0) & (lifted[..., 3] < 1)
    from_drawing = np.linalg.norm(lifted[rim][:, None, :3] - backing.drawing[None], axis=-1).min(axis=1)
    assert rim.any() and from_drawing.max() < 0.02


def test_opaque_keys_stay_opaque() -> None:
    opaque = np.ones((20, 30, 4), np.float32)
    assert matte.is_opaque(opaque)
    noisy = np.random.default_rng(0).normal(0.5, 1, (20, 30, 3)).astype(np.float32)
    lifted = matte.lift(noisy, None)
    assert (lifted[..., 3] == 1).all() and lifted.min() >= 0 and lifted.max() <= 1


def test_a_line_drawing_lies_on_white_paper_and_an_empty_one_stays_empty() -> None:
    lines = np.zeros((80, 120, 4), np.float32)
    lines[20:60, 40:44, 3] = 1
    assert matte.choose_backing([lines, lines]).colour.tolist() == [1, 1, 1]
    empty = np.zeros((8, 8, 4), np.float32)
    backing = matte.choose_backing([empty, empty])
    assert matte.lift(matte.lay_over(empty, backing), backing).max() == 0


def test_a_drawing_in_all_colours_is_known_to_be_doubtful() -> None:
    shades = np.linspace(0, 1, 8, dtype=np.float32)
    everything = np.stack(np.meshgrid(shades, shades, shades), axis=-1).reshape(16, 32, 3).repeat(4, 0).repeat(4, 1)
    key = np.concatenate([everything, np.ones_like(everything[..., :1])], axis=-1)
    key[:2, :2, 3] = 0
    assert matte.choose_backing([key, key]).distance < matte.choose_backing([key[:8, :8], key[:8, :8]]).distance
