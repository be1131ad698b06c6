"""What the draft engine promises for joints: limbs keep to theirs, whatever they look like, whatever they cross."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.engines.draft.between import find_between

SKIN, COAT, SHOE, INK = (230, 190, 150), (250, 200, 70), (200, 60, 50), (20, 20, 30)
NEAR, FAR = (80, 130, 200), (40, 55, 105)
WIDTH, HEIGHT, FINE = 320, 240, 4


def person(
    legs: tuple[float, float], arm: float, x: float, *, far: tuple[int, int, int] = FAR, stiff: bool = False
) -> np.ndarray:
    """A body with two legs behind it, the far one first, and an arm (of two parts, or stiff) before it.

    legs, arm: how far (radians) they point to the right from hanging down. x: of the body. far: colour of that leg.
    """
    picture = np.zeros((HEIGHT * FINE, WIDTH * FINE, 4), np.uint8)

    def limb(start: np.ndarray, end: np.ndarray, radius: float, colour: tuple[int, int, int]) -> None:
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        ring = np.column_stack([np.cos(turn), np.sin(turn)]) * radius
        outline = cv2.convexHull(np.concatenate([start + ring, end + ring]).astype(np.float32))
        points = [np.rint(outline * FINE).astype(np.int32)]
        cv2.fillPoly(picture, points, (*colour, 255))
        cv2.polylines(picture, points, True, (*INK, 255), 9, cv2.LINE_AA)

    def away(angle: float, length: float) -> np.ndarray:
        return np.array([np.sin(angle), np.cos(angle)]) * length

    for side, (angle, colour) in zip((-13, 13), zip(legs, (far, NEAR), strict=True), strict=True):
        hip = np.array([x + side, 144.0])
        foot = hip + away(angle, 62)
        limb(hip, foot, 7, colour)
        limb(foot, foot, 10, SHOE)
    limb(np.array([x, 80.0]), np.array([x, 134.0]), 20, COAT)
    shoulder = np.array([x, 84.0])
    if stiff:
        limb(shoulder, shoulder + away(arm, 44), 7, SKIN)
    else:
        elbow = shoulder + away(arm, 26)
        limb(shoulder, elbow, 8, SKIN)
        limb(elbow, elbow + away(arm + 0.2, 24), 7, SKIN)
    return cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def off(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("backwards", [False, True])
def test_legs_that_look_alike_and_cross_keep_to_their_own_hips(*, backwards: bool) -> None:
    start, truth, end = (person((-a, a), 0.3, x, far=NEAR) for a, x in ((-0.5, 130), (0.0, 150), (0.5, 170)))
    if backwards:
        start, end = end, start
    half = find_between(start, end).draw(0.5)
    assert off(half, truth) < 0.3 * min(off(start, truth), off(end, truth))


@pytest.mark.parametrize("stiff", [False, True])
@pytest.mark.parametrize("raised", [1.6, 2.5])
def test_an_arm_before_its_body_is_raised_about_its_shoulder(raised: float, *, stiff: bool) -> None:
    arms = (-0.3, 130), (raised / 2 - 0.15, 150), (raised, 170)
    start, truth, end = (person((-0.2, 0.2), arm, x, stiff=stiff) for arm, x in arms)
    half = find_between(start, end).draw(0.5)
    assert off(half, truth) < 0.3 * min(off(start, truth), off(end, truth))


def test_of_two_legs_that_pass_each_other_the_darker_one_is_the_far_one() -> None:
    start, end = person((-0.4, 0.4), 0.3, 130), person((0.4, -0.4), 0.3, 170)
    half = find_between(start, end).draw(0.5)

    def seen(colour: tuple[int, int, int]) -> int:
        return int((np.abs(half[..., :3].astype(int) - colour).max(axis=-1) < 12).sum())

    whole = int((np.abs(end[..., :3].astype(int) - NEAR).max(axis=-1) < 12).sum())
    assert seen(NEAR) > 0.9 * whole
    assert seen(FAR) < seen(NEAR)
