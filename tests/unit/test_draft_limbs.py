"""What the draft engine promises for limbs: they swing far, look alike, and stay where they belong."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.engines.draft.between import find_between

SKIN, SLEEVE, COAT, INK = (230, 190, 150, 255), (200, 60, 50, 255), (60, 110, 190, 255), (20, 20, 30, 255)
WIDTH, HEIGHT, FINE = 320, 240, 4
SHOULDER = np.array([140.0, 100.0])


def pointing(angle: float, length: float) -> np.ndarray:
    """Return the way (x, y) that a limb goes at an angle from hanging straight down, towards the left."""
    return np.array([-np.sin(angle), np.cos(angle)]) * length


def figure(arm: float, *, wrist: bool = True, room: int = 0) -> np.ndarray:
    """A body with a head and one arm (sleeve, forearm, hand); with no wrist, forearm and hand are one area."""
    picture = np.zeros((HEIGHT * FINE, WIDTH * FINE, 4), np.uint8)

    def blob(outlines: list[np.ndarray], colour: tuple[int, ...]) -> None:
        points = [np.rint(outline * FINE).astype(np.int32) for outline in outlines]
        for outline in points:
            cv2.polylines(picture, [outline], True, INK, 5 * FINE)
        for outline in points:
            cv2.fillPoly(picture, [outline], colour)

    def capsule(start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        ring = np.column_stack([np.cos(turn), np.sin(turn)]) * radius
        return cv2.convexHull(np.concatenate([start + ring, end + ring]).astype(np.float32))[:, 0]

    elbow = SHOULDER + pointing(arm, 34)
    hand = elbow + pointing(arm + 0.3, 30)
    blob([capsule(np.array([160.0, 95.0]), np.array([160.0, 150.0]), 24)], COAT)
    blob([capsule(np.array([160.0, 45.0]), np.array([160.0, 48.0]), 26)], SKIN)
    forearm, palm = capsule(elbow, hand, 6), capsule(hand, hand, 9)
    for part in [[forearm], [palm]] if wrist else [[forearm, palm]]:
        blob(part, SKIN)
    blob([capsule(SHOULDER, elbow, 8)], SLEEVE)
    small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(small, room, room, room, room, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))


def off(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("wrist", [True, False])
@pytest.mark.parametrize("turn", [0.9, 1.6])
def test_a_forearm_hangs_on_its_arm_however_far_it_swings(turn: float, *, wrist: bool) -> None:
    start, truth, end = figure(0.4), figure(0.4 + turn / 2), figure(0.4 + turn, wrist=wrist)
    half = find_between(start, end).draw(0.5)
    assert off(half, truth) < 0.15 * min(off(start, truth), off(end, truth))


@pytest.mark.parametrize("room", [10, 90])
def test_an_arm_is_found_however_much_room_is_around_the_drawing(room: int) -> None:
    start, truth, end = (figure(angle, room=room) for angle in (0.3, 1.05, 1.8))
    half = find_between(start, end).draw(0.5)
    assert off(half, truth) < 0.15 * min(off(start, truth), off(end, truth))
