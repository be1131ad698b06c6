"""Does the region solution hold? Judged by whether both keys, brought to the same moment, show the same picture."""

from __future__ import annotations

import cv2
import numpy as np

from .colour import LIVE_ALPHA, Premultiplied
from .view import Motion

#: A colour difference (of 255) that counts as entirely different.
WORST_DIFFERENCE = 90.0
#: Opaque pictures: the largest mean disagreement of flat art whose regions were understood.
MOST_DISAGREEMENT = 0.045
#: Up to this, they are kept when flow disagrees more than twice as much: its motions are too large for flow.
MOST_DISAGREEMENT_IF_FLOW_FAILS = 0.15
HALF_OF_FLOW = 0.5
#: Transparent flat art: up to this, regions were understood, whatever flow says: it smears until it agrees.
UNDERSTOOD = 0.2
#: But not where parts slide apart along more than this share of their borders, as those of a turning head do.
MOST_SLIP = 0.75
#: It is a head that turns when, in one piece whose features are drawn anew, it disagrees no more than so much, and
#: than so many times as much as in parts.
TURNS, TURNS_AS_WELL = 0.3, 1.25
#: In flat art at least this share of what is drawn, lines and all, differs from what is beside it by no more than
#: so much (of 255).
_FLAT_SHARE = 0.42
_FLAT_RANGE = 3
#: Beyond, they must disagree less than flow; parts that slide apart along all their borders, as cloth cut to pieces
#: would, count twice.
BETTER_THAN_FLOW = 1.0
#: From this on a clear drawing is torn to pieces on its way.
COMES_APART = 0.45


def is_flat(key: Premultiplied) -> bool:
    """Say whether a key is painted in flat colours, without shading or texture."""
    square = np.ones((3, 3), np.uint8)
    change = cv2.subtract(cv2.dilate(key, square), cv2.erode(key, square)).max(axis=-1)
    drawn = key[..., 3] > LIVE_ALPHA
    return bool((change[drawn] <= _FLAT_RANGE).mean() > _FLAT_SHARE) if drawn.any() else True


def opaque_disagreement(a: Premultiplied, b: Premultiplied, motions: tuple[Motion, Motion]) -> float:
    """Return how much the keys differ (0..1) where both are seen, 30 % and 70 % of the way."""
    found = []
    for time in (0.3, 0.7):
        both, difference = _meet(a, b, motions, time)
        found.append(float((difference * (both == 2)).mean()))
    return sum(found) / 2


def transparent_disagreement(a: Premultiplied, b: Premultiplied, motions: tuple[Motion, Motion]) -> float:
    """Return how much the keys differ (0..1) half way over all that is seen; seen by one alone is the worst."""
    both, difference = _meet(a, b, motions, 0.5)
    if not both.any():
        return 0.0
    return float(np.where(both == 2, difference, 1.0)[both > 0].mean())


def _meet(
    a: Premultiplied, b: Premultiplied, motions: tuple[Motion, Motion], time: float
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int_]], np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Return how many keys show each pixel at `time`, and how much they differ there (0..1)."""
    views = [
        motion.view(motion.source(key), fraction)
        for motion, key, fraction in zip(motions, (a, b), (time, 1 - time), strict=True)
    ]
    difference = cv2.absdiff(views[0].picture, views[1].picture).max(axis=-1)
    count = views[0].seen.astype(np.int_) + views[1].seen
    return count, np.minimum(difference, WORST_DIFFERENCE) / WORST_DIFFERENCE
