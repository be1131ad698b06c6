"""A change of tone, and how one is found that brings colours to what they should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

#: Says of a tone what each of some colours should be, (n, 3), and how far the toned colour is from it, (n,).
Compare = Callable[["Tone"], tuple[Pixels, Pixels]]

#: A colour differing more than this from what it is compared with says nothing about the tone; round by round.
REACHES = tuple(np.geomspace(0.16, 0.05, 8).tolist())
#: What the published model does to colours stays within these; more would be a change of the picture.
_GAINS = (0.6, 1.6)
_OFFSETS = (-0.4, 0.4)
#: How reluctantly a fine tone uses red, green, blue, their squares, and the constant.
_RIDGE = np.diag(np.array([1e-4] * 3 + [4e-4] * 3 + [1e-4], np.float32))
#: How far from the plain tone a fine one may bring a colour: where its colours are only thought to be those of the
#: keys, and where each is compared with its own place.
FINENESS, FINENESS_OF_PLACES = 0.12, 0.4
#: Fewer colours than this are no ground for a tone.
_FEWEST = 16


@dataclass(frozen=True)
class Tone:
    """A change of tone; weights: (7, 3), how red, green, blue, their squares, and 1 count in the new colour."""

    weights: Pixels

    def apply(self, pixels: Pixels) -> Pixels:
        """Change (…, 3)."""
        linear, squares, constant = self.weights[:3], self.weights[3:6], self.weights[6]
        changed: Pixels = pixels @ linear + constant
        if squares.any():
            changed += (pixels * pixels) @ squares
        return changed

    def towards(self, other: Tone, share: float) -> Tone:
        """Return the tone that is `share` (0..1) of the way to another."""
        return Tone(self.weights * np.float32(1 - share) + other.weights * np.float32(share))


def plain_tone(gain: Pixels, offset: Pixels) -> Tone:
    """Return the tone `colour * gain + offset`, (3,) each."""
    return Tone(np.concatenate([np.diag(gain), np.zeros((3, 3)), offset[None]]).astype(np.float32))


def shift(offset: Pixels) -> Tone:
    """Return the tone `colour + offset`, (3,)."""
    return plain_tone(np.ones(3, np.float32), offset)


NO_CHANGE = shift(np.zeros(3, np.float32))


def misfits(colours: Pixels, wanted: Pixels) -> Pixels:
    """(n, 3) and (n, 3) -> (n,): the largest difference of a channel."""
    difference: Pixels = np.abs(colours - wanted).max(axis=-1)
    return difference


def cost(compared: tuple[Pixels, Pixels], reach: float = REACHES[-1]) -> float:
    """Return the mean misfit; what is further off than the reach counts no more than that."""
    return float(np.minimum(compared[1], reach).mean())


def settle(tone: Tone, colours: Pixels, compare: Compare, reaches: tuple[float, ...] = REACHES) -> Tone:
    """Follow a first guess of a tone to the one that fits best: (n, 3) colours, round by round compared anew."""
    for reach in reaches:
        wanted, off = compare(tone)
        weights = _weights(off, reach)
        if weights.sum() < _FEWEST:
            break
        tone = _fit(colours, wanted, weights)
    return tone


def refine(
    tone: Tone, colours: Pixels, compare: Compare, fineness: float = FINENESS, reach: float = REACHES[-1]
) -> Tone:
    """Return a finer tone near a settled plain one: with channels mixed and bent where enough colours say so."""
    fine = tone
    for _ in range(3):
        wanted, off = compare(fine)
        weights = _weights(off, reach)
        if weights.sum() < max(_FEWEST, 0.3 * len(weights)):
            return tone
        fine = _fit_fine(tone, colours, wanted, weights)
    is_near = np.abs(fine.apply(colours) - tone.apply(colours)).max() < fineness
    return fine if is_near and cost(compare(fine)) < cost(compare(tone)) else tone


def _weights(off: Pixels, reach: float) -> Pixels:
    """Tukey's biweight: full for a perfect match, none beyond the reach."""
    weights: Pixels = (np.clip(1 - (off / np.float32(reach)) ** 2, 0, 1) ** 2).astype(np.float32)
    return weights


def _fit(colours: Pixels, wanted: Pixels, weights: Pixels) -> Tone:
    """Return the plain tone that brings colours nearest to the wanted ones in the weighted least squares sense.

    Where the colours hardly differ among themselves the gain cannot be told and stays near 1.
    """
    share = weights / max(float(weights.sum()), 1e-6)
    middle, wanted_middle = share @ colours, share @ wanted
    apart = colours - middle
    spread = share @ (apart * apart)
    together = share @ (apart * (wanted - wanted_middle))
    doubt = np.float32(1e-4)
    gain: Pixels = np.clip((together + doubt) / (spread + doubt), *_GAINS).astype(np.float32)
    return plain_tone(gain, np.clip(wanted_middle - gain * middle, *_OFFSETS))


def _fit_fine(tone: Tone, colours: Pixels, wanted: Pixels, weights: Pixels) -> Tone:
    """Return the tone that brings colours nearest to the wanted ones without going far from a given one."""
    share = weights / float(weights.sum())
    features = np.concatenate([colours, colours * colours, np.ones_like(colours[:, :1])], axis=-1)
    left = wanted - features @ tone.weights
    weighted = features * share[:, None]
    return Tone(tone.weights + np.linalg.solve(weighted.T @ features + _RIDGE, weighted.T @ left))
