"""What the paths of jointed parts promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.engines.draft.affine import IDENTITY, about, after, rotation, transform
from backend.engines.draft.paths import Part, Paths, plan_paths

SHOULDER, HAND = np.array([50.0, 60.0]), np.array([[90.0, 60.0]])


def falling_figure() -> Paths:
    """A body that lands squashed, and an arm that turns by a quarter at the shoulder."""
    squash = about(np.diag([1.25, 0.8]), np.array([40.0, 90.0]), np.array([40.0, 190.0]))
    turn = about(rotation(np.pi / 2), SHOULDER, SHOULDER)
    body = Part(squash, squash, np.array([40.0, 80.0]), False, None, impact=1)
    return Paths({0: body, 1: Part(after(squash, turn), turn, SHOULDER, True, 0)})


def test_a_limb_stays_at_its_joint_at_every_moment() -> None:
    for time in (0.2, 0.5, 0.9, 1.0):
        placed = falling_figure().at(time)
        at_body, at_arm = (transform(placed[number], SHOULDER[None]) for number in (0, 1))
        np.testing.assert_allclose(at_arm, at_body, atol=1e-9)


def test_a_body_stretches_on_its_way_down_but_not_what_hangs_on_its_joints() -> None:
    placed = falling_figure().at(0.5)
    assert np.linalg.norm(placed[0][:, 1]) > 1.03
    level = falling_figure()
    level.parts[0] = replace(level.parts[0], impact=0)
    np.testing.assert_allclose(placed[1][:, :2], level.at(0.5)[1][:, :2], atol=1e-9)


def test_what_lands_falls_faster_and_faster_unless_an_arc_says_how_it_falls() -> None:
    heights = [transform(falling_figure().at(time)[0], np.array([[40.0, 80.0]]))[0, 1] for time in (0, 0.5, 1)]
    assert heights[1] - heights[0] < 0.9 * (heights[2] - heights[1])
    even = [
        transform(falling_figure().evenly().at(time)[0], np.array([[40.0, 80.0]]))[0, 1] for time in (0, 0.5, 1)
    ]
    assert even[1] == pytest.approx((even[0] + even[2]) / 2)


def test_parts_led_through_places_are_there_and_take_along_what_hangs_on_them() -> None:
    place = np.column_stack([np.eye(2), [30.0, -20.0]])
    led = falling_figure().through(0.5, {0: place})
    np.testing.assert_allclose(led.at(0.5)[0], place, atol=1e-9)
    shoulder = transform(led.at(0.5)[1], SHOULDER[None])
    np.testing.assert_allclose(shoulder, SHOULDER[None] + np.array([[30.0, -20.0]]), atol=1e-9)
    np.testing.assert_allclose(led.at(0.0)[1], IDENTITY, atol=1e-9)
    np.testing.assert_allclose(transform(led.at(1.0)[1], HAND), transform(falling_figure().at(1.0)[1], HAND))


def test_a_body_hangs_by_no_joint_on_something_far_smaller() -> None:
    labels = np.zeros((200, 200), np.int16)
    labels[40:160, 60:140] = 1
    labels[150:170, 96:104] = 2
    pivot, joint = np.array([100.0, 166.0]), np.array([100.0, 158.0])
    small = about(rotation(-0.3), pivot, pivot)
    motions = [IDENTITY, after(small, about(rotation(0.3), joint, joint)), small]
    parts = plan_paths(motions, labels, labels, backdrop=0).parts
    assert parts[1].parent != 2
