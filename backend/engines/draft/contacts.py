"""Where the regions of a key touch, and where they touch in both keys: what may be a joint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .affine import Affine, Points, transform
from .regions import Regions, Shapes, hull

#: Regions with a line between them touch when they are this many pixels apart.
_REACH = 3
_SHORTEST = 2.0
_POINTS = 4
#: A joint is at most so many times as wide as the slenderer of the regions that it joins.
_HINGE = 1.3
#: Where a limb's end is round or lies at a slant, its border with what it hangs on is at most so many times its
#: width.
_ACROSS = 2.5
#: A region may be joined to one of this share of its own size.
_JOINED_SIZE = 0.5
#: A limb is so many times as long as wide, and in both keys about as long. Its joint is where one end stays, and
#: where that would take the other end's place it is so many times as far off.
_LIMB = 1.5
_SAME_LENGTH = 0.75
_CLEARLY = 2.5
#: So much of half its width inside its tips.
_HINGED_INSIDE = 0.5
#: Further apart than so many pixels two regions are parted, however far they are.
SLACK_PIXELS = 5.0
#: What lies within another region (so much of it) and is no limb (no larger than so much of that, or no more than
#: so many times as long as wide) is a feature of it: it slides there, within so much of half its width, but is held
#: so many times as fast.
_WITHIN, _FEATURE_SIZE, _FEATURE_LENGTH = 0.9, 0.1, 2.0
_FEATURE_SLACK, _FEATURE_HELD = 0.5, 4.0


@dataclass(frozen=True)
class Contact:
    """Where two regions (from 0) touch: border pixels, and points (n, 2) along the border, in the key.

    slack: how far apart (pixels) its sides are before they are parted.
    """

    first: int
    second: int
    length: float
    points: Points
    slack: float = SLACK_PIXELS

    @property
    def middle(self) -> Points:
        """The place (x, y) in the middle of the border."""
        return np.asarray(self.points.mean(axis=0))

    def other(self, region: int) -> int:
        """Return the region on the other side."""
        return self.second if region == self.first else self.first


def touching_pixels(labels: NDArray[Any], reach: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Say where labelled regions are `reach` pixels apart: which two (n, 2), and (x, y) between them."""
    height, width = labels.shape
    pairs, points = [], []
    for down, right in ((0, reach), (reach, 0)):
        first, second = labels[: height - down, : width - right], labels[down:, right:]
        rows, columns = np.nonzero((first != second) & (first > 0) & (second > 0))
        pairs.append(np.sort(np.column_stack([first[rows, columns], second[rows, columns]]), axis=1))
        points.append(np.column_stack([columns + right / 2, rows + down / 2]))
    return np.concatenate(pairs).astype(np.int64), np.concatenate(points)


def find_contacts(labels: NDArray[Any]) -> list[Contact]:
    """Return where the regions of a label picture (numbered from 1, 0 is none) touch."""
    pairs, points = touching_pixels(labels, _REACH)
    if not len(points):
        return []
    code = pairs[:, 0] * (int(pairs.max()) + 1) + pairs[:, 1]
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    contacts = []
    for start, border in zip(starts, np.split(points[order], starts[1:]), strict=True):
        i, j = pairs[order[start]]
        length = len(border) / _REACH
        if length >= _SHORTEST:
            along = border[np.argsort(border @ _long_axis(border), kind="stable")]
            some = np.linspace(0, len(along) - 1, min(len(along), _POINTS)).astype(int)
            contacts.append(Contact(int(i) - 1, int(j) - 1, length, along[some]))
    return contacts


def is_hinge(contact: Contact, shapes: Shapes) -> bool:
    """Say whether two regions touch across the end of the slenderer one, as limbs do, not along its side."""
    return contact.length <= _ACROSS * float(min(shapes.width[contact.first], shapes.width[contact.second]))


def as_hinges(contacts: list[Contact], regions: Regions, shapes: Shapes) -> list[Contact]:
    """Return contacts as they hold: along a joint where a limb lies on a body, all around what lies on a face.

    Lengths are those of the borders that count.
    """
    host = _hosts(contacts, regions, shapes)
    widths = shapes.width
    touching = np.bincount([k for c in contacts for k in (c.first, c.second)], minlength=regions.count)
    held = []
    for contact in contacts:
        on = next((host[k] for k in (contact.first, contact.second) if host[k] == contact.other(k)), None)
        if on is not None:
            slack = max(SLACK_PIXELS, _FEATURE_SLACK * float(widths[on]) / 2)
            held.append(replace(contact, length=_FEATURE_HELD * contact.length, slack=slack))
            continue
        slender = min((contact.first, contact.second), key=lambda k: (widths[k], k))
        most = _HINGE * widths[slender] if touching[slender] > 1 else np.inf
        held.append(replace(contact, length=float(min(contact.length, most))))
    return held


