"""Which region of one key is which of the other, when a guide's pose finds it in one of them alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.engines.draft.affine import IDENTITY, transform
from backend.engines.draft.posed_keys import PosedKey
from backend.engines.draft.posed_parts import pairs_beside
from backend.engines.draft.posing import Pose
from backend.engines.draft.regions import Regions

THIGH, SHIN = 1, 2
KNEE = np.array([100.0, 80.0])


def leg(bent: float, *, shin_found: bool, shin_length: int = 50) -> PosedKey:
    """A leg whose shin is bent by degrees; the pose finds its thigh, and the shin if that is said."""
    labels = np.zeros((160, 200), np.int32)
    cv2.rectangle(labels, (92, 20), (108, 80), THIGH, -1)
    along = np.array([np.sin(np.deg2rad(bent)), np.cos(np.deg2rad(bent))])
    across = np.array([along[1], -along[0]]) * 6
    foot = KNEE + along * shin_length
    corners = np.array([KNEE - across, KNEE + across, foot + across, foot - across])
    shin = np.zeros_like(labels)
    cv2.fillPoly(shin, [np.rint(corners).astype(np.int32)], SHIN)
    labels = np.where(labels == 0, shin, labels)
    colours = np.tile(np.float32([120, 130, 90, 255]), (2, 1))
    misfit = np.array([0.0, 0.0 if shin_found else 0.9])
    pose = Pose([IDENTITY, IDENTITY], misfit, np.array([True, shin_found]), 0.0)
    picture = np.zeros((160, 200, 4), np.uint8)
    return PosedKey(picture, Regions(labels, labels, colours, labels > 0), pose, [IDENTITY] * 2, [0, 1], None)


@pytest.mark.parametrize("bent", [-100, 40, 120])
def test_a_shin_that_one_pose_hides_is_the_one_on_the_same_thigh(bent: float) -> None:
    posed = [leg(0, shin_found=True), leg(bent, shin_found=False)]
    ((first, second, motion),) = pairs_beside(posed, [(0, 0)])
    assert (first, second) == (1, 1)
    foot = KNEE + 50 * np.array([np.sin(np.deg2rad(bent)), np.cos(np.deg2rad(bent))])
    assert np.linalg.norm(transform(motion, np.array([[100.0, 130.0]])) - foot) < 5


def test_what_is_not_alike_or_found_by_both_is_no_pair() -> None:
    assert not pairs_beside([leg(0, shin_found=True), leg(40, shin_found=False, shin_length=25)], [(0, 0)])
    assert not pairs_beside([leg(0, shin_found=True), leg(40, shin_found=True)], [(0, 0)])
