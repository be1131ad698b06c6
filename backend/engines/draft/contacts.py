"""Where the regions of a key touch, and where they touch in both keys: what may be a joint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .affine import Points
from .regions import Regions, Shapes, hull

#: Regions with a line between them touch when they are this many pixels apart.
_REACH = 3
_SHORTEST = 2.0
_POINTS = 4
#: A joint is at most so many times as wide as the slenderer of the regions that it joins.
_HINGE = 1.3
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

    def other(self, region: int) -> int:
        """Return the region on the other side."""
        return self.second if region == self.first else self.first


def find_contacts(labels: NDArray[Any]) -> list[Contact]:
    """Return where the regions of a label picture (numbered from 1, 0 is none) touch."""
    height, width = labels.shape
    found = []
    for down, right in ((0, _REACH), (_REACH, 0)):
        first, second = labels[: height - down, : width - right], labels[down:, right:]
        rows, columns = np.nonzero((first != second) & (first > 0) & (second > 0))
        pair = np.sort(np.column_stack([first[rows, columns], second[rows, columns]]), axis=1)
        found.append(np.column_stack([pair, columns + right / 2, rows + down / 2]))
    points = np.concatenate(found)
    if not len(points):
        return []
    pairs = points[:, :2].astype(np.int64)
    code = pairs[:, 0] * (int(pairs.max()) + 1) + pairs[:, 1]
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    contacts = []
    for start, border in zip(starts, np.split(points[order, 2:], starts[1:]), strict=True):
        i, j = pairs[order[start]]
        length = len(border) / _REACH
        if length >= _SHORTEST:
            along = border[np.argsort(border @ _long_axis(border), kind="stable")]
            some = np.linspace(0, len(along) - 1, min(len(along), _POINTS)).astype(int)
            contacts.append(Contact(int(i) - 1, int(j) - 1, length, along[some]))
    return contacts


def as_hinges(contacts: list[Contact], regions: Regions, shapes: Shapes) -> list[Contact]:
    """Return contacts as they hold: along a joint where a limb lies on a body, all around what lies on a face.

    Lengths are those of the borders that count.
    """
    host = _hosts(contacts, regions, shapes)
    widths = 4 * np.sqrt(shapes.short)
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
    """Where a region touches one that is no smaller, in both keys.

    region, other: its numbers (from 0) in the start and the end key. start, end: (x, y) of the place there.
    """

    region: int
    other: int
    start: NDArray[Any]
    end: NDArray[Any]

    def reversed(self) -> Attachment:
        """Return the same from the end key to the start key."""
        return Attachment(self.other, self.region, self.end, self.start)


def find_attachments(
    contacts: tuple[list[Contact], list[Contact]], area: NDArray[Any], pairs: list[tuple[int, int]]
) -> list[Attachment]:
    """Return where matched regions touch in both keys.

    contacts: of both keys. area: of the regions of the start key. pairs: which is which.
    """
    middle_a, middle_b = (
        {frozenset((contact.first, contact.second)): contact.points.mean(axis=0) for contact in of_key}
        for of_key in contacts
    )
    found = []
    for i, j in pairs:
        for larger, other_larger in pairs:
            start, end = middle_a.get(frozenset((i, larger))), middle_b.get(frozenset((j, other_larger)))
            if start is not None and end is not None and area[larger] >= area[i]:
                found.append(Attachment(i, j, start, end))
    return found


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
