"""Does the region solution hold? Judged by whether both keys, brought to the same moment, show the same picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...machine.lasting_threads import LastingThreads
from .colour import LIVE_ALPHA, Gray, Premultiplied, is_opaque, largest_channel
from .composing import compose
from .features import edges
from .view import Mask, Motion, View

#: When both keys are compared.
_OPAQUE_TIMES, _CLEAR_TIMES = (0.3, 0.5, 0.7), (0.5,)
#: A colour difference (of 255) that counts as entirely different.
WORST_DIFFERENCE = 90.0
#: What differs from what is beside it by no more than the first number (of 255) is of one colour; by no more than
#: the second, it is shading or texture; beyond, an edge.
_SAME_COLOUR, _SHADING = 3, 40
#: The most shading and texture there is in flat art on clear ground, and in front of a backdrop, which is often
#: painted; shares of what is drawn.
_GRADUAL_CLEAR, _GRADUAL_OPAQUE = 0.2, 0.55

#: Flat art: the largest mean disagreement when its regions were understood.
MOST_DISAGREEMENT = 0.045
#: In front of a backdrop they were not, however well they agree, when so many edges are torn ones: a mover that is
#: small says little about the mean.
MOST_TORN = 0.3
#: On clear ground they were up to this, whatever flow says: it smears until it agrees.
UNDERSTOOD = 0.2
#: But not where parts slide apart along more than this share of their borders, as those of a turning head do.
MOST_SLIP = 0.75
#: It is a head that turns when, in one piece whose features are drawn anew, it disagrees no more than so much, and
#: than so many times as much as in parts.
TURNS, TURNS_AS_WELL = 0.3, 1.25
#: Otherwise they must disagree so many times as much as flow, at most: flat art, parts that slide apart along all
#: their borders counting twice, less in front of a backdrop; and what is painted.
_FLAT_CLEAR, _FLAT_OPAQUE, _PAINTED = 1.0, 0.8, 0.71
#: And painted regions may be torn, on clear ground, at MOST_TORN edges; in front of a backdrop at as many as flow,
#: or at half as many when they are torn at more than so many.
_BADLY_TORN = 0.6
#: Flow that regions led must disagree so many times as much as flow without them, at most: what flow finds by
#: itself they can only spoil. It may be torn at so many times as many edges; when it disagrees far less, at more,
#: but never at more than so many.
_LED_BETTER, _LED_AS_TORN, _LED_FAR_BETTER, _LED_MOST_TORN = 0.9, 1.25, 0.75, 1.5
#: From this on a clear drawing is torn to pieces on its way.
COMES_APART = 0.45

#: An edge that was brought along may lie a little off: windows this wide, in pixels, are searched for it.
_EDGE_WINDOW = 5


def is_flat(key: Premultiplied) -> bool:
    """Say whether a key is lines and flat colours, without shading or texture."""
    drawn = key[..., 3] > LIVE_ALPHA
    if not drawn.any():
        return True
    square = np.ones((3, 3), np.uint8)
    change = largest_channel(cv2.subtract(cv2.dilate(key, square), cv2.erode(key, square)))[drawn]
    gradual = (change > _SAME_COLOUR) & (change <= _SHADING)
    return bool(gradual.mean() <= (_GRADUAL_OPAQUE if is_opaque(key) else _GRADUAL_CLEAR))


@dataclass(frozen=True)
class Meeting:
    """What becomes of both keys when they are brought to the same moment.

    disagreement: how much they differ, 0..1: opaque keys where both are seen, clear ones where either is, seen by
    one alone being the worst. torn: edges of the frame that no edge of a key was brought to, as a share of the
    keys' edges; 0 where they were not counted.
    """

    disagreement: float
    torn: float
    opaque: bool

    def is_understood(self, slip: float) -> bool:
        """Say whether flat art meets so well that flow need not be asked.

        slip: along what share of their borders parts slide apart.
        """
        if self.opaque:
            return self.disagreement <= MOST_DISAGREEMENT and self.torn <= MOST_TORN
        return self.disagreement <= MOST_DISAGREEMENT or (self.disagreement <= UNDERSTOOD and slip <= MOST_SLIP)

    def leads_better_than(self, plain: Meeting) -> bool:
        """Say whether flow that regions led, which meets like this, is better than flow that meets like that."""
        share = self.disagreement / max(plain.disagreement, 1e-6)
        as_torn = self.torn <= _LED_AS_TORN * plain.torn
        return share < (_LED_BETTER if as_torn else _LED_FAR_BETTER) and self.torn <= _LED_MOST_TORN

    def is_better_than_plain_flow(self, plain: Meeting, slip: float) -> bool:
        """Say whether regions of flat art on clear ground that meet like this are better than flow without them.

        Flow that regions led smears such art until it agrees, and says nothing. slip: as above.
        """
        return self.disagreement * (1 + slip) < _FLAT_CLEAR * plain.disagreement

    def is_better_than_flow(self, plain: Meeting, led: Meeting, *, flat: bool) -> bool:
        """Say whether regions of other pictures that meet like this are better than flow.

        plain: how flow meets that was found without them. led: that which they led.
        """
        better = min(plain, led, key=lambda flow: flow.disagreement)
        if flat and self.torn <= MOST_TORN:
            return self.disagreement < _FLAT_OPAQUE * better.disagreement
        as_torn = MOST_TORN if not self.opaque else better.torn if self.torn <= _BADLY_TORN else better.torn / 2
        return self.disagreement < _PAINTED * better.disagreement and self.torn <= as_torn


def meeting(
    keys: tuple[Premultiplied, Premultiplied], motions: tuple[Motion, Motion], *, opaque: bool,
    tears: bool = True,
) -> Meeting:  # fmt: skip
    """Bring both keys (at working size) to the same moments and compare. tears: whether torn edges are counted."""
    sources = [motion.source(key) for motion, key in zip(motions, keys, strict=True)]
    outlines = [edges(key) for key in keys] if tears else []
    most = max([1, *(int(np.count_nonzero(found)) for found in outlines)])
    disagreements, torn = [], []
    for time in _OPAQUE_TIMES if opaque else _CLEAR_TIMES:
        with LastingThreads() as pool:
            second = pool.submit(motions[1].view, sources[1], 1 - time)
            views = motions[0].view(sources[0], time), second.result()
        disagreements.append(_disagreement(views, opaque=opaque))
        if tears:
            made = edges(compose(views, time, opaque=opaque)) > 0
            for found, motion, fraction in zip(outlines, motions, (time, 1 - time), strict=True):
                made &= ~_brought(found, motion, fraction)
            torn.append(int(np.count_nonzero(made)) / most)
    return Meeting(float(np.mean(disagreements)), float(np.mean(torn)) if torn else 0.0, opaque)


def _disagreement(views: tuple[View, View], *, opaque: bool) -> float:
    larger = largest_channel(cv2.absdiff(views[0].picture, views[1].picture))
    difference = np.minimum(larger, WORST_DIFFERENCE) / WORST_DIFFERENCE
    both, either = views[0].seen & views[1].seen, views[0].seen | views[1].seen
    if opaque:
        return float((difference * both).mean())
    return float(np.where(both, difference, 1.0)[either].mean()) if either.any() else 0.0


def _brought(outlines: Gray, motion: Motion, fraction: float) -> Mask:
    """Return where the edges of a key, and what is close to them, are at that fraction of the way."""
    near = cv2.dilate(outlines, np.ones((_EDGE_WINDOW, _EDGE_WINDOW), np.uint8))
    came = motion.origins(fraction)
    return came.seen & (cv2.remap(near, came.x, came.y, cv2.INTER_NEAREST) > 0)
