"""When: exposure and easing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.contract.job import Easing, Picture, Segment
from backend.contract.timing import Chart, chart_spacing, ease, exposed_frames, time_of


def test_on_ones_every_frame_between_the_keys_is_drawn() -> None:
    assert exposed_frames(1, 5, 1) == (2, 3, 4)


def test_on_twos_every_second_frame_is_drawn_counted_from_the_start_key() -> None:
    assert exposed_frames(1, 8, 2) == (3, 5, 7)


def test_on_threes_every_third_frame_is_drawn() -> None:
    assert exposed_frames(-4, 6, 3) == (-1, 2, 5)


def test_keys_next_to_each_other_have_nothing_between() -> None:
    assert exposed_frames(4, 5, 1) == ()


def test_an_exposure_below_one_frame_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        exposed_frames(1, 5, 0)


@pytest.mark.parametrize("easing", list(Easing))
def test_every_easing_starts_at_the_start_key_and_ends_at_the_end_key(easing: Easing) -> None:
    assert ease(0.0, easing) == 0.0
    assert ease(1.0, easing) == 1.0


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(list(Easing)))
def test_no_easing_runs_backwards_or_out_of_range(a: float, b: float, easing: Easing) -> None:
    early, late = sorted((a, b))
    assert 0.0 <= ease(early, easing) <= ease(late, easing) <= 1.0


def test_ease_in_leaves_slowly_and_ease_out_arrives_slowly() -> None:
    assert ease(0.1, Easing.EASE_IN) < 0.1 / 5
    assert 1 - ease(0.9, Easing.EASE_OUT) < 0.1 / 5
    assert ease(0.5, Easing.EASE_BOTH) == 0.5
    assert ease(0.1, Easing.EASE_BOTH) < 0.03 < 0.97 < ease(0.9, Easing.EASE_BOTH)


def test_a_frame_number_becomes_a_time_between_its_keys() -> None:
    segment = Segment(Picture(10, "a"), Picture(20, "b"), (), (), Easing.LINEAR)
    assert [time_of(frame, segment) for frame in (10, 15, 20)] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("chart", "count", "places"),
    [
        (Chart.EVEN, 3, ()),
        (Chart.HALVES, 1, (1 / 2,)),
        (Chart.HALVES, 5, (1 / 8, 1 / 4, 1 / 2, 3 / 4, 7 / 8)),
        (Chart.THIRDS, 2, (1 / 3, 2 / 3)),
        (Chart.THIRDS, 4, (1 / 9, 1 / 3, 2 / 3, 8 / 9)),
        (Chart.THIRDS, 5, (1 / 9, 1 / 3, 1 / 2, 2 / 3, 8 / 9)),
    ],
)
def test_a_chart_puts_its_ticks_where_animators_draw_them(
    chart: Chart, count: int, places: tuple[float, ...]
) -> None:
    assert chart_spacing(count, chart) == pytest.approx(places)


@given(st.integers(1, 400), st.sampled_from([chart for chart in Chart if chart is not Chart.EVEN]))
def test_a_chart_always_rises_from_key_to_key(count: int, chart: Chart) -> None:
    places = (0.0, *chart_spacing(count, chart), 1.0)
    assert len(places) == count + 2
    assert all(a < b for a, b in pairwise(places))


def test_favouring_a_key_crowds_the_drawings_there() -> None:
    start, end = chart_spacing(3, Chart.FAVOUR_START), chart_spacing(3, Chart.FAVOUR_END)
    assert start[1] < 0.3 and end[1] > 0.7
    assert start == pytest.approx([1 - place for place in reversed(end)])


def test_a_chart_decides_over_easing_and_guides_lie_between_its_drawings() -> None:
    segment = Segment(Picture(0, "a"), Picture(8, "b"), (2, 6), (), Easing.EASE_IN, (0.1, 0.5))
    assert [time_of(frame, segment) for frame in (0, 2, 6, 8)] == [0.0, 0.1, 0.5, 1.0]
    assert time_of(4, segment) == pytest.approx(0.3)
    assert time_of(7, segment) == pytest.approx(0.75)
