"""Posing a key after a guide: each region gets the motion that lays its outlines on the guide's lines.

The guide has no colours, so a motion is judged by how far the region's outlines then are from guide lines of the
same direction. Regions that the guide does not draw go with their neighbours, or stay where they were expected.
Energy: sum of misfits + border length * how far two neighbours part + reluctance to leave the expected place,
minimised by iterated conditional modes, with new motions proposed from what was found (Besag 1986; Besl & McKay
1992 for the fits).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .affine import (
    Affine,
    about,
    angle,
    is_plausible,
    rotation,
    transform,
)
from .contacts import Contact, as_hinges, find_contacts
from .hanging import PARTING, TURNS, apart, border_parted, hung, parted, share_parted
from .hypotheses import silhouette
from .line_sets import LineSet, placed_points
from .lines import oriented_points
from .regions import Regions
from .view import Mask

#: Points taken along one region's outlines, and the least that say anything.
_POINTS = 80
_FEWEST_POINTS = 12
#: Motions considered; two that move no corner of the drawing further apart than this many pixels are one.
_MOST_MOTIONS = 700
_SAME_PIXELS = 1.0
_ROUNDS, _LAST_ROUNDS = 3, 3
#: A region whose outlines are off by this share of the reach does not lie on the guide's lines; how much it says
#: per pixel of outline whether it does.
_MISSED = 0.6
_SAYING = 1.2
_REACH_BY_RADIUS = 1.0
_SWEEPS = 6
#: A region whose outlines match nowhere better than this (share of the reach) is not in the guide.
_UNDRAWN = 0.45
_UNDRAWN_SAYS = 0.1
#: In a guide that draws at least this share of the outlines, what is not drawn is hidden: what each pixel of its
#: outline costs that shows on empty paper.
_COMPLETE = 0.6
_SHOWN = 0.6
#: So many times more reluctant to move is what the guide does not draw.
_STAYING = 3.0
#: Reluctance to leave the expected place: at all, by radian, by doubling of size, by diagonal of the picture.
_LEAVING, _TURNING, _GROWING, _GOING = 0.02, 0.03, 0.25, 0.1
#: A region of so many pixels is as reluctant to move as one pixel of outline.
_PIXELS_AS_OUTLINE = 30.0
#: A region needs this share of the guide's lines under its outlines (within so many pixels) for itself.
_OWN_SHARE = 0.25
_ON_LINE_PIXELS, _COVERED_PIXELS = 5.0, 3.0
#: How many regions are looked for in the guide's closed areas, largest first, and how much (logarithm) their
#: areas may differ.
_MOST_REGIONS = 40
_LIKE_SIZE = 1.0
#: A region so many times as long as it is wide may be a limb.
_LIMB = 1.6
_SCALES = 0.35, 2.2
#: From how many of the best places found so far a region that must look elsewhere does so.
_STARTS = 4
#: Regions whose common border is parted by less than this (0..1) move as one.
_TOGETHER = 0.3
#: A pose that parts more of the borders between regions than this is none.
_MOST_PARTED = 0.95
#: What each motion in use costs: a drawing moves in few pieces.
_PIECE = 6.0


@dataclass(frozen=True)
class Pose:
    """A key's regions in the guide's pose.

    For each region: motions, from the key to the guide's picture; misfit, 0 (all its outlines lie on the guide's
    lines) .. 1; told, whether the guide draws it at all. parted: the share of the borders between regions (0..1)
    along which these do not stay together.
    """

    motions: list[Affine]
    misfit: NDArray[Any]
    told: Mask
    parted: float

    @property
    def understood(self) -> bool:
        """Whether it is a pose at all, and not the key in pieces."""
        return self.parted <= _MOST_PARTED


@dataclass(frozen=True)
class _Beside:
    """What a region touches, and where their border would be under each motion: (motions, points, 2)."""

    other: int
    contact: Contact
    places: NDArray[Any]
    known: dict[int, NDArray[Any]] = field(default_factory=dict)

    def torn(self, chosen: NDArray[Any]) -> NDArray[Any]:
        """Return (motions,) what it costs that the region parts from the other under each of them."""
        motion = int(chosen[self.other])
        if motion not in self.known:
            away = apart(self.places, self.places[motion], self.contact.slack)
            self.known[motion] = PARTING * self.contact.length * away
        return self.known[motion]


def pose(regions: Regions, drawn: Mask, expected: list[Affine], guide: LineSet, fixed: Mask) -> Pose:
    """Return the pose in which a key's outlines (`drawn`) lie on the guide's lines.

    expected: for each region, the motion to where it should be at the guide's time if there were no guide.
    fixed: which regions go exactly there, and say nothing of the others: the backdrop's.
    """
    return _Posing(regions, drawn, expected, guide, fixed).solve()


class _Posing:
    """One search for a pose: what is known of the regions, and the motions collected so far."""

    def __init__(self, regions: Regions, drawn: Mask, expected: list[Affine], guide: LineSet, fixed: Mask) -> None:
        self.fixed = fixed
        self.regions, self.guide, self.expected = regions, guide, expected
        self.shapes = regions.shapes
        self.points = _outline_points(regions, drawn)
        self.weight = np.array([float(len(points)) for points in self.points]) / _thickness(drawn)
        self.sampled = [_sample(points, _POINTS) for points in self.points]
        self.weight[[len(points) < _FEWEST_POINTS for points in self.sampled]] = 0
        self.weight[fixed] = 0
        # Any line through a small shape is near all of its outline; it must lie closer to say the same.
        self.reach = np.clip(_REACH_BY_RADIUS * 2 * np.sqrt(self.shapes.short), 2.0, guide.reach)
        found = [c for c in find_contacts(regions.labels) if not (fixed[c.first] or fixed[c.second])]
        self.contacts = as_hinges(found, regions, self.shapes)
        rows, columns = np.nonzero(regions.live)
        low, high = (columns.min(), rows.min()), (columns.max(), rows.max())
        self.corners = np.array([low, (high[0], low[1]), (low[0], high[1]), high], float)
        self.diagonal = float(np.hypot(*regions.cores.shape))
        self.motions: list[Affine] = []
        self.moved = np.empty((0, 4, 2))
        self.misfits = np.empty((regions.count, 0))
        self.costs = np.empty((regions.count, 0))
        self.order = np.argsort(-self.shapes.area, kind="stable")
        self.home = np.empty(0, int)
        self.says = np.ones(regions.count)
        self.lines = [guide] * regions.count
        self.is_second = np.zeros(regions.count, np.bool_)
        self.best: NDArray[Any] | None = None

    def solve(self) -> Pose:
        """Alternate between choosing motions and proposing better ones.

        In the end, what the guide does not draw is hung on what it touches; where the guide draws nearly all of the
        rest, it hides behind that.
        """
        self.home = self._add_expected()
        self._add(self._from_closed_areas() + self._from_the_whole())
        for turn in range(_ROUNDS):
            chosen = self._minimise()
            self._share_out(chosen, lasting=False)
            self._add(self._refined(chosen))
            if turn < _ROUNDS - 1:
                self._add(self._turned_at_joints(chosen))
        for turn in range(_LAST_ROUNDS):
            chosen = self._minimise()
            self._share_out(chosen, lasting=turn > 0)
            self._add(self._refined(chosen) + self._turned_at_joints(chosen))
        chosen = self._minimise()
        misfit = self.misfits[np.arange(len(chosen)), chosen]
        told = (self.weight > 0) & (misfit <= _UNDRAWN) & (self.says == 1)
        motions = [self.motions[k] for k in chosen]
        complete = float(self.weight[told].sum()) > _COMPLETE * float(self.weight.sum())
        for region in self.order:
            beside = [c for c in self.contacts if region in (c.first, c.second)]
            if beside and not (told[region] or self.fixed[region]):
                candidates = hung(int(region), motions, beside)
                cost = border_parted(int(region), candidates, motions, beside)
                cost += _STAYING * self._reluctance(candidates)[region]
                if complete:
                    cost += _SHOWN * self.weight[region] * self.guide.on_paper(self.sampled[region], candidates)
                motions[region] = candidates[int(cost.argmin())]
        return Pose(motions, misfit, told, share_parted(motions, self.contacts))

    def _add(self, motions: list[Affine]) -> None:
        """Add motions that are new and do not distort, with what they cost every region."""
        fresh: list[Affine] = []
        for motion in motions:
            if len(self.motions) + len(fresh) >= _MOST_MOTIONS:
                break
            if not _keeps_shape(motion):
                continue
            moved = transform(motion, self.corners)
            if len(self.moved) and np.abs(self.moved - moved).max(axis=(1, 2)).min() <= _SAME_PIXELS:
                continue
            self.moved = np.concatenate([self.moved, moved[None]])
            fresh.append(motion)
        if not fresh:
            return
        self.motions += fresh
        misfits = np.stack([self._misfits(k, fresh) for k in range(self.regions.count)])
        self.misfits = np.hstack([self.misfits, misfits])
        self.costs = np.hstack([self.costs, self._reluctance(fresh)])

    def _misfits(self, region: int, motions: list[Affine]) -> NDArray[Any]:
        """Return how far a region's outlines are from the lines that may stand for it."""
        return self.lines[region].misfits(self.sampled[region], motions, self.reach[region])

    def _add_expected(self) -> NDArray[Any]:
        """Add where regions are expected; return the number of each region's own."""
        self._add(self.expected)
        corners = np.array([transform(motion, self.corners) for motion in self.expected])
        return np.asarray(np.abs(corners[:, None] - self.moved[None]).max(axis=(2, 3)).argmin(axis=1))

    def _reluctance(self, motions: list[Affine]) -> NDArray[Any]:
        """Return (regions, motions): what it costs to go elsewhere than expected."""
        turns, sizes = _turns_and_sizes(motions)
        home_turns, home_sizes = _turns_and_sizes(self.expected)
        centres = np.column_stack([self.shapes.centre, np.ones(len(self.expected))])
        home = np.einsum("rij,rj->ri", np.array(self.expected), centres)
        there = np.einsum("mij,rj->rmi", np.array(motions), centres)
        away = np.linalg.norm(there - home[:, None], axis=-1) / self.diagonal
        turn = np.abs((turns[None] - home_turns[:, None] + np.pi) % (2 * np.pi) - np.pi)
        grown = np.abs(sizes[None] - home_sizes[:, None])
        moved = (away > 0.5 / self.diagonal) | (turn > 0.01) | (grown > 0.01)
        cost = _LEAVING * moved + _TURNING * turn + _GROWING * grown + _GOING * away
        size = self.weight + self.shapes.area / _PIXELS_AS_OUTLINE
        size[self.fixed] = 1e9
        return np.asarray(cost * size[:, None])

    def _minimise(self) -> NDArray[Any]:
        """Return the number of each region's motion: the best of what is found from several beginnings."""
        unary = _SAYING * np.minimum(self.misfits / _MISSED, 1) * self.weight[:, None]
        undrawn = self.misfits.min(axis=1) > _UNDRAWN
        unary[undrawn] *= _UNDRAWN_SAYS
        unary *= self.says[:, None]
        untold = undrawn | (self.says < 1) | (self.weight == 0)
        energy = unary + self.costs * np.where(untold, _STAYING, 1)[:, None]
        stack = np.array(self.motions)
        near: list[list[_Beside]] = [[] for _ in range(self.regions.count)]
        placed = [
            (np.einsum("mij,pj->mpi", stack[:, :, :2], contact.points) + stack[:, None, :, 2]).astype(np.float32)
            for contact in self.contacts
        ]
        for contact, places in zip(self.contacts, placed, strict=True):
            near[contact.first].append(_Beside(contact.second, contact, places))
            near[contact.second].append(_Beside(contact.first, contact, places))
        whole = np.full(self.regions.count, int(energy.sum(axis=0).argmin()))
        starts = [np.asarray(energy.argmin(axis=1)), whole, self.home.copy()]
        if self.best is not None:
            starts.append(self.best.copy())
        ends = [self._settle(start, energy, near) for start in starts]
        totals = [self._total(end, energy, placed) for end in ends]
        self.best = ends[int(np.argmin(totals))]
        return self.best

    def _share_out(self, chosen: NDArray[Any], *, lasting: bool) -> None:
        """Find what each region's lines say (1, or little): a line of the guide stands for one thing only.

        What lies on lines that already stand for something with better reasons may still be what the lines stand
        for that are left, and has to look there; if it is none of them, the guide does not draw it. What stays
        together is judged together. lasting: what had to look elsewhere before does not come back.
        """
        if not lasting:
            for region in np.flatnonzero(self.is_second):
                self.lines[region] = self.guide
                self.misfits[region] = self._misfits(int(region), self.motions)
            self.is_second[:] = False
        here = np.arange(len(chosen)), chosen
        reasons = self.weight * (1 - self.misfits[here]) - self.costs[here]
        target = self.guide.points
        taken, covered = np.zeros(len(target), np.bool_), np.zeros(len(target), np.bool_)
        left: LineSet | None = None
        self.says = np.ones(self.regions.count)
        blocks = [[k for k in block if self.weight[k]] for block in self._blocks(chosen)]
        blocks.sort(key=lambda block: -float(reasons[block].sum()))
        for second in (False, True):
            for block in blocks:
                members = [k for k in block if self.is_second[k] == second]
                if not members:
                    continue
                placed = [placed_points(self.points[k], self.motions[chosen[k]]) for k in members]
                tree = cKDTree(np.concatenate(placed))
                distance, _ = tree.query(target, distance_upper_bound=_ON_LINE_PIXELS)
                on = np.isfinite(distance)
                if (on & ~taken).sum() >= _OWN_SHARE * on.sum():
                    taken |= on
                    covered |= distance < _COVERED_PIXELS
                elif second:
                    self.says[members] = _UNDRAWN_SAYS
                else:
                    self.is_second[members] = True
            if not second and not covered.all():
                left = LineSet(_drawn(target[~covered], self.guide.strokes.shape))
        for region in np.flatnonzero(self.is_second):
            if left is None or len(left.points) < _FEWEST_POINTS:
                self.says[region] = _UNDRAWN_SAYS
            else:
                self.lines[region] = left
                self.misfits[region] = self._misfits(int(region), self.motions)

    def _blocks(self, chosen: NDArray[Any]) -> list[list[int]]:
        """Return the groups of regions that touch and stay together."""
        group = np.arange(self.regions.count)
        motions = [self.motions[k] for k in chosen]
        for contact in self.contacts:
            if parted(contact, motions) < _TOGETHER:
                group[group == group[contact.second]] = group[contact.first]
        return [np.flatnonzero(group == number).tolist() for number in np.unique(group)]

    def _settle(self, chosen: NDArray[Any], energy: NDArray[Any], near: list[list[_Beside]]) -> NDArray[Any]:
        """Improve one region at a time until none can be."""
        used = np.bincount(chosen, minlength=energy.shape[1])
        for _ in range(2 * _SWEEPS):
            changed = False
            for region in self.order:
                used[chosen[region]] -= 1
                total = energy[region] + _PIECE * (used == 0)
                for beside in near[region]:
                    total += beside.torn(chosen)
                best = int(total.argmin())
                changed |= best != chosen[region]
                chosen[region] = best
                used[best] += 1
            if not changed and not self._move_blocks(chosen, used, energy, near):
                break
        return chosen

    def _move_blocks(
        self, chosen: NDArray[Any], used: NDArray[Any], energy: NDArray[Any],
        near: list[list[_Beside]],
    ) -> bool:  # fmt: skip
        """Move, in place, groups of regions that stay together; say whether any was better elsewhere."""
        changed = False
        for block in self._blocks(chosen):
            if len(block) < 2:
                continue
            inside = set(block)
            before = float(energy[block, chosen[block]].sum())
            total = energy[block].sum(axis=0) + _PIECE * (used == 0)
            for region in block:
                for beside in near[region]:
                    torn = beside.torn(chosen)
                    if beside.other not in inside:
                        total = total + torn
                    before += float(torn[chosen[region]]) * (0.5 if beside.other in inside else 1.0)
            best = int(total.argmin())
            if total[best] < before - 1e-6:
                np.subtract.at(used, chosen[block], 1)
                chosen[block] = best
                used[best] += len(block)
                changed = True
        return changed

    def _total(self, chosen: NDArray[Any], energy: NDArray[Any], placed: list[NDArray[Any]]) -> float:
        total = float(energy[np.arange(len(chosen)), chosen].sum()) + _PIECE * len(np.unique(chosen))
        for contact, places in zip(self.contacts, placed, strict=True):
            torn = apart(places[chosen[contact.first]][None], places[chosen[contact.second]], contact.slack)
            total += PARTING * contact.length * float(torn[0])
        return total

    def _from_closed_areas(self) -> list[Affine]:
        """Motions that bring a region into a closed area of the guide that is alike in size and form.

        Moments give them: the move, both turns that lay long axis on long axis, and the map of one onto the other.
        """
        areas = self.guide.areas
        if not areas.count:
            return []
        other = self.guide.areas.shapes
        found: list[Affine] = []
        for region in [k for k in self.order if not self.fixed[k]][:_MOST_REGIONS]:
            size = np.abs(np.log(other.area / self.shapes.area[region]))
            slender = np.log(self.shapes.long[region] / self.shapes.short[region])
            form = np.abs(np.log(other.long / other.short) - slender)
            centre = self.shapes.centre[region]
            expected = self.expected[region]
            away = np.linalg.norm(other.centre - transform(expected, centre[None])[0], axis=1) / self.diagonal
            unlike = size + 0.5 * form + 2 * away
            for area in np.argsort(unlike, kind="stable")[:3]:
                if size[area] > _LIKE_SIZE:
                    continue
                squash = other.covariance_power(area, 0.5) @ self.shapes.covariance_power(region, -0.5)
                turn = float((other.tilt[area] - self.shapes.tilt[region] + np.pi / 2) % np.pi - np.pi / 2)
                linears = [expected[:, :2], squash, -squash, rotation(turn), rotation(turn + np.pi)]
                found += [about(linear, centre, other.centre[area]) for linear in linears]
        return found

    def _from_the_whole(self) -> list[Affine]:
        """Motions of the whole drawing: silhouette onto silhouette, and lines onto lines from many turns."""
        found = silhouette(self.regions, self.guide.areas) if self.guide.areas.live.any() else []
        everything = np.concatenate(
            [points for points, used in zip(self.points, self.weight, strict=True) if used] or [np.empty((0, 4))]
        )
        sample = _sample(everything, 4 * _POINTS)
        if len(sample) < _FEWEST_POINTS:
            return found
        starts: list[Affine] = []
        target = self.guide.points[:, :2]
        spread = float(np.sqrt(target.var(axis=0).sum()))
        for motion in [self.expected[k] for k in self.order if not self.fixed[k]][:6]:
            placed = transform(motion, sample[:, :2])
            scale = float(np.clip(spread / max(np.sqrt(placed.var(axis=0).sum()), 1), 0.7, 1.4))
            for turn in np.deg2rad(np.arange(-180, 180, 20)):
                for size in (1.0, scale):
                    linear = size * rotation(turn) @ motion[:, :2]
                    starts.append(about(linear, sample[:, :2].mean(axis=0), target.mean(axis=0)))
            starts.append(motion)
        misfits = self.guide.misfits(sample, starts)
        best = np.argsort(misfits, kind="stable")[:6]
        return found + [self.guide.fit(sample, starts[k]) for k in best] + [starts[k] for k in best[:2]]

    def _refined(self, chosen: NDArray[Any]) -> list[Affine]:
        """Fit the motions in use to the guide: for all regions that share one, and for each region alone."""
        found = []
        for number in np.unique(chosen):
            members = [self.points[k] for k in np.flatnonzero(chosen == number) if self.weight[k]]
            if members:
                found.append(self.guide.fit(_sample(np.concatenate(members), 3 * _POINTS), self.motions[number]))
        for region, number in enumerate(chosen):
            if self.weight[region]:
                starts = [number, *self._elsewhere(region)]
                found += [self.lines[region].fit(self.sampled[region], self.motions[k]) for k in starts]
        return found

    def _elsewhere(self, region: int) -> NDArray[Any]:
        """Return the motions under which what must look for other lines fits best so far."""
        if not self.is_second[region]:
            return np.empty(0, int)
        return np.argsort(self.misfits[region] * self.weight[region] + self.costs[region], kind="stable")[:_STARTS]

    def _turned_at_joints(self, chosen: NDArray[Any]) -> list[Affine]:
        """Turn regions whose outlines are still off about where they touch a neighbour."""
        found = []
        for contact in self.contacts:
            for region, other in ((contact.first, contact.second), (contact.second, contact.first)):
                if not self.weight[region] or self.misfits[region, chosen[region]] < 0.12:
                    continue
                if self.shapes.area[region] > 1.5 * self.shapes.area[other]:
                    continue
                carried = self.motions[chosen[other]]
                turned = [
                    about(rotation(turn) @ carried[:, :2], joint, place)
                    for joint in (contact.middle, *self._ends(region))
                    for place in transform(carried, joint[None])
                    for turn in TURNS
                ]
                misfits = self._misfits(region, turned)
                best = np.argsort(misfits, kind="stable")[:2]
                found += [self.lines[region].fit(self.sampled[region], turned[k]) for k in best]
        return found

    def _ends(self, region: int) -> list[NDArray[Any]]:
        """Return where a long region may turn at its ends: a limb that lies on a body touches it all along."""
        if self.shapes.long[region] < _LIMB**2 * self.shapes.short[region]:
            return []
        return list(self.shapes.ends(region, inside=1.0))


