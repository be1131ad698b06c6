"""Which motion each region makes: the one under which it looks like the other key, and like its neighbours'.

Energy: sum of mismatches + 0.75 * border length * how far two neighbours' motions part (capped at 8 px),
minimised by iterated conditional modes (Besag 1986, "On the statistical analysis of dirty pictures").
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import Affine, affine_map, angle, inverse
from .colour import Gray
from .contacts import Attachment, Contact, Joint
from .features import NOWHERE, WORST_COST, Features, match_cost
from .hypotheses import Hypotheses
from .regions import Regions
from .sway import Bend
from .view import Map, box_around

SMOOTHNESS = 0.75
APART_PIXELS = 8.0
SWEEPS = 5
#: Mismatches are means over windows of so many pixels.
_MISMATCH_PIXELS = 5
#: Outline pixels may take the motion of any region within this many pixels.
OUTLINE_REACH = 4
#: In front of an opaque backdrop, outline pixels that match worse than this under the backdrop's motion belong to a
#: line that sticks out of a figure; it is followed where it matches that well, in so many steps of that reach.
_LOOSE_COST = 12.0
_FOLLOWED_COST = 24.0
_LINE_STEPS = 8
#: What differs less than this (Lab) from the other key's backdrop all around is backdrop, an edge near it or not.
_LEAST_CHANGE = 4.0
#: Mean mismatch (share of the worst) of a place whose match falls outside the picture.
_OUTSIDE = 0.6
_CAMERA_OUTSIDE = 0.35
#: A region that matches this well under the camera's motion belongs to the backdrop.
_CAMERA_GOOD = 0.06
#: What landing on something the camera already explains costs.
_EXPLAINED = 0.25
#: What landing on clear ground costs, beyond looking different.
_NOTHING = 0.3
#: What turning costs, per radian: a squashed ball that stretches looks inside as one that turns on its side does.
_TURNING = 0.06
#: What turning by more than so many radians costs further where no joint shows it: a flipped shape fits as well.
_TURNING_FAR = 0.2
_FAR_TURN = 1.9
#: What a change of shape costs, per unit of the logarithm of its proportions.
_RESHAPING = 0.15
#: How much the other key's drawing of the same region says about its motion.
_AGREEING = 0.5
#: By how much (mean mismatch) a motion may explain both drawings of a region worse than each one's own best does.
_SAME_REGION = 0.2
#: What leaving everything that it touches in both keys by so many pixels costs.
_TEARING_OFF = 0.1
TORN_OFF_PIXELS = 16.0
#: The same where it is joined to something in both keys.
_LEAVING_JOINT = 0.3
#: Longer borders (small pixels) bind no more, nor those longer than so many times the slenderer region's width.
_LONGEST_BORDER = 40
_HOLDING = 1.3
#: What leaving all that it may hang on in its own key by so many pixels costs.
_COMING_LOOSE = 0.25
_LOOSE_PIXELS = 10.0
#: A region that matches nowhere better than this (mean mismatch) has no counterpart, and how much it still says.
_ORPHANED = 0.5
_ORPHAN_SAYS = 0.1
#: What one more motion costs, in pixels that match as badly as can be, and what each of its pixels adds to that.
MOTION_COST = 20.0
MOTION_COST_SHARE = 0.03
#: Further motions are looked for so many times: a hand hangs on a forearm, that on an arm.
_CHAIN = 2
_STEP = 3
_ANYTHING = (255.0,)


@dataclass(frozen=True)
class Side:
    """One key as labelling sees it.

    Its own features, the other key's (and alpha), its regions, the way there, and where regions touch, in both keys
    and in this one.
    bends: what is no rigid motion, by the number of the motion that it is added to.
    """

    own: Features
    other: Features
    other_alpha: Gray
    regions: Regions
    motions: list[Affine]
    attachments: list[Attachment]
    opaque: bool
    joints: list[Joint] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    bends: dict[int, Bend] = field(default_factory=dict)

    def add_motion(self, motion: Affine, bend: Bend | None = None) -> None:
        """Add a motion that regions may make."""
        if bend is not None:
            self.bends[len(self.motions)] = bend
        self.motions.append(motion)

    def with_own_motions(self) -> Side:
        """Return the same, to which motions can be added without this side making them, too."""
        return replace(self, motions=[*self.motions], bends={**self.bends})

    def other_at(self, number: int, box: tuple[slice, slice]) -> Features:
        """Return the other key as it would lie over a box of this one if all of that made one of the motions."""
        return brought_back(self.other, self.motions[number], box, opaque=self.opaque, bend=self.bends.get(number))

    def other_alpha_at(self, number: int, box: tuple[slice, slice]) -> Gray:
        """Return the same of the other key's alpha; beyond its border there may be anything."""
        return brought_back(
            self.other_alpha, self.motions[number], box, opaque=False, bend=self.bends.get(number),
            outside=_ANYTHING,
        )  # fmt: skip