def _hosts(contacts: list[Contact], regions: Regions, shapes: Shapes) -> NDArray[Any]:
    """Return for each region the one of which it is a feature, -1 for none: a pupil's eye, and that eye's face."""
    host = np.full(regions.count, -1)
    areas = np.bincount(regions.cores.ravel(), minlength=regions.count + 1)[1:]
    for outer in np.argsort(areas, kind="stable"):
        beside = [c.other(outer) for c in contacts if outer in (c.first, c.second)]
        inside = np.bincount(regions.cores[hull(regions.cores == outer + 1)], minlength=regions.count + 1)[1:]
        for region in beside:
            share = areas[region] / max(areas[outer], 1)
            length = float(np.sqrt(shapes.long[region] / shapes.short[region]))
            small = share < _FEATURE_SIZE or (share < 1 and length < _FEATURE_LENGTH)
            if host[region] < 0 and small and inside[region] >= _WITHIN * areas[region]:
                host[region] = outer
    features = host.copy()
    for contact in contacts:  # what also touches something that is no feature is one end of a limb
        for region in (contact.first, contact.second):
            other = contact.other(region)
            if host[region] not in (-1, other) and host[other] not in (region, host[region]):
                features[region] = -1
    return features


def _long_axis(points: Points) -> NDArray[Any]:
    centred = points - points.mean(axis=0)
    return np.asarray(np.linalg.eigh(centred.T @ centred)[1][:, 1])


@dataclass(frozen=True)
class Attachment:
    """Where a region touches one that it may hang on, in both keys.

    region, other: its numbers (from 0) in the start and the end key. start, end: (x, y) of the place there. hinge:
    whether both touch across the end of one of them, so that the place is one where they are joined.
    """

    region: int
    other: int
    start: NDArray[Any]
    end: NDArray[Any]
    hinge: bool

    def reversed(self) -> Attachment:
        """Return the same from the end key to the start key."""
        return Attachment(self.other, self.region, self.end, self.start, self.hinge)


def find_attachments(
    contacts: tuple[list[Contact], list[Contact]], shapes: tuple[Shapes, Shapes], pairs: list[tuple[int, int]],
    carried: dict[int, Affine] | None = None,
) -> list[Attachment]:  # fmt: skip
    """Return where matched regions of both keys touch in both, each with what is larger, or joined to it.

    contacts, shapes: of both keys. pairs: which region (from 0) of the start key is which of the end key. carried:
    how regions of the start key move, as far as that is known.
    """
    touching_a, touching_b = (
        {frozenset((contact.first, contact.second)): contact for contact in of_key} for of_key in contacts
    )
    found = []
    for i, j in pairs:
        for other, other_end in pairs:
            start, end = touching_a.get(frozenset((i, other))), touching_b.get(frozenset((j, other_end)))
            if start is None or end is None:
                continue
            across = is_hinge(start, shapes[0]), is_hinge(end, shapes[1])
            places = start.middle, end.middle
            joined = all(across)
            if not joined and carried is not None and other in carried:
                joint = _joint_along(shapes, (i, j), carried[other])
                joined, places = joint is not None, joint or places
            if shapes[0].area[other] >= (_JOINED_SIZE if joined else 1) * shapes[0].area[i]:
                found.append(Attachment(i, j, *places, joined))
    return found


def _joint_along(
    shapes: tuple[Shapes, Shapes], pair: tuple[int, int], carrier: Affine
) -> tuple[Points, Points] | None:
    """Return where a limb that lies along what carries it, in one key or both, is joined to that, if that shows.

    One of its ends stays where the carrier takes it; it does not show if either might. pair: the limb in both keys.
    """
    ends = [shape.ends(region, _HINGED_INSIDE) for shape, region in zip(shapes, pair, strict=True)]
    lengths = [float(np.linalg.norm(two[1] - two[0])) for two in ends]
    width = max(float(shape.width[region]) for shape, region in zip(shapes, pair, strict=True))
    if min(lengths) < max(_LIMB * width, _SAME_LENGTH * max(lengths)):
        return None
    apart = np.linalg.norm(transform(carrier, ends[0])[:, None] - ends[1][None], axis=-1)
    kept, turned = float(np.diag(apart).min()), float(np.diag(apart[::-1]).min())
    if min(kept, turned) > width or max(kept, turned) < _CLEARLY * min(kept, turned):
        return None
    k, m = np.unravel_index(apart.argmin(), apart.shape)
    return ends[0][k], ends[1][m]


#: A region (from 0), what it may hang on, and where it touches that.
Joint = tuple[int, int, Contact]


def find_joints(labels: NDArray[Any], contacts: list[Contact]) -> list[Joint]:
    """Return what may hang on what in one key: on what is fewer steps away from the largest region."""
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    steps = {int(areas.argmax()) - 1: 0}
    reached = list(steps)
    for region in reached:
        for contact in contacts:
            if region in (contact.first, contact.second):
                other = contact.other(region)
                if other not in steps:
                    steps[other] = steps[region] + 1
                    reached.append(other)
    found = []
    for contact in contacts:
        first, second = contact.first, contact.second
        if first in steps and second in steps and steps[first] != steps[second]:
            ends = (first, second) if steps[first] > steps[second] else (second, first)
            found.append((*ends, contact))
    return found
