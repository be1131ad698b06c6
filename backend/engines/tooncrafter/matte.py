"""Transparency for a model that knows none: keys go over a colour that the drawing does not contain, and back.

The model sees C = a F + (1 - a) B: the drawing F with its matte a over the backing B. Afterwards every pixel is
explained by one colour of the drawing's palette and as much of the backing as is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .palette import alpha_levels, palette_of

Pixels = NDArray[np.float32]

#: Backings to choose from: every mixture of five shades of red, green and blue.
_SHADES = np.linspace(0, 1, 5, dtype=np.float32)
#: A backing closer to the drawing than this leaves the matte in doubt.
SURE_DISTANCE = 0.2
#: What a transparent pixel costs more than an opaque one of the same likeness: opaque is the simpler explanation.
_SEE_THROUGH_COST = 0.06
#: Mattes so close to an alpha that the keys have over areas are meant to be it: the model is never quite even.
_LEVEL_REACH = 0.06


@dataclass(frozen=True)
class Backing:
    """What lies behind the drawing: its colour (3,), the drawing's colours (colours, 3), how far they are apart.

    distance: from the backing to the nearest colour of the drawing, 0..1.73. levels: see `alpha_levels`.
    """

    colour: Pixels
    drawing: Pixels
    distance: float
    levels: Pixels = field(default_factory=lambda: np.array([0, 1], np.float32))

    @property
    def is_sure(self) -> bool:
        """Whether drawing and backing can be told apart everywhere."""
        return self.distance >= SURE_DISTANCE


def is_opaque(picture: Pixels) -> bool:
    """Say whether a picture (height, width, 4) has no transparent pixel."""
    return bool((picture[..., 3] >= 1).all())


def choose_backing(keys: Sequence[Pixels]) -> Backing:
    """Return the backing that is easiest to tell from the keys' drawing; keys: (height, width, 4), straight alpha.

    It lies far from every colour of the drawing, and so that no colour of the drawing looks like another one seen
    half through. Pale and dark paper is preferred to loud colours, which the model lets shine onto the drawing.
    """
    drawing = palette_of(keys).used
    candidates = np.stack(np.meshgrid(_SHADES, _SHADES, _SHADES, indexing="ij"), axis=-1).reshape(-1, 3)
    if not len(drawing):
        return Backing(np.ones(3, np.float32), drawing, distance=1.0)
    distances = np.linalg.norm(candidates[:, None] - drawing[None], axis=-1).min(axis=1)
    loudness = candidates.max(axis=1) - candidates.min(axis=1)
    scores = distances + _separation(candidates, _unmixed(drawing)) - 0.15 * loudness
    best = int(np.argmax(scores))
    return Backing(candidates[best], drawing, float(distances[best]), alpha_levels(keys))


def _unmixed(drawing: Pixels) -> Pixels:
    """Return the colours that are no mixture of two commoner ones, which a rim is made of; commonest first."""
    kept: list[Pixels] = []
    for colour in drawing:
        if len(kept) >= 2:
            chosen = np.stack(kept)
            misfits = [_explain(colour[None], one, chosen)[1].min() for one in kept]
            if min(misfits) < 0.04:
                continue
        kept.append(colour)
    return np.stack(kept)


def _separation(candidates: Pixels, drawing: Pixels) -> Pixels:
    """Return (candidates,): how far, at least, any colour is from any other one mixed with the candidate."""
    if len(drawing) < 2:
        return np.full(len(candidates), 0.3, np.float32)
    separations = np.empty(len(candidates), np.float32)
    for index, backing in enumerate(candidates):
        shares, misfits = _explain(drawing, backing, drawing)
        misfits[shares >= 0.97] = 1  # lies beyond the other colour, not between it and the backing
        np.fill_diagonal(misfits, 1)
        separations[index] = misfits.min()
    return np.minimum(separations, 0.3)


def _explain(colours: Pixels, backing: Pixels, drawing: Pixels) -> tuple[Pixels, Pixels]:
    """Explain colours (n, 3) as mixtures of the backing with each of the drawing's colours (k, 3).

    Returns the drawing's share (n, k) in 0..1 and how far the colour is from that mixture (n, k).
    """
    rays = drawing - backing
    from_backing = colours - backing
    lengths = np.maximum((rays * rays).sum(axis=-1), 1e-6)
    along = from_backing @ rays.T
    shares = np.clip(along / lengths, 0, 1)
    squared = (from_backing * from_backing).sum(axis=-1, keepdims=True) - 2 * shares * along + shares**2 * lengths
    return shares, np.sqrt(np.maximum(squared, 0))


def lay_over(picture: Pixels, backing: Backing | None) -> Pixels:
    """(height, width, 4) -> (height, width, 3) over the backing; None for a picture that is opaque."""
    if backing is None:
        return picture[..., :3].copy()
    alpha = picture[..., 3:]
    laid: Pixels = picture[..., :3] * alpha + backing.colour * (1 - alpha)
    return laid


def lift(pixels: Pixels, backing: Backing | None) -> Pixels:
    """(height, width, 3) over the backing -> (height, width, 4) with its matte; colour premultiplied by alpha.

    Without a backing everything is opaque. Half-transparent pixels take the drawing's own colour, so that nothing
    of the backing is left in a rim.
    """
    pixels = np.clip(pixels, 0, 1)
    if backing is None:
        return np.concatenate([pixels, np.ones_like(pixels[..., :1])], axis=-1)
    lifted = np.zeros((*pixels.shape[:2], 4), np.float32)
    if not len(backing.drawing):
        return lifted
    for row, line in enumerate(pixels):
        shares, misfits = _explain(line, backing.colour, backing.drawing)
        best = np.argmin(misfits + _SEE_THROUGH_COST * (1 - shares), axis=1)
        share = np.take_along_axis(shares, best[:, None], axis=1)
        # A colour that no mixture with the backing explains is one of the model's own: it is opaque.
        own = np.take_along_axis(misfits, best[:, None], axis=1) > SURE_DISTANCE
        alpha = np.where(own, 1, _levelled(share, backing.levels)).astype(np.float32)
        lifted[row, :, :3] = np.where(alpha < 1, backing.drawing[best], line) * alpha
        lifted[row, :, 3:] = alpha
    return lifted


def _levelled(alpha: Pixels, levels: Pixels) -> Pixels:
    """Return the alpha, and where it is close to one of the ascending levels that level."""
    places, values = [], []
    for level, following in pairwise(levels.tolist()):
        reach = min(_LEVEL_REACH, (following - level) / 3)
        places += [level, level + reach, following - reach]
        values += [level, level, following]
        if following - level > 4 * reach:
            places[-1:-1] = values[-1:-1] = [level + 2 * reach, following - 2 * reach]
    levelled: Pixels = np.interp(alpha, places, values).astype(np.float32)
    return levelled


def straighten(premultiplied: Pixels) -> Pixels:
    """(height, width, 4) with premultiplied colour -> straight alpha, all in 0..1; clear pixels are black."""
    alpha = np.clip(premultiplied[..., 3:], 0, 1)
    seen = alpha > 1 / 512
    colour = np.divide(premultiplied[..., :3], alpha, out=np.zeros_like(premultiplied[..., :3]), where=seen)
    straight: Pixels = np.concatenate([np.clip(colour, 0, 1), alpha * seen], axis=-1).astype(np.float32)
    return straight


def premultiply(picture: Pixels) -> Pixels:
    """(height, width, 4) with straight alpha -> colour multiplied by it."""
    return np.concatenate([picture[..., :3] * picture[..., 3:], picture[..., 3:]], axis=-1)