#: (region, region, length of their border, its middle).
Border = tuple[int, int, float, tuple[float, float]]


@dataclass(frozen=True)
class Labels:
    """motion: (height, width) int16, each pixel's motion, -1 where nothing is drawn. camera: the backdrop's."""

    motion: NDArray[Any]
    camera: int


def warp(
    pixels: NDArray[Any], motion: Affine, shape: tuple[int, int], opaque: bool,
    outside: tuple[float, ...] = NOWHERE,
) -> NDArray[Any]:  # fmt: skip
    """Bring the other key back through a motion: the result at x is `pixels` at motion(x).

    outside: what lies beyond the border of a clear picture.
    """
    return cv2.warpAffine(
        pixels,
        motion,
        (shape[1], shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE if opaque else cv2.BORDER_CONSTANT,
        borderValue=outside,
    )


def brought_back(
    pixels: NDArray[Any], motion: Affine, box: tuple[slice, slice], *, opaque: bool, bend: Bend | None = None,
    outside: tuple[float, ...] = NOWHERE,
) -> NDArray[Any]:  # fmt: skip
    """Bring a box of the other key back through a motion and what bends it; see `warp`."""
    rows, columns = box
    if bend is None:
        shape = rows.stop - rows.start, columns.stop - columns.start
        return warp(pixels, starting_at(motion, box), shape, opaque, outside)
    return cv2.remap(
        pixels,
        *bend.lookup(motion, rows, columns),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE if opaque else cv2.BORDER_CONSTANT,
        borderValue=outside,
    )


def starting_at(motion: Affine, box: tuple[slice, slice]) -> Affine:
    """Return the motion of points counted from the corner of a box."""
    corner = np.array([box[1].start, box[0].start], np.float64)
    return affine_map(motion[:, :2], motion[:, :2] @ corner + motion[:, 2])


def resized(motion: Affine, factor_x: float, factor_y: float) -> Affine:
    """Return the motion in the coordinates of a picture resized by the factors (pixel centres at whole numbers)."""
    scale = np.array([factor_x, factor_y])
    linear = motion[:, :2] * scale[:, None] / scale[None]
    half = (1 / scale - 1) / 2
    offset = (motion[:, :2] @ half + motion[:, 2] - half) * scale
    return affine_map(linear, offset)


@dataclass(frozen=True)
class Choice:
    """What labelling knows about one key before both keys agree on the motions to keep.

    chosen: (regions,) the motion of each region. costs: (regions, motions). area: (regions,). Costs and areas are
    in the pixels they were summed over. misfit: (regions,) the mean mismatch under the motion that explains most.
    """

    chosen: NDArray[Any]
    costs: NDArray[Any]
    area: NDArray[Any]
    misfit: NDArray[Any]
    camera: int


def choose_motions(
    sides: tuple[Side, Side], known: Hypotheses, pool: Executor, *, still_backdrop: bool,
    paired_again: Callable[[NDArray[Any]], Hypotheses | None],
    further: tuple[Callable[[NDArray[Any]], list[Affine]], ...],
) -> tuple[tuple[Choice, Choice], list[tuple[int, int]]]:  # fmt: skip
    """Choose a motion for every region of both keys; return these and which region is which.

    known: what is known of the motions so far. still_backdrop: the pictures were cut out of larger ones whose rest
    does not change. paired_again: what is known better, with further motions alone, when it is told what was chosen
    for each region of the start key. further: find more motions of either key (to the other) when they are told
    what was chosen for each of its regions.
    """
    pairs = known.pairs
    smalls = tuple(_Small.of(side) for side in sides)
    seen = tuple(
        pool.map(lambda side, small: _Mismatch.of(side, small, known.camera, still_backdrop), sides, smalls)
    )
    choices = _choose(sides, smalls, seen, pairs, pool)

    def chosen_with(motions: list[Affine]) -> tuple[Choice, Choice]:
        nonlocal smalls, seen
        for motion in motions:
            sides[0].add_motion(motion)
            sides[1].add_motion(inverse(motion))
        smalls = tuple(small.with_motions(side) for side, small in zip(sides, smalls, strict=True))
        seen = tuple(pool.map(_Mismatch.extended, seen, sides, smalls))
        return _choose(sides, smalls, seen, pairs, pool)

    better = paired_again(choices[0].chosen)
    if better is not None:
        pairs = better.pairs
        sides[0].attachments[:] = better.attachments
        sides[1].attachments[:] = [attachment.reversed() for attachment in better.attachments]
        choices = chosen_with(better.motions)
    for _ in range(_CHAIN):
        turns = list(pool.map(lambda find, choice: find(choice.chosen), further, choices))
        motions = [*turns[0], *(inverse(motion) for motion in turns[1])]
        if not motions:
            break
        choices = chosen_with(motions)
    return choices, pairs


def _choose(
    sides: tuple[Side, Side], smalls: tuple[_Small, ...], seen: tuple[_Mismatch, ...],
    pairs: list[tuple[int, int]], pool: Executor,
) -> tuple[Choice, Choice]:  # fmt: skip
    """Choose among the motions whose mismatch is known."""
    first, second = (_costs(*one) for one in zip(sides, smalls, seen, strict=True))
    areas = [one.area for one in seen]
    told = first.copy(), second.copy()
    for i, j in pairs:
        if _same_region(first[i] / areas[0][i], second[j] / areas[1][j]):
            told[0][i] += _AGREEING * second[j]
            told[1][j] += _AGREEING * first[i]

    def chosen(index: int) -> Choice:
        one = seen[index]
        best = _minimise(sides[index], one.area, smalls[index].borders, told[index])
        return Choice(best, (first, second)[index], one.area, one.total.min(axis=1) / one.area, one.camera)

    one, other = pool.map(chosen, (0, 1))
    return one, other


def _same_region(cost: NDArray[Any], other_cost: NDArray[Any]) -> bool:
    """Say whether two matched regions may be one: some motion explains both nearly as well as any explains each.

    cost, other_cost: (motions,) the mean mismatch of a pixel of each.
    """
    return bool((cost + other_cost).min() <= cost.min() + other_cost.min() + _SAME_REGION)


def _beyond(side: Side) -> float:
    """Return what a match beyond the border of the picture costs.

    Beyond the border of an opaque picture there may be anything; beside a drawing on clear ground is nothing.
    """
    return _OUTSIDE if side.opaque else 1.0


def simplified(sides: tuple[Choice, Choice]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the choice of both keys with as few different motions as explain nearly as much.

    One motion at a time is given up, the least missed first, as long as its regions lose little by going with
    another that is used anyway (a label cost: Delong et al. 2012, "Fast Approximate Energy Minimization with Label
    Costs"). Both keys give it up together, so that they tell the same story.
    """
    costs = np.concatenate([side.costs for side in sides])
    area = np.concatenate([side.area for side in sides])
    chosen = np.concatenate([side.chosen for side in sides])
    while True:
        used = np.unique(chosen)
        loss = costs[:, used] - costs[np.arange(len(chosen)), chosen][:, None]
        best: tuple[float, int, int] | None = None
        for motion in used:
            own = chosen == motion
            allowed = MOTION_COST + MOTION_COST_SHARE * area[own].sum()
            lost = loss[own].sum(axis=0)
            lost[used == motion] = np.inf
            heir = int(lost.argmin())
            if lost[heir] < allowed and (best is None or lost[heir] - allowed < best[0]):
                best = float(lost[heir] - allowed), int(motion), int(used[heir])
        if best is None:
            break
        chosen[chosen == best[1]] = best[2]
    first = len(sides[0].chosen)
    return chosen[:first], chosen[first:]


def label_pixels(side: Side, chosen: NDArray[Any], camera: int) -> Labels:
    """Give every pixel the motion of its region, and every outline pixel the best motion near it."""
    motion = np.concatenate([[-1], chosen])[side.regions.labels].astype(np.int16)
    return Labels(_settle_outlines(side, motion, np.unique(chosen), camera), camera)


@dataclass(frozen=True)
class _Small:
    """The side at half size, where costs are summed.

    box: rows and columns around the regions. borders: where regions touch.
    """

    own: Features
    other: Features
    other_drawn: Gray
    labels: NDArray[Any]
    box: tuple[slice, slice]
    borders: list[Border]
    motions: list[Affine]
    factor_x: float
    factor_y: float

    @staticmethod
    def of(side: Side) -> _Small:
        height, width = side.regions.labels.shape
        factor = 0.5 if height * width > 60_000 else 1.0
        size = int(width * factor), int(height * factor)
        factor_x, factor_y = size[0] / width, size[1] / height
        rows = np.minimum(((np.arange(size[1]) + 0.5) / factor_y).astype(int), height - 1)
        columns = np.minimum(((np.arange(size[0]) + 0.5) / factor_x).astype(int), width - 1)
        labels = side.regions.labels[rows][:, columns]
        drawn = labels > 0
        return _Small(
            cv2.resize(side.own, size, interpolation=cv2.INTER_AREA),
            cv2.resize(side.other, size, interpolation=cv2.INTER_AREA),
            cv2.resize(side.other_alpha, size, interpolation=cv2.INTER_AREA),
            labels,
            box_around(drawn if drawn.any() else ~drawn, _MISMATCH_PIXELS // 2),
            _borders(side, labels, factor_x, factor_y),
            [resized(motion, factor_x, factor_y) for motion in side.motions],
            factor_x,
            factor_y,
        )

    def with_motions(self, side: Side) -> _Small:
        """Return the same with all motions that the side has by now."""
        known = len(self.motions)
        further = [resized(motion, self.factor_x, self.factor_y) for motion in side.motions[known:]]
        return replace(self, motions=[*self.motions, *further])

    def cost(self, motion: Affine, opaque: bool, outside: float) -> Map:
        """Return the mismatch of every pixel in the box under a motion of this size, WORST_COST being 1."""
        shape = self.labels.shape
        there = warp(self.other, motion, shape, opaque)[self.box]
        cost = match_cost(self.own[self.box], there, _MISMATCH_PIXELS) / WORST_COST
        inside = cv2.warpAffine(
            np.ones(self.other.shape[:2], np.uint8),
            motion,
            (shape[1], shape[0]),
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        )[self.box]
        cost[inside == 0] = outside
        if not opaque:
            landed = warp(self.other_drawn, motion, shape, False, (0.0,))[self.box]
            cost += np.float32(_NOTHING / 255) * (255 - landed)
        return np.asarray(cost)


@dataclass(frozen=True)
class _Mismatch:
    """How badly each region matches under each motion.

    total: (regions, motions), summed over pixels of small size. reluctance: (motions,) what each costs a pixel
    however it matches. area: (regions,) their number. camera: the number of the camera's motion. explained: what
    landing on what the camera explains costs; None on clear ground.
    """

    total: NDArray[Any]
    reluctance: NDArray[Any]
    area: NDArray[Any]
    camera: int
    explained: Map | None

    @staticmethod
    def of(side: Side, small: _Small, camera_candidates: list[bool], still_backdrop: bool) -> _Mismatch:
        count = side.regions.count
        area = np.maximum(np.bincount(small.labels.ravel(), minlength=count + 1)[1:], 1).astype(np.float64)
        camera, explained = 0, None
        if side.opaque:
            if not still_backdrop:
                camera = _find_camera(side, small, camera_candidates)
            moved = warp(small.own, inverse(small.motions[camera]), small.labels.shape, True)
            back = match_cost(small.other, moved, _MISMATCH_PIXELS)
            explained = (back < 0.1 * WORST_COST).astype(np.float32) * np.float32(_EXPLAINED)
        return _Mismatch(np.empty((count, 0)), np.empty(0), area, camera, explained).extended(side, small)

    def extended(self, side: Side, small: _Small) -> _Mismatch:
        """Return the same with the motions that have come in addition."""
        count, known = self.total.shape
        labels = small.labels[small.box].ravel()
        further = np.empty((count, len(small.motions) - known))
        for index, motion in enumerate(small.motions[known:]):
            cost = small.cost(motion, side.opaque, _beyond(side))
            if self.explained is not None and known + index != self.camera:
                cost = cost + warp(self.explained, motion, small.labels.shape, False, (0.0,))[small.box]
            further[:, index] = np.bincount(labels, cost.ravel(), minlength=count + 1)[1:]
        reluctance = [0.01 + _turning(motion) + _reshaping(motion) for motion in side.motions[known:]]
        return replace(
            self,
            total=np.concatenate([self.total, further], axis=1),
            reluctance=np.append(self.reluctance, reluctance),
        )


def _costs(side: Side, small: _Small, seen: _Mismatch) -> NDArray[Any]:
    """Return (regions, motions): what each costs, in small pixels that match as badly as can be."""
    costs, area = seen.total.copy(), seen.area
    if not side.opaque:  # what the other key does not show says nothing of its motion: it goes with its neighbours
        costs[costs.min(axis=1) > _ORPHANED * area] *= _ORPHAN_SAYS
        costs += _tearing_off(side) * area[:, None]
    reluctance = seen.reluctance.copy()
    reluctance[0] -= 0.01
    costs += reluctance * area[:, None]
    costs += _turning_far(side) * area[:, None]
    if side.opaque:
        _bind_backdrop(small.labels, costs, area, seen.camera)
    return costs


def _hinged(side: Side) -> NDArray[Any]:
    """Return (regions,) whether each is joined to something in both keys."""
    hinged = np.zeros(side.regions.count, np.bool_)
    hinged[[at.region for at in side.attachments if at.hinge]] = True
    return hinged


def _tearing_off(side: Side) -> NDArray[Any]:
    """Return (regions, motions): what it costs a pixel that its region leaves what it touches in both keys.

    Where it is joined to something, it may go along what else it touches.
    """
    motions = np.array(side.motions)
    cost = np.zeros((side.regions.count, len(motions)))
    count = np.zeros(side.regions.count)
    hinged = _hinged(side)
    for at in side.attachments:
        if at.hinge or not hinged[at.region]:
            away = np.linalg.norm(motions @ [*at.start, 1.0] - at.end, axis=1) / TORN_OFF_PIXELS
            cost[at.region] += np.minimum(away, 1)
            count[at.region] += 1
    worst = np.where(hinged, _LEAVING_JOINT, _TEARING_OFF)
    return np.asarray((worst / np.maximum(count, 1))[:, None] * cost)


def _turning(motion: Affine) -> float:
    return _TURNING * abs(angle(motion))


def _turning_far(side: Side) -> NDArray[Any]:
    """Return (regions, motions): what turning far costs a pixel; where its joint is shows how far a limb turned."""
    turns = np.array([abs(angle(motion)) for motion in side.motions])
    return np.asarray(_TURNING_FAR * np.maximum(turns - _FAR_TURN, 0) * ~_hinged(side)[:, None])


def _reshaping(motion: Affine) -> float:
    """Return what a change of shape costs a pixel: squeezing any flat area into another looks right inside."""
    scales = np.linalg.svd(motion[:, :2], compute_uv=False)
    return _RESHAPING * float(np.log(scales[0] / scales[1]))


def _find_camera(side: Side, small: _Small, candidates: list[bool]) -> int:
    """Return the candidate that explains edges all over the picture best; its border counts double."""
    cells = 16, 10
    edge = ((small.own[..., 3] < 24) & (small.labels > 0)).astype(np.float32)
    if edge.sum() <= 50:
        edge = (small.labels > 0).astype(np.float32)
    density = cv2.resize(edge, cells, interpolation=cv2.INTER_AREA)
    weight = np.ones(density.shape)
    weight[:, :2] = weight[:, -2:] = weight[:2] = weight[-2:] = 2
    weight *= density * (edge.size / density.size) > 4
    weight[0, 0] += 1e-6
    scores: dict[int, float] = {}
    for index in np.flatnonzero(candidates):
        cost = small.cost(small.motions[index], True, _CAMERA_OUTSIDE)
        mean = cv2.resize((cost * edge).astype(np.float32), cells, interpolation=cv2.INTER_AREA)
        capped = np.minimum(mean / np.maximum(density, 1e-4), _CAMERA_OUTSIDE)
        scores[int(index)] = float((weight * capped).sum() / weight.sum())
    best = min(scores, key=lambda index: scores[index])
    return 0 if scores[0] < scores[best] * 1.03 + 0.002 else best


def _bind_backdrop(labels: NDArray[Any], costs: NDArray[Any], area: NDArray[Any], camera: int) -> None:
    """Make every motion but the camera's need a reason, and forbid it to what spans the picture."""
    height, width = labels.shape
    mean = costs[:, camera] / area
    other = np.arange(costs.shape[1]) != camera
    costs[:, other] += (0.05 * area)[:, None]
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    touching = np.bincount(border, minlength=len(area) + 1)[1:]
    spanning = (area >= 0.01 * height * width) & (touching >= 0.25 * (height + width))
    bound = spanning | (area > 0.3 * height * width) | (mean < _CAMERA_GOOD)
    costs[np.ix_(bound, other)] += 1e6


def _minimise(side: Side, area: NDArray[Any], borders: list[Border], costs: NDArray[Any]) -> NDArray[Any]:
    """Return the motion (from 0) of each region."""
    count = side.regions.count
    neighbours: list[list[tuple[int, float, NDArray[Any]]]] = [[] for _ in range(count)]
    motions = np.array(side.motions)
    for i, j, length, middle in borders:
        there = motions @ np.array([*middle, 1.0])
        neighbours[i - 1].append((j - 1, length, there))
        neighbours[j - 1].append((i - 1, length, there))
    packed = [
        (
            np.array([other for other, _, _ in near]),
            np.array([length for _, length, _ in near]),
            np.array([there for _, _, there in near]),
        )
        for near in neighbours
    ]
    held: list[list[tuple[int, NDArray[Any]]]] = [[] for _ in range(count)]
    linear = motions[:, :, :2].transpose(0, 2, 1)
    for region, carrier, contact in side.joints:
        held[region].append((carrier, contact.points @ linear + motions[:, None, :, 2]))
    chosen = np.asarray(costs.argmin(axis=1))
    order = np.argsort(-area, kind="stable")
    for _ in range(SWEEPS):
        before = chosen.copy()
        for region in order:
            others, lengths, there = packed[region]
            energy = costs[region]
            if len(others):
                anchored = there[np.arange(len(others)), chosen[others]]
                apart = np.linalg.norm(there - anchored[:, None], axis=-1) / APART_PIXELS
                energy = energy + SMOOTHNESS * lengths @ np.minimum(apart, 1)
            if held[region]:
                apart = [
                    np.linalg.norm(there - there[chosen[carrier]], axis=2).min(axis=1)
                    for carrier, there in held[region]
                ]
                loose = np.minimum(np.min(apart, axis=0) / _LOOSE_PIXELS, 1)
                energy = energy + _COMING_LOOSE * area[region] * loose
            chosen[region] = energy.argmin()
        if (chosen == before).all():
            break
    return chosen


def _borders(side: Side, labels: NDArray[Any], factor_x: float, factor_y: float) -> list[Border]:
    """Return (region, region, shared border length in small pixels / step, its middle in full pixels).

    A limb that lies along a body holds on to it no more than across the limb. labels: the regions at small size,
    smaller by the factors.
    """
    height, width = labels.shape
    sides = []
    for down, right in ((0, _STEP), (_STEP, 0)):
        first = labels[: height - down, : width - right]
        second = labels[down:, right:]
        rows, columns = np.nonzero((first != second) & (first > 0) & (second > 0))
        pair = np.sort(np.column_stack([first[rows, columns], second[rows, columns]]), axis=1)
        sides.append(np.column_stack([pair, columns + right / 2, rows + down / 2]))
    points = np.concatenate(sides)
    if not len(points):
        return []
    pairs, which = np.unique(points[:, :2].astype(np.int64), axis=0, return_inverse=True)
    which = which.ravel()
    lengths = np.bincount(which)
    counted = np.minimum(lengths, _LONGEST_BORDER)
    if not side.opaque:
        across = side.regions.shapes.width[pairs - 1].min(axis=1) * factor_x
        counted = np.minimum(counted, _HOLDING * _STEP * across)
    x = np.bincount(which, points[:, 2]) / lengths / factor_x
    y = np.bincount(which, points[:, 3]) / lengths / factor_y
    return [
        (int(i), int(j), float(length) / _STEP, (float(px), float(py)))
        for (i, j), length, px, py in zip(pairs, counted, x, y, strict=True)
    ]


def _settle_outlines(side: Side, motion: NDArray[Any], used: NDArray[Any], camera: int) -> NDArray[Any]:
    """Give each outline pixel the best of the motions near it, so that silhouettes go with their figure.

    In front of an opaque backdrop the pixel beside an outline is a mixture of both and counts as outline, too.
    """
    outline = (side.regions.cores == 0) & (side.regions.labels > 0)
    if side.opaque:
        beside = cv2.dilate(outline.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        outline |= beside & (motion == camera)
    if len(used) < 2 or not outline.any():
        return motion
    best = np.full(motion.shape, np.inf, np.float32)
    settled = motion.copy()
    _take_better(side, outline, used, settled, best, motion)
    if side.opaque:
        movers = used[used != camera]
        height, width = motion.shape
        behind = side.other_at(camera, np.s_[0:height, 0:width])
        changes = np.abs(side.own[..., :3] - behind[..., :3]).max(axis=-1) > _LEAST_CHANGE
        changed = cv2.dilate(changes.astype(np.uint8), np.ones((2 * OUTLINE_REACH + 1,) * 2, np.uint8)) > 0
        for _ in range(_LINE_STEPS):  # a line that sticks out into the backdrop is followed to its end
            loose = outline & changed & (settled == camera) & (best > _LOOSE_COST)
            if not _take_better(side, loose, movers, settled, best, settled.copy(), _FOLLOWED_COST):
                break
    return settled


def _take_better(
    side: Side, pixels: NDArray[Any], candidates: NDArray[Any], settled: NDArray[Any], best: Map,
    motion: NDArray[Any], worst: float = np.inf,
) -> bool:  # fmt: skip
    """Give pixels, in place, the best of those motions that are found near them; say whether any changed.

    settled: the motion of each pixel so far. best: its mismatch, lowered where a better one is found. motion: where
    the candidates are. worst: what matches worse is not taken.
    """
    kernel = np.ones((2 * OUTLINE_REACH + 1,) * 2, np.uint8)
    changed = False
    for index in candidates:
        own = motion == index
        near = (cv2.dilate(own.astype(np.uint8), kernel) > 0) & pixels
        if not near.any():
            continue
        box = box_around(near, 3)
        here = near[box]
        cost = match_cost(side.own[box], side.other_at(int(index), box), _MISMATCH_PIXELS)
        cost = np.where(here, cost - 2.0 * own[box], np.inf)
        better = cost < np.minimum(best[box], worst)
        best[box][better] = cost[better]
        settled[box][better] = index
        changed |= bool(better.any())
    return changed
