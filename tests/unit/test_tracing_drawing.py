"""Tracing: the strokes of a picture look like it, in its own colours, with few points and no cracks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from backend.contract.strokes import Drawing
from backend.tracing import Tracer
from tests.unit.painted import Array, Paper, disc, psnr, redrawn, spoiled

SKY, GRASS, RED, INK, WHITE, SKIN = "#cce6fa", "#9ecc73", "#e6453b", "#17141f", "#ffffff", "#facca8"


def traced(picture: Array, *keys: Array) -> Drawing:
    return Tracer(keys or [picture]).trace(picture, 1)


def ball() -> Array:
    """An outlined ball with a stripe in front of two areas that have no line between them."""
    paper = Paper(160, 120, SKY)
    paper.area(np.array([(-5, 90), (60, 84), (165, 92), (165, 130), (-5, 130)]), GRASS)
    paper.area(disc(80, 60, 30), RED)
    paper.line(np.array([(58, 48), (102, 72)]), 3.5, WHITE)
    paper.line(disc(80, 60, 30), 2.6, INK, closed=True)
    return paper.picture()


def face() -> Array:
    """Eyes with thin outlines, a brow that tapers, a mouth that bends."""
    paper = Paper(160, 120, SKIN)
    for x in (50, 105):
        paper.area(disc(x, 50, 14, 1.2), WHITE)
        paper.line(disc(x, 50, 14, 1.2), 1.8, INK, closed=True)
        paper.area(disc(x + 2, 50, 6, 1.3), "#29386b")
        brow = np.column_stack([np.linspace(x - 14, x + 14, 20), 24 - 4 * np.sin(np.linspace(0, np.pi, 20))])
        paper.line(brow, np.linspace(4.5, 1.5, 20), "#5c3324")
    mouth = np.column_stack([np.linspace(55, 100, 30), 90 + 8 * np.sin(np.linspace(0, np.pi, 30))])
    paper.line(mouth, 2.2, "#b22b33")
    return paper.picture()


def limbs() -> Array:
    """Outlined shapes that overlap, so that lines end on lines."""
    paper = Paper(160, 120, SKY)
    for x, colour in ((50, "#facc4d"), (80, "#407ac7"), (105, SKIN)):
        paper.area(disc(x, 60, 24, 1.5), colour)
        paper.line(disc(x, 60, 24, 1.5), 2.6, INK, closed=True)
    return paper.picture()


PICTURES = pytest.mark.parametrize("paint", [ball, face, limbs], ids=lambda paint: paint.__name__)


@PICTURES
def test_strokes_look_like_the_picture(paint: Callable[[], Array]) -> None:
    picture = paint()
    assert psnr(redrawn(traced(picture)), picture) > 34


@PICTURES
def test_noise_and_blur_do_not_matter(paint: Callable[[], Array]) -> None:
    picture = paint()
    drawing = traced(spoiled(picture), picture)
    assert psnr(redrawn(drawing), picture) > 30
    assert len(drawing.lines) <= len(traced(picture).lines) + 1


@PICTURES
def test_nothing_shines_through_between_areas(paint: Callable[[], Array]) -> None:
    drawing = traced(paint())
    assert (redrawn(drawing, "#ff00ff")[..., 1] > 0).all()
    assert psnr(redrawn(drawing, "#ff00ff"), redrawn(drawing, "#00ff00")) > 60


@PICTURES
def test_colours_are_those_of_the_picture_exactly(paint: Callable[[], Array]) -> None:
    picture = paint()
    painted = {tuple(colour) for colour in picture.reshape(-1, 4)}
    drawing = traced(picture)
    for colour in {part.colour for part in (*drawing.fills, *drawing.lines)}:
        assert tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5, 7)) in painted


def test_an_edge_that_happens_to_look_like_another_colour_gets_no_rim_of_it() -> None:
    paper = Paper(160, 120, SKY)
    paper.area(disc(60, 60, 30), RED)
    paper.line(disc(60, 60, 30), 2.6, INK, closed=True)
    paper.area(disc(130, 60, 15), "#b22b33")  # lies between red and ink
    drawing = traced(paper.picture())
    dark = [fill for fill in drawing.fills if fill.colour == "#b22b33ff"]
    assert len(dark) == 1 and min(dark[0].outlines[0][::6]) > 110
    assert {line.colour for line in drawing.lines} == {INK + "ff"}


def test_an_outline_is_one_closed_line_as_wide_as_drawn() -> None:
    for width in (1.5, 2.6, 4.0):
        paper = Paper(120, 120, SKY)
        paper.area(disc(60, 60, 40), RED)
        paper.line(disc(60, 60, 40), width, INK, closed=True)
        (line,) = traced(paper.picture()).lines
        assert line.closed
        assert np.allclose(line.widths, width, atol=0.25)


def test_a_smooth_curve_needs_few_points() -> None:
    drawing = traced(ball())
    outline = next(line for line in drawing.lines if line.closed)
    assert len(outline.widths) <= 12
    assert drawing.points < 80


def test_a_line_thinner_than_a_pixel_stays_in_one_piece() -> None:
    paper = Paper(160, 120, SKY)
    wave = np.column_stack([np.linspace(20, 140, 60), 60 + 20 * np.sin(np.linspace(0, 6, 60))])
    paper.line(wave, 0.9, INK)
    paper.line(np.array([(20, 110), (140, 112)]), 3, INK)  # says what colour the ink is
    drawing = traced(paper.picture())
    thin = [line for line in drawing.lines if max(line.knots[1::6]) < 100]
    assert len(thin) == 1
    assert np.allclose(thin[0].widths, 0.9, atol=0.2)


def test_a_tapering_line_keeps_its_taper() -> None:
    paper = Paper(160, 120, WHITE)
    paper.line(np.column_stack([np.linspace(20, 140, 40), np.full(40, 60.0)]), np.linspace(5, 1.5, 40), INK)
    (line,) = traced(paper.picture()).lines
    widths = line.widths if line.knots[0] < 80 else line.widths[::-1]
    assert widths[0] > 4 and widths[-1] < 2.5


def test_what_is_transparent_stays_transparent() -> None:
    paper = Paper(120, 120)
    paper.area(disc(60, 60, 45), RED, holes=[disc(60, 60, 20)])
    picture = paper.picture()
    again = redrawn(traced(picture))
    assert again[60, 60, 3] == 0 and again[2, 2, 3] == 0 and again[60, 30, 3] == 255
    assert psnr(again, picture) > 34


def test_a_veil_is_as_see_through_as_it_was() -> None:
    paper = Paper(120, 120)
    paper.area(disc(60, 60, 40), "#e6453b80")
    drawing = traced(paper.picture())
    assert [fill.colour[:7] for fill in drawing.fills] == [RED]
    assert abs(int(drawing.fills[0].colour[7:], 16) - 128) <= 1


def test_an_area_reaches_over_the_canvas_where_it_touches_its_border() -> None:
    drawing = traced(ball())
    places = np.array(drawing.fills[0].outlines[0]).reshape(-1, 6)[:, :2]
    assert places.min() < -2 and places[:, 0].max() > 162


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (40, 30)])
def test_any_picture_can_be_traced(size: tuple[int, int]) -> None:
    width, height = size
    chance = np.random.default_rng(1)
    for picture in (
        np.zeros((height, width, 4), np.uint8),
        np.full((height, width, 4), 255, np.uint8),
        chance.integers(0, 256, (height, width, 4)).astype(np.uint8),
        np.dstack(
            [np.tile(np.linspace(0, 255, width), (height, 1)).astype(np.uint8)] * 3
            + [np.full((height, width), 255, np.uint8)]
        ),
    ):
        drawing = traced(picture)
        assert (drawing.width, drawing.height) == size
        assert all(np.isfinite(outline).all() for fill in drawing.fills for outline in fill.outlines)
