"""From two keys to the motion of both: one solution a segment, shared by all its frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...machine.lasting_threads import LastingThreads
from .affine import inverse
from .colour import Gray, Premultiplied
from .contacts import find_contacts, find_joints
from .features import WORST_COST, Features, features, match_cost
from .flow import Flow, FlowMotion, dense_flow, flow_of
from .front_order import front_order, with_features_in_front
from .hypotheses import find_details, find_hypotheses, paired_again
from .labelling import Choice, choose_motions, simplified
from .layers import LayeredMotion, cut_layer
from .limbs import Turns
from .outlines import Labels, label_pixels
from .paths import Part, Paths, plan_paths, slipping
from .redrawn import find_redrawn
from .refining import refined
from .regions import Regions, find_regions, joint_palette
from .self_check import MOST_SLIP, TURNS, TURNS_AS_WELL, is_flat, meeting
from .sides import Side
from .sway import Sway
from .swaying import find_swaying
from .turning import keeps_silhouette, morphing, moved_as_one
from .view import LEAST_CONFIDENCE, Map, Mask, Motion, box_around

#: The rim of the backdrop beside something that moves is a mixture of both; it counts as such above this cost.
_RIM_COST = 6.0
#: A region that matches worse than this (mean mismatch) is not in the other key;
_LOST = 0.45
#: but a body that is covered in part is: of a lost region more than this share matches worse than that.
_LOST_SHARE, _WRONG = 0.65, 0.3
#: What lies behind a feature is guessed as far as its rim reaches (a window, in pixels).
_RIM_AROUND = 5


@dataclass(frozen=True)
class _Keys:
    """Both keys at working size and what is seen of them; dense flow is found when it is first asked for."""

    pictures: tuple[Premultiplied, Premultiplied]
    seen: tuple[Features, Features]
    opaque: bool

    @staticmethod
    def of(a: Premultiplied, b: Premultiplied, opaque: bool) -> _Keys:
        return _Keys((a, b), (features(a), features(b)), opaque)

    @cached_property
    def forth(self) -> Flow:
        """Where every pixel of the start key goes in the end key."""
        return dense_flow(*self.seen)

    @cached_property
    def back(self) -> Flow:
        """Where every pixel of the end key goes in the start key."""
        return dense_flow(self.seen[1], self.seen[0])


@dataclass(frozen=True)
class _Understood:
    """How the regions of both keys move, before it is known whether they are parts or all of one piece.

    kept: the motion of each region of both keys. choices: the same before motions were given up that explain little
    more than others. pairs: which region (from 0) of the start key is which of the end key.
    """

    keys: _Keys
    sides: tuple[Side, Side]
    choices: tuple[Choice, Choice]
    kept: tuple[NDArray[Any], NDArray[Any]]
    pairs: list[tuple[int, int]]

    def as_parts(self, size: tuple[int, int]) -> tuple[tuple[LayeredMotion, LayeredMotion], float]:
        """Return the motion in parts, and along what share of their borders these slide apart.

        size: (height, width) of the views to make.
        """
        strips = find_swaying(self._regions, self.sides, self.choices, self.pairs, self.sides[0].contacts)
        # Strips add their motions; the drawing in one piece has none.
        sides = self.sides[0].with_own_motions(), self.sides[1].with_own_motions()
        kept = self.kept[0].copy(), self.kept[1].copy()
        swaying = [strip.add_to(sides, kept) for strip in strips]
        labels = self._labels(sides, kept)
        for numbers_of, strip in zip(swaying, strips, strict=True):
            for index in (0, 1):
                strip.give_rims(labels[index].motion, sides[index].regions, index, numbers_of)
        paths = self._paths(sides, labels)
        for numbers_of, strip in zip(swaying, strips, strict=True):
            paths = strip.lead_riders(paths, numbers_of)
        sways = {numbers_of[0]: strip.sway for numbers_of, strip in zip(swaying, strips, strict=True)}
        rigid = np.where(np.isin(labels[0].motion, list(sways)), -1, labels[0].motion)
        solved = cut_to_layers(self.keys.pictures, sides, labels, paths, sways, size)
        return solved, slipping(paths, rigid)

    def as_one(self, size: tuple[int, int]) -> tuple[LayeredMotion, LayeredMotion]:
        """Return the motion in one piece: all goes with the largest part, what that does not explain is drawn anew.

        size: as for parts.
        """
        labels = self._labels(self.sides, moved_as_one(self.sides, self.kept))
        paths = self._paths(self.sides, labels)
        solved = cut_to_layers(self.keys.pictures, self.sides, labels, paths, {}, size, turning=True)
        return morphing(solved, self.keys.pictures)

    @property
    def _regions(self) -> tuple[Regions, Regions]:
        return self.sides[0].regions, self.sides[1].regions

    def _labels(self, sides: tuple[Side, Side], kept: tuple[NDArray[Any], NDArray[Any]]) -> tuple[Labels, Labels]:
        with LastingThreads() as pool:
            first, second = pool.map(label_pixels, sides, kept, (choice.camera for choice in self.choices))
        return first, second

    def _paths(self, sides: tuple[Side, Side], labels: tuple[Labels, Labels]) -> Paths:
        backdrop = labels[0].camera if self.keys.opaque else None
        return plan_paths(sides[0].motions, labels[0].motion, labels[1].motion, backdrop)


def _understand(keys: _Keys, *, still_backdrop: bool, canvas_shape: tuple[int, int]) -> _Understood:
    """Find how the flat regions of both keys move."""
    (a, b), (seen_a, seen_b), opaque = keys.pictures, keys.seen, keys.opaque
    with LastingThreads() as pool:
        details = pool.submit(find_details, a), pool.submit(find_details, b)
        flow = pool.submit(lambda: keys.forth)
        palette = joint_palette(a, b)
        found = list(pool.map(lambda key: find_regions(key, palette, opaque, canvas_shape), (a, b)))
        contacts = find_contacts(found[0].labels), find_contacts(found[1].labels)
        hypotheses = find_hypotheses(
            a, b, found[0], found[1], flow.result(), (details[0].result(), details[1].result()), contacts,
            opaque=opaque, canvas_shape=canvas_shape,
        )  # fmt: skip
        motions, attachments = hypotheses.motions, hypotheses.attachments
        joints = [
            [] if opaque else find_joints(one.labels, touching)
            for one, touching in zip(found, contacts, strict=True)
        ]
        sides = (
            Side(
                seen_a, seen_b, _alpha(b), found[0], motions, attachments, opaque, joints[0], contacts[0],
            ),
            Side(
                seen_b, seen_a, _alpha(a), found[1], [inverse(motion) for motion in motions],
                [attachment.reversed() for attachment in attachments], opaque, joints[1], contacts[1],
            ),
        )  # fmt: skip
        choices, pairs = choose_motions(
            sides,
            hypotheses,
            pool,
            still_backdrop=still_backdrop,
            paired_again=lambda chosen: (
                None if opaque else paired_again(hypotheses, (found[0], found[1]), contacts, chosen, canvas_shape)
            ),
            further=tuple(Turns(side).find for side in sides),
        )
    kept = simplified(choices)
    for number, better in refined(sides, kept).items():
        sides[0].motions[number], sides[1].motions[number] = better, inverse(better)
    return _Understood(keys, sides, choices, kept, pairs)


def cut_to_layers(
    keys: tuple[Premultiplied, Premultiplied], sides: tuple[Side, Side], labels: tuple[Labels, Labels],
    paths: Paths, sways: dict[int, Sway], size: tuple[int, int], *, turning: bool = False,
) -> tuple[LayeredMotion, LayeredMotion]:  # fmt: skip
    """Make the motion of both keys of what every pixel does: front order, features that are drawn anew, layers.

    keys: at working size. paths: of all parts. sways: of those that are cloth. size: (height, width) of the views
    to make.
    """
    opaque, motions, found = sides[0].opaque, sides[0].motions, (sides[0].regions, sides[1].regions)
    backdrop = labels[0].camera if opaque else None
    where = labels[0].motion, labels[1].motion
    order = front_order(sides, where, paths, backdrop)
    matches = [_own_match(side, label.motion) for side, label in zip(sides, labels, strict=True)]
    if not (opaque or turning):
        for regions, (cost, hidden) in zip(found, matches, strict=True):
            _decide_as_one(regions, cost, hidden)
    redrawn = find_redrawn(
        motions,
        found,
        where,
        (matches[0][0], matches[1][0]),
        backdrop,
        turning=turning,
    )
    numbers = range(len(motions), len(motions) + len(redrawn))
    order = with_features_in_front(order, redrawn, where, numbers)
    paths = paths.with_features(
        {
            number: Part(feature.motion, feature.relative, feature.centre, False, feature.host, redrawn=True)
            for number, feature in zip(numbers, redrawn, strict=True)
        }
    )
    solved = []
    for index, key in enumerate(keys):
        cost, hidden = matches[index]
        confidence = np.clip(1 - cost / WORST_COST * 1.5, LEAST_CONFIDENCE, 1).astype(np.float32)
        label = labels[index].motion.copy()
        drawn_anew = [(feature.start, feature.end)[index] for feature in redrawn]
        behind = np.zeros(label.shape, np.bool_)
        for feature, pixels in zip(redrawn, drawn_anew, strict=True):
            label[pixels], hidden[pixels] = feature.host, True
            confidence[pixels] = max(0.5 + (0.5 - index) * feature.richer, LEAST_CONFIDENCE)
            behind |= found[index].cores == feature.host_regions[index]
        if opaque:
            still = label == backdrop
            near = cv2.dilate((~still).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            label[still & near & (cost > _RIM_COST)] = -1
            soft = np.zeros(label.shape, np.bool_)
        else:
            soft = key[..., 3] < 128
        own = dict(zip(numbers, drawn_anew, strict=True))
        veil = np.any(drawn_anew, axis=0) if drawn_anew else np.zeros(label.shape, np.bool_)
        around_features = cv2.dilate(veil.astype(np.uint8), np.ones((_RIM_AROUND, _RIM_AROUND), np.uint8)) > 0
        behind_features = np.where(around_features, np.float32(0), confidence)
        cut = []
        for number in order:
            if number in numbers:
                cut.append(cut_layer(number, own[number], soft, confidence, hidden, from_plate=False))
            else:
                cut.append(cut_layer(number, label == number, soft, behind_features, hidden, from_plate=True))
        layers = [layer for layer in cut if layer is not None]
        solved.append(LayeredMotion(layers, paths, sways, index == 0, veil, behind, backdrop, size))
    return solved[0], solved[1]


def _alpha(key: Premultiplied) -> Gray:
    return np.ascontiguousarray(key[..., 3])


def _own_match(side: Side, motion: NDArray[Any]) -> tuple[Map, Mask]:
    """Return the mismatch of every pixel under its part's motion, and where the other key has something there.

    The mismatch is measured as if the part went on beyond its border.
    """
    cost = np.full(motion.shape, WORST_COST, np.float32)
    hidden = np.zeros(motion.shape, np.bool_)
    for index in np.unique(motion):
        if index < 0:
            continue
        own = motion == index
        box = box_around(own, 2)
        inside = own[box]
        found = match_cost(side.own[box], side.other_at(int(index), box), 3)
        cost[box][inside] = found[inside]
        hidden[box][inside] = side.other_alpha_at(int(index), box)[inside] > 128
    return cost, hidden


def _decide_as_one(regions: Regions, mismatch: Map, hidden: Mask) -> None:
    """Let, in place, all of a limb that the other key does not show look equally wrong, and equally hidden.

    It then comes or goes as a whole, not in tatters.
    """
    total = np.bincount(regions.labels.ravel(), mismatch.ravel(), minlength=regions.count + 1)
    area = np.bincount(regions.labels.ravel(), minlength=regions.count + 1)
    lost = total > _LOST * WORST_COST * area
    wrong = (mismatch > _WRONG * WORST_COST).ravel()
    lost &= np.bincount(regions.labels.ravel(), wrong, minlength=regions.count + 1) > _LOST_SHARE * area
    lost[0] = False
    count, pieces = cv2.connectedComponents(lost[regions.labels].astype(np.uint8), connectivity=8)
    for piece in range(1, count):
        own = np.asarray(pieces) == piece
        mismatch[own] = mismatch[own].mean()
        hidden[own] = hidden[own].mean() > 0.5


def solve_flow(a: Premultiplied, b: Premultiplied, opaque: bool) -> tuple[FlowMotion, FlowMotion]:
    """Find how single pixels of both keys move; for painted pictures and cloth."""
    return _flowing(_Keys.of(a, b, opaque))


def _flowing(keys: _Keys, near: tuple[Motion, Motion] | None = None) -> tuple[FlowMotion, FlowMotion]:
    """Return dense flow. near: motions that are about right; what is too far for flow is found from there."""
    (a, b), (seen_a, seen_b) = keys.pictures, keys.seen
    with LastingThreads() as pool:
        if near is None:
            forth, back = keys.forth, keys.back
        else:
            forth, back = pool.map(dense_flow, keys.seen, keys.seen[::-1], flow_of(near))
        way_back = pool.submit(FlowMotion.of, b, a, seen_b, seen_a, (back, forth), keys.opaque)
        return FlowMotion.of(a, b, seen_a, seen_b, (forth, back), keys.opaque), way_back.result()


def solve(
    a: Premultiplied, b: Premultiplied, *, opaque: bool, still_backdrop: bool, canvas_shape: tuple[int, int],
    prefer_regions: bool,
) -> tuple[str, tuple[LayeredMotion | FlowMotion, LayeredMotion | FlowMotion], float]:  # fmt: skip
    """Return the name of the best solution ("regions" or "flow"), itself, and how far its keys disagree (0..1).

    The disagreement is not measured where it is known that regions are understood; it is 0 then.
    """
    keys = _Keys.of(a, b, opaque)
    regions = _understand(keys, still_backdrop=still_backdrop, canvas_shape=canvas_shape)
    by_regions, slip = regions.as_parts(a.shape[:2])
    if prefer_regions:
        return "regions", by_regions, 0.0
    flat = is_flat(a) and is_flat(b)
    ours = meeting(keys.pictures, by_regions, opaque=opaque, tears=opaque or not flat)
    if flat and ours.is_understood(slip):
        return "regions", by_regions, ours.disagreement
    flat_and_clear = flat and not opaque
    if flat_and_clear and slip > MOST_SLIP and keeps_silhouette(by_regions, (a, b)):
        turning = regions.as_one(a.shape[:2])
        in_one = meeting(keys.pictures, turning, opaque=opaque, tears=False).disagreement
        if in_one <= min(TURNS, TURNS_AS_WELL * ours.disagreement):
            return "regions", turning, in_one
    plain = _flowing(keys)
    alone = meeting(keys.pictures, plain, opaque=opaque)
    if flat_and_clear and ours.is_better_than_plain_flow(alone, slip):
        return "regions", by_regions, ours.disagreement
    led = _flowing(keys, by_regions)
    taken = meeting(keys.pictures, led, opaque=opaque)
    if not flat_and_clear and ours.is_better_than_flow(alone, taken, flat=flat):
        return "regions", by_regions, ours.disagreement
    if taken.leads_better_than(alone):
        return "flow", led, taken.disagreement
    return "flow", plain, alone.disagreement
