"""Which frames serve which time, and which guide goes to which frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.engines.tooncrafter.guide_placement import (
    ink_of,
    is_empty,
    leading_timesteps,
    left_out,
    place_guides,
)
from backend.engines.tooncrafter.model_times import CLOSE, DEEPEST, Between, Run, plan, plan_colouring

FRAMES = 16


def all_served(run: Run) -> list[tuple[float, float]]:
    """Every served time with the time that the frames really stand for."""
    step = (run.end - run.start) / (FRAMES - 1)
    here = [(item.time, run.start + (item.left + item.fraction) * step) for item in run.served]
    return here + [pair for _, _, part in run.parts for pair in all_served(part)]


def runs_of(run: Run) -> list[Run]:
    return [run, *(below for _, _, part in run.parts for below in runs_of(part))]


def evenly(count: int) -> tuple[float, ...]:
    return tuple((index + 1) / (count + 1) for index in range(count))


@pytest.mark.parametrize("count", range(1, 41))
def test_every_wanted_time_is_served_once(count: int) -> None:
    run = plan(evenly(count), FRAMES)
    served = sorted(all_served(run))
    assert [time for time, _ in served] == sorted(evenly(count))
    assert all(abs(time - stands_for) <= CLOSE / (FRAMES - 1) for time, stands_for in served)


@given(st.sets(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=300))
def test_every_line_drawing_is_coloured_on_a_frame_that_it_leads(times: set[float]) -> None:
    ascending = tuple(sorted(times))
    run = plan_colouring(ascending, FRAMES)
    assert sorted(item.time for part in runs_of(run) for item in part.served) == list(ascending)
    for part in runs_of(run):
        assert part.guided is not None
        assert all(item.frame is not None and part.guided[item.time] == item.frame for item in part.served)
        frames = [frame for _, frame in sorted(part.guided.items())]
        assert frames == sorted(set(frames)) and set(frames) <= set(range(1, FRAMES - 1))
        assert len(frames) == min(FRAMES - 2, len([item for below in runs_of(part) for item in below.served]))
        for left, right, below in part.parts:
            keys = {0: part.start, FRAMES - 1: part.end} | {item.frame: item.time for item in part.served}
            assert (below.start, below.end) == (keys[left], keys[right])
            assert all(below.start < item.time < below.end for item in below.served)


@given(st.sets(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=80))
def test_any_times_are_served_once(times: set[float]) -> None:
    run = plan(tuple(sorted(times)), FRAMES)
    assert sorted(time for time, _ in all_served(run)) == sorted(times)
    for part in runs_of(run):
        assert len(part.served) <= len(times)
        assert all(part.start <= time <= part.end for time, _ in all_served(part))


def test_fourteen_or_fewer_take_one_run_and_more_take_runs_between_its_frames() -> None:
    assert [plan(evenly(count), FRAMES).runs for count in (1, 7, 14)] == [1, 1, 1]
    assert [plan(evenly(count), FRAMES).runs for count in (15, 23, 27)] == [3, 3, 3]
    assert plan(evenly(40), FRAMES).runs == 4


@pytest.mark.parametrize("count", [15, 23, 29, 40])
def test_no_run_is_asked_for_more_than_the_model_draws(count: int) -> None:
    for run in runs_of(plan(evenly(count), FRAMES)):
        assert len(run.served) <= FRAMES - 2
        for left, right, part in run.parts:
            assert 0 <= left < right <= FRAMES - 1
            assert part.start == pytest.approx(run.time_at(left, FRAMES))
            assert part.end == pytest.approx(run.time_at(right, FRAMES))


def test_the_models_own_times_are_its_frames() -> None:
    run = plan(evenly(14), FRAMES)
    assert [item.frame for item in run.served] == list(range(1, 15))


def test_a_time_beside_a_key_lies_between_key_and_first_frame() -> None:
    (item,) = plan((0.001,), FRAMES).served
    assert item.left == 0 and 0 < item.fraction < 0.05 and item.frame is None
    assert Between(0.5, 7, 0.0).frame == 7


def test_crowded_times_do_not_recurse_for_ever() -> None:
    times = tuple(0.3 + index * 1e-9 for index in range(60))
    assert plan(times, FRAMES).runs <= 1 + 2 * DEEPEST


@pytest.mark.parametrize("count", [0, 1, 3, 14])
def test_guides_at_even_times_lie_on_the_nearest_frame(count: int) -> None:
    placed = place_guides(evenly(count), FRAMES)
    assert len(set(placed.values())) == count
    assert all(abs(frame - time * (FRAMES - 1)) <= 0.5 for time, frame in placed.items())


@given(st.sets(st.floats(0.001, 0.999), max_size=20))
def test_no_two_guides_share_a_frame_and_no_key_takes_one(times: set[float]) -> None:
    placed = place_guides(tuple(sorted(times)), FRAMES)
    assert len(placed) == min(len(times), FRAMES - 2)
    assert len(set(placed.values())) == len(placed)
    assert all(0 < frame < FRAMES - 1 for frame in placed.values())


def test_thin_pale_lines_are_drawn_at_full_strength_and_paper_stays_paper() -> None:
    lines = np.ones((40, 40), np.float32)
    lines[:, 20] = 0.7
    ink = ink_of(lines)
    assert ink[:, 20].min() == 1 and ink[:, :20].max() == 0
    assert ink_of(np.ones((4, 4), np.float32)).max() == 0
    assert is_empty(np.ones((4, 4), np.float32)) and not is_empty(lines)


def test_a_run_within_a_run_takes_the_guides_of_its_time_on_its_own_frames() -> None:
    assert place_guides((0.2, 0.5, 0.75), FRAMES, 0.5, 1.0) == {0.75: 7}


@pytest.mark.parametrize(
    ("guides", "drawings", "unused"), [(14, 14, 0), (15, 14, 1), (20, 14, 6), (20, 20, 0), (40, 40, 0)]
)
def test_only_guides_that_no_run_has_a_frame_for_are_left_out(guides: int, drawings: int, unused: int) -> None:
    run = plan(evenly(drawings), FRAMES)
    assert len(left_out(evenly(guides), run, FRAMES)) == unused


@given(st.sets(st.floats(0.001, 0.999), max_size=40), st.integers(1, 60))
@example({0.625 + number / 64 for number in range(15)}, 15)
def test_a_guide_is_left_out_or_has_a_frame_somewhere(times: set[float], drawings: int) -> None:
    run = plan(evenly(drawings), FRAMES)
    placed = {time for part in runs_of(run) for time in place_guides(times, FRAMES, part.start, part.end)}
    assert set(left_out(times, run, FRAMES)) == times - placed


def test_guides_lead_in_the_named_part_of_the_noise() -> None:
    assert leading_timesteps(0, 1, 1000) == range(1000)
    early, late = leading_timesteps(0, 0.4, 1000), leading_timesteps(0.4, 1, 1000)
    assert 999 in early and 0 in late
    assert sorted([*early, *late]) == list(range(1000)), "every timestep belongs to one part"
