"""How much of every pixel each palette colour covers.

A pixel on an edge is a mix of the colours of its two sides, seldom three, and of no other colour, even when the mix
happens to look like one (the edge of a red ball with a black outline passes near dark red). So painted pixels are
labelled by colour, and each mixed pixel is split between colours painted right beside it. Only where those cannot
explain it, as on a line so thin that no pixel of it is pure, a colour is fetched from further away.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .palette import Palette, is_flat, is_mixed

Array = NDArray[Any]

#: Squared error, in (1/255)², that a colour must save to be taken from within two pixels instead of from right
#: beside, or from further away; an ink may turn up anywhere.
_WITHIN_PENALTY, _FAR_PENALTY, _INK_PENALTY = 36.0, 900.0, 400.0
#: A pixel whose colour is missed by more than this, squared, asks for more colours (at least; noise raises it).
_POOR = 120.0
_SQUARE = np.ones((3, 3), np.uint8)


def coverage_of(pixels: Array, palette: Palette) -> Array:
    """Return (colours, height, width) float32, 0..1, which sum to 1 at every pixel.

    pixels: (height, width, 4) 0..255 premultiplied, calmed.
    """
    colours = palette.colours
    marks = _painted(pixels, palette)
    coverage = marks.astype(np.float32)
    rows, columns = np.nonzero(~marks.any(0))
    if not len(rows):
        return coverage
    poor_error = max(_POOR, palette.tolerance**2)
    mixed = pixels[rows, columns]
    far = np.where(palette.is_ink, _INK_PENALTY, _FAR_PENALTY).astype(np.float32)
    shares, poor = _split(mixed, colours, _penalties(marks, far, rows, columns), poor_error)
    coverage[:, rows, columns] = shares
    if poor.any():
        # What is mostly one colour beyond doubt now speaks for it to its neighbours: a thin line helps itself.
        missed = mixed - shares.T @ colours
        sure = np.einsum("ij,ij->i", missed, missed) < poor_error / 2
        marks[:, rows, columns] |= ((shares > 0.55) & sure).astype(np.uint8)
        rows, columns, mixed = rows[poor], columns[poor], mixed[poor]
        penalties = _penalties(marks, far, rows, columns)
        shares, _ = _split(mixed, colours, penalties, poor_error, three=True)
        coverage[:, rows, columns] = shares
    return coverage


def _painted(pixels: Array, palette: Palette) -> Array:
    """Return (colours, height, width) of 0 and 1: where each colour is pure beyond doubt."""
    colours = palette.colours
    flat = np.ascontiguousarray(pixels.reshape(-1, 4).T)
    # |p - c|² without the |p|², which is the same for every colour.
    distances = (-2 * colours) @ flat + (colours**2).sum(1)[:, None]
    nearest = distances.argmin(0)
    closest = distances.min(0) + (flat * flat).sum(0)
    sure = (closest < (1.5 * palette.tolerance) ** 2).reshape(pixels.shape[:2])
    rows, columns = np.nonzero(sure & ~is_flat(pixels, palette.tolerance))
    mixed = is_mixed(pixels, rows, columns, palette.tolerance)
    sure[rows[mixed], columns[mixed]] = False
    label = np.where(sure, nearest.reshape(sure.shape), -1)
    marks = np.stack([(label == index).astype(np.uint8) for index in range(len(colours))])
    for mark in marks:  # a lone pixel is an accident
        company = cv2.boxFilter(mark, cv2.CV_8U, (3, 3), normalize=False, borderType=cv2.BORDER_REPLICATE)
        mark &= (company >= 3).astype(np.uint8)
    return marks


def _penalties(marks: Array, far: Array, rows: Array, columns: Array) -> Array:
    """Return what using each colour at these n pixels costs by its distance: (colours, n) float32."""
    penalties = np.empty((len(marks), len(rows)), np.float32)
    for penalty, mark, most in zip(penalties, marks, far, strict=True):
        costs = np.array([most, _WITHIN_PENALTY, 0.0], np.float32)
        beside = cv2.dilate(mark, _SQUARE)
        within = cv2.dilate(beside, _SQUARE)
        penalty[:] = costs[beside[rows, columns] + within[rows, columns]]
    return penalties


def _split(
    pixels: Array, colours: Array, penalties: Array, poor_error: float, *, three: bool = False
) -> tuple[Array, Array]:
    """Return the shares (colours, n) of mixed pixels (n, 4), and which pixels (n,) nothing near explains well.

    three: whether three colours may mix where two do not do.
    """
    count = len(pixels)
    errors = np.stack([((pixels - colour) ** 2).sum(1) for colour in colours]) + penalties
    first = errors.argmin(0)
    second = first.copy()
    best = errors.min(0)
    share = np.zeros(count, np.float32)

    def try_pairs(usable: Array) -> None:
        for one, other in combinations(range(len(colours)), 2):
            at = np.nonzero(usable[one] & usable[other])[0]
            if not len(at):
                continue
            across = colours[other] - colours[one]
            away = pixels[at] - colours[one]
            part = np.clip(away @ across / max(float(across @ across), 1e-6), 0, 1)
            astray = away - part[:, None] * across
            error = np.einsum("ij,ij->i", astray, astray) + penalties[one, at] + penalties[other, at]
            better = error < best[at]
            at = at[better]
            best[at], first[at], second[at], share[at] = error[better], one, other, part[better]

    near = penalties < _INK_PENALTY
    try_pairs(near)
    poor = best > poor_error
    if poor.any():
        try_pairs(np.broadcast_to(poor, near.shape))
    shares = np.zeros((len(colours), count), np.float32)
    everyone = np.arange(count)
    shares[first, everyone] += 1 - share
    shares[second, everyone] += share
    if three:
        _split_in_three(shares, best, pixels, colours, penalties, poor_error)
    return shares, poor


def _split_in_three(
    shares: Array, best: Array, pixels: Array, colours: Array, penalties: Array, poor_error: float
) -> None:
    """Improve the shares of pixels that no two colours explain: a thin line between two areas touches both."""
    poor = np.nonzero(best > poor_error)[0]
    near = penalties[:, poor] < _INK_PENALTY
    for names in combinations(np.nonzero(near.any(1))[0].tolist(), 3):
        at = poor[near[list(names)].all(0)]
        if not len(at):
            continue
        basis = colours[list(names)]
        parts = (pixels[at] - basis[0]) @ np.linalg.pinv((basis[1:] - basis[0]).T).T
        parts = np.clip(np.column_stack([1 - parts.sum(1), parts]), 0, None)
        parts /= parts.sum(1, keepdims=True)
        error = ((pixels[at] - parts @ basis) ** 2).sum(1) + penalties[list(names)][:, at].sum(0)
        better = error + _WITHIN_PENALTY < best[at]
        improved = at[better]
        best[improved] = error[better]
        shares[:, improved] = 0
        shares[np.ix_(list(names), improved)] = parts[better].T
