"""Limbs that match nowhere: each is turned about the place where it touches what it may hang on, all the way round.

Matching regions by colour, size and place fails where a limb swings far, looks like another, or is one region with
its neighbour in only one key. Its joint is known from one key alone, and so is what carries it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import Affine, about, after, rotation, transform
from .contacts import Contact
from .features import WORST_COST, match_cost
from .sides import Side, starting_at, warp
from .view import Mask

#: A region that matches better than this (mean mismatch) where it is brought is left there.
_MATCHED = 0.12
#: A turn must match better than what was chosen by this much, where that keeps what touches together.
_BETTER = 0.06
#: Where it does not, by more than so many pixels, the turn may match worse by as much.
_TORN_PIXELS = 8.0
#: Regions of more pixels than this share of the drawing, or fewer than so many, are no limbs.
_LARGEST_SHARE = 0.15
_LEAST_PIXELS = 40
#: Turns up to so far are tried, so far (radians) apart.
_FARTHEST, _STEP = np.radians(165), np.radians(15)
#: The most promising are turned further and moved, by (radians, pixels).
_PROMISING = 2
_FINER = tuple((np.radians(degrees), pixels) for degrees, pixels in ((5, 4), (4, 2), (2, 2), (2, 1), (1, 0.5)))
#: What is beside a limb counts as far as this (pixels).
_ROOM = 3


@dataclass(frozen=True)
class _Limb:
    """A region of a drawing on clear ground: its box in its key and its pixels therein, lines included.

    places: the flat indices of these pixels.
    """

    side: Side
    box: tuple[slice, slice]
    own: Mask
    places: NDArray[np.intp]

    @staticmethod
    def of(side: Side, region: int) -> _Limb:
        mask = side.regions.labels == region + 1
        x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
        rows, columns = mask.shape
        box = np.s_[max(y - _ROOM, 0) : min(y + height + _ROOM, rows),
                    max(x - _ROOM, 0) : min(x + width + _ROOM, columns)]  # fmt: skip
        return _Limb(side, box, mask[box], np.flatnonzero(mask[box]))

    def misfit(self, motion: Affine, worst: float = np.inf) -> float:
        """Return the mean mismatch (0..1) under a motion; what lands on clear ground does not match at all.

        worst: from there on it does not matter by how much it is worse.
        """
        way, shape = starting_at(motion, self.box), self.own.shape
        landed = warp(self.side.other_alpha, way, shape, False, (0.0,)).ravel()[self.places]
        missed = 1 - landed / 255
        least = float(missed.sum()) / len(missed)
        if least > worst:
            return least
        there = warp(self.side.other, way, shape, False)
        cost = match_cost(self.side.own[self.box], there, 3).ravel()[self.places]
        return float(np.maximum(cost / WORST_COST, missed).sum()) / len(missed)

    def best_turn(self, base: Affine, joint: NDArray[Any]) -> tuple[Affine, float]:
        """Return the turn about a joint, on top of what carries it, that matches best, and its mismatch."""
        turns = [
            after(base, about(rotation(angle), joint, joint))
            for angle in np.arange(-_FARTHEST, _FARTHEST + _STEP, _STEP)
        ]
        promising: list[tuple[float, int]] = []
        for number, turn in enumerate(turns):
            worst = promising[-1][0] if len(promising) == _PROMISING else np.inf
            promising = sorted([*promising, (self.misfit(turn, worst), number)])[:_PROMISING]
        settled = [self._settled(turns[number], misfit) for misfit, number in promising]
        return min(settled, key=lambda one: one[1])

    def _settled(self, motion: Affine, misfit: float) -> tuple[Affine, float]:
        """Return the motion turned and moved a little so that it matches better, and its mismatch."""
        rows, columns = np.nonzero(self.own)
        centre = np.array([columns.mean() + self.box[1].start, rows.mean() + self.box[0].start])
        for angle, pixels in _FINER:
            for turn, x, y in ((angle, 0, 0), (0, pixels, 0), (0, 0, pixels)):
                for sign in (-1, 1):
                    there = transform(motion, centre)
                    moved = after(about(rotation(sign * turn), there, there + sign * np.array([x, y])), motion)
                    found = self.misfit(moved, misfit)
                    if found < misfit:
                        motion, misfit = moved, found
                        break
        return motion, misfit


class Turns:
    """Finds turns of the regions of one key; remembers what it has tried."""

    def __init__(self, side: Side) -> None:
        """Look at which regions may be limbs."""
        areas = np.bincount(side.regions.labels.ravel(), minlength=side.regions.count + 1)[1:]
        largest = _LARGEST_SHARE * areas.sum()
        self._side = side
        self._limbs: dict[int, _Limb] = {}
        self._carriers: dict[int, list[tuple[int, Contact]]] = {}
        self._tried: dict[tuple[int, int, int], tuple[Affine, float]] = {}
        for region, carrier, contact in side.joints:
            if _LEAST_PIXELS < areas[region] < largest:
                if region not in self._limbs:
                    self._limbs[region] = _Limb.of(side, region)
                self._carriers.setdefault(region, []).append((carrier, contact))

    def find(self, chosen: NDArray[Any]) -> list[Affine]:
        """Return turns (own key to the other) under which regions match better than as they were brought there.

        chosen: the motion of each region.
        """
        found = []
        for region, limb in self._limbs.items():
            own = self._side.motions[chosen[region]]
            before = limb.misfit(own)
            if before < _MATCHED:
                continue
            best: tuple[float, Affine] | None = None
            for carrier, contact in self._carriers[region]:
                base, joint = self._side.motions[chosen[carrier]], contact.middle
                torn = np.linalg.norm(transform(own, joint) - transform(base, joint)) > _TORN_PIXELS
                tried = region, carrier, int(chosen[carrier])
                if tried not in self._tried:
                    self._tried[tried] = limb.best_turn(base, joint)
                turn, misfit = self._tried[tried]
                if misfit < before + (_BETTER if torn else -_BETTER) and (best is None or misfit < best[0]):
                    best = misfit, turn
            if best is not None and not any(best[1] is motion for motion in self._side.motions):
                found.append(best[1])
        return found
