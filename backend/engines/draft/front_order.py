"""Which part is in front of which: one order for the whole segment, so that nothing flips over on its way."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import Affine, inverse
from .features import WORST_COST, Features, match_cost
from .labelling import resized, warp
from .paths import Paths
from .redrawn import Redrawn

#: How much a hint (lower, better matched) weighs against pixels (at half size) seen in a key.
_HINT = 4.0
_FACTOR = 0.5


def front_order(
    motions: list[Affine], labels: tuple[NDArray[Any], NDArray[Any]], seen: tuple[Features, Features], paths: Paths,
    backdrop: int | None,
) -> list[int]:  # fmt: skip
    """Return the parts back to front.

    Where two parts of one key land on the same place of the other key, the one that looks right there is in front.
    Parts that never overlap in a key go by figures: the one whose foot is lower stands in front.
    """
    numbers = list(paths.parts)
    index = {number: i for i, number in enumerate(numbers)}
    votes = np.zeros((len(numbers), len(numbers)))
    match = np.zeros(len(numbers))
    for own, (label, here, there) in enumerate(((labels[0], seen[0], seen[1]), (labels[1], seen[1], seen[0]))):
        half = tuple(
            cv2.resize(f, None, fx=_FACTOR, fy=_FACTOR, interpolation=cv2.INTER_AREA) for f in (here, there)
        )
        shape = half[0].shape[:2]
        masks, costs = {}, {}
        for number in numbers:
            mask = label == number
            if not mask.any():
                continue
            forward = resized(motions[number], shape[1] / label.shape[1], shape[0] / label.shape[0])
            back = forward if own == 1 else inverse(forward)
            small = cv2.resize(mask.astype(np.uint8) * 255, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
            landed = cv2.warpAffine(
                small, back, (shape[1], shape[0]), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            )
            masks[number] = landed > 127
            costs[number] = match_cost(half[1], warp(half[0], back, shape, backdrop is not None), 3) / WORST_COST
            if masks[number].any():
                match[index[number]] = max(match[index[number]], 1 - float(costs[number][masks[number]].mean()))
        for i, first in enumerate(masks):
            for second in list(masks)[i + 1 :]:
                both = masks[first] & masks[second]
                if both.any():
                    vote = float((costs[second][both] - costs[first][both]).sum())
                    votes[index[first], index[second]] += vote
                    votes[index[second], index[first]] -= vote
    foot = _feet(labels[0], labels[1], numbers, paths)
    for first in numbers:
        for second in numbers:
            i, j = index[first], index[second]
            if paths.root(first) != paths.root(second):
                votes[i, j] += _HINT * float(np.sign(foot[paths.root(first)] - foot[paths.root(second)]))
            else:
                votes[i, j] += _HINT * (match[i] - match[j])
    return _sorted(numbers, votes, backdrop)


def with_features_in_front(
    order: list[int], redrawn: list[Redrawn], labels: tuple[NDArray[Any], NDArray[Any]], numbers: range
) -> list[int]:
    """Return the order with each redrawn feature right before the foremost part that it was drawn on."""
    full = list(order)
    for number, feature in zip(numbers, redrawn, strict=True):
        under = {feature.host}
        for label, own in zip(labels, (feature.start, feature.end), strict=True):
            under |= set(np.unique(label[own]).tolist())
        full.insert(1 + max(full.index(part) for part in under if part in full), number)
    return full


def _feet(label_a: NDArray[Any], label_b: NDArray[Any], numbers: list[int], paths: Paths) -> dict[int, float]:
    """Return how low each figure (root part) reaches in the keys, in rows."""
    lowest: dict[int, float] = {}
    for number in numbers:
        root = paths.root(number)
        for label in (label_a, label_b):
            rows = np.flatnonzero((label == number).any(axis=1))
            if len(rows):
                lowest[root] = max(lowest.get(root, 0.0), float(rows[-1]))
    return lowest


def _sorted(numbers: list[int], votes: NDArray[Any], backdrop: int | None) -> list[int]:
    """Take away, one by one, the part that the rest covers most."""
    rest = list(range(len(numbers)))
    order: list[int] = []
    if backdrop is not None and backdrop in numbers:
        rest.remove(numbers.index(backdrop))
        order.append(backdrop)
    while rest:
        rearmost = min(rest, key=lambda i: (float(np.clip(votes[i, rest], -50, 50).sum()), i))
        rest.remove(rearmost)
        order.append(numbers[rearmost])
    return order
