"""One tone for each frame out of several on offer, so that light does not flicker.

Where the model's colours are far from the keys', more than one tone explains a frame about as well, and frames that
choose alone jump between them. A flash, in contrast, is explained by one tone alone, and by it far better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .tone import Pixels, Tone

#: How much of a misfit must be gained for a tone that differs by one from the neighbour's, and from the calm one's.
_JUMP, _DEPARTURE = 0.1, 0.27
#: Tones that change colours by more than this differ by no more than it: a flash may be as strong as it likes.
_FAR = 0.031


@dataclass(frozen=True)
class Offer:
    """A tone for a frame, and the mean misfit that it leaves, in the colours' own unit."""

    tone: Tone
    misfit: float


def steadiest(offers: list[list[Offer]], calm: list[Tone], samples: Pixels) -> list[Offer]:
    """Return one offer for each frame: small misfits, few jumps, near the calm tone (Viterbi 1967).

    offers, calm: for each frame; at least one offer each. samples: (n, 3), colours by whose change tones are
    compared.
    """
    changed = [np.stack([offer.tone.apply(samples) for offer in frame]) for frame in offers]
    totals: list[NDArray[np.float64]] = []
    origins: list[NDArray[np.intp]] = []
    for index, frame in enumerate(offers):
        away = _distances(changed[index], calm[index].apply(samples)[None])[:, 0]
        alone = np.array([offer.misfit for offer in frame]) + _DEPARTURE * away
        if index:
            ways = totals[-1] + _JUMP * _distances(changed[index], changed[index - 1])
            origins.append(ways.argmin(axis=1))
            alone += ways.min(axis=1)
        totals.append(alone)
    path = [int(totals[-1].argmin())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return [frame[choice] for frame, choice in zip(offers, reversed(path), strict=True)]


def _distances(ours: Pixels, theirs: Pixels) -> NDArray[np.float64]:
    """(a, n, 3) and (b, n, 3) -> (a, b): the mean over colours of the channel that differs most, at most `_FAR`."""
    differences = np.abs(ours[:, None] - theirs[None]).max(axis=-1).mean(axis=-1)
    return np.asarray(np.minimum(differences, _FAR), np.float64)