def _turns_and_sizes(motions: list[Affine]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return how far motions turn (radians) and how often they double areas."""
    turns = np.array([angle(motion) for motion in motions])
    return turns, np.log2(np.maximum(np.linalg.det(np.array(motions)[:, :, :2]), 1e-3))


def _keeps_shape(motion: Affine) -> bool:
    if not is_plausible(motion):
        return False
    scales = np.linalg.svd(motion[:, :2], compute_uv=False)
    return bool(scales[1] > _SCALES[0] and scales[0] < _SCALES[1])


def _drawn(points: NDArray[Any], shape: tuple[int, ...]) -> Mask:
    """Return the pixels of oriented points."""
    mask = np.zeros(shape, np.bool_)
    mask[points[:, 1].astype(int), points[:, 0].astype(int)] = True
    return mask


def _sample(points: NDArray[Any], count: int) -> NDArray[Any]:
    if len(points) <= count:
        return points
    return np.asarray(points[np.linspace(0, len(points) - 1, count).astype(int)])


def _thickness(drawn: Mask) -> float:
    """Return how many pixels wide lines are: four times the mean depth in them."""
    if not drawn.any():
        return 1.0
    depth = cv2.distanceTransform(drawn.astype(np.uint8), cv2.DIST_L2, 3)
    return max(1.0, 4 * float(depth[drawn].mean()) - 2)


def _outline_points(regions: Regions, drawn: Mask) -> list[NDArray[Any]]:
    """Return each region's line pixels as (n, 4) oriented points."""
    points = oriented_points(drawn)
    region = regions.labels[points[:, 1].astype(int), points[:, 0].astype(int)]
    return [points[region == number] for number in range(1, regions.count + 1)]
