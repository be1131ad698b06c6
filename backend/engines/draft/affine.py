"""Affine maps of the plane: (2, 3) float64 arrays [L | d] that take a point p to L p + d."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: (2, 3) float64.
Affine = NDArray[Any]
#: (n, 2) float64: x then y.
Points = NDArray[Any]

IDENTITY: Affine = np.eye(2, 3)
IDENTITY.flags.writeable = False


def affine_map(linear: NDArray[Any], offset: NDArray[Any]) -> Affine:
    """Return the map with that linear part and offset."""
    affine = np.empty((2, 3))
    affine[:, :2], affine[:, 2] = linear, offset
    return affine


def transform(affine: Affine, points: Points) -> Points:
    """Return the points taken through the map."""
    return np.asarray(points @ affine[:, :2].T + affine[:, 2])


def inverse(affine: Affine) -> Affine:
    """Return the map back."""
    linear = np.linalg.inv(affine[:, :2])
    return affine_map(linear, -linear @ affine[:, 2])


def after(second: Affine, first: Affine) -> Affine:
    """Return the map that does `first`, then `second`."""
    return affine_map(second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2])


def about(linear: NDArray[Any], start: NDArray[Any], end: NDArray[Any]) -> Affine:
    """Return the map with that linear part which takes `start` to `end`."""
    return affine_map(linear, end - linear @ start)


def translation(offset: NDArray[Any]) -> Affine:
    """Return the map that only moves."""
    return affine_map(np.eye(2), offset)


def rotation(radians: float) -> NDArray[Any]:
    """Return the (2, 2) rotation."""
    cosine, sine = math.cos(radians), math.sin(radians)
    return np.array([[cosine, -sine], [sine, cosine]])


def angle(affine: Affine) -> float:
    """Return how far the map turns, in radians (-pi..pi)."""
    return math.atan2(affine[1, 0] - affine[0, 1], affine[0, 0] + affine[1, 1])


def stretch(affine: Affine) -> NDArray[Any]:
    """Return the symmetric part S of the polar form L = R(angle) S."""
    unturned = rotation(-angle(affine)) @ affine[:, :2]
    return np.asarray((unturned + unturned.T) / 2)


@dataclass(frozen=True)
class Polar:
    """The linear part of a map as a turn (radians) after a stretch by factors (2,) along axes (2, 2)."""

    turn: float
    factors: NDArray[Any]
    axes: NDArray[Any]

    @staticmethod
    def of(affine: Affine) -> Polar:
        """Take a map apart."""
        return Polar(angle(affine), *np.linalg.eigh(stretch(affine)))

    def power(self, exponent: float, stretch_exponent: float | None = None) -> NDArray[Any]:
        """Return the linear part a fraction of the way: R(turn * exponent) S ** exponent.

        Turning and scaling at a constant rate is what a straight mean of matrices is not: it would shrink
        what turns and hurry what grows. `stretch_exponent` gives the scaling a pace of its own.
        """
        pace = exponent if stretch_exponent is None else stretch_exponent
        scaled = (self.axes * np.maximum(self.factors, 0.05) ** pace) @ self.axes.T
        return np.asarray(rotation(self.turn * exponent) @ scaled)


def fixed_point(affine: Affine) -> NDArray[Any] | None:
    """Return the point that the map leaves alone, None when there is none to speak of."""
    system = np.eye(2) - affine[:, :2]
    if abs(np.linalg.det(system)) < 1e-6:
        return None
    return np.asarray(np.linalg.solve(system, affine[:, 2]))


def fit_similarity(start: Points, end: Points, weights: NDArray[Any] | None = None) -> Affine:
    """Return the rotation, uniform scale (0.5..2) and move that takes `start` closest to `end`.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", in 2D.
    """
    share = np.ones(len(start)) if weights is None else weights
    share = share / share.sum()
    start_mean, end_mean = share @ start, share @ end
    x, y = start - start_mean, end - end_mean
    moment = (share[:, None] * y).T @ x
    cosine, sine = moment[0, 0] + moment[1, 1], moment[1, 0] - moment[0, 1]
    variance = max(float((share[:, None] * x * x).sum()), 1e-6)
    scale = min(max(math.hypot(cosine, sine) / variance, 0.5), 2.0)
    return about(scale * rotation(math.atan2(sine, cosine)), start_mean, end_mean)


def fit_rigid(start: Points, end: Points, weights: NDArray[Any]) -> Affine:
    """Return the rotation and move that takes `start` closest to `end` (weighted least squares)."""
    turn = rotation(angle(fit_similarity(start, end, weights)))
    share = weights / weights.sum()
    return about(turn, share @ start, share @ end)


def fit_affine(start: Points, end: Points, weights: NDArray[Any] | None = None) -> Affine:
    """Return the (weighted) least-squares affine map from `start` to `end` (at least three points)."""
    system = np.column_stack([start, np.ones(len(start))])
    if weights is not None:
        root = np.sqrt(weights)[:, None]
        system, end = system * root, end * root
    return np.asarray(np.linalg.lstsq(system, end, rcond=None)[0].T)


def fit_sound(start: Points, end: Points) -> Affine:
    """Return the affine map that takes `start` closest to `end`, a similarity where that mirrors or distorts."""
    sheared = fit_affine(start, end)
    scales = np.linalg.svd(sheared[:, :2], compute_uv=False)
    sound = np.linalg.det(sheared[:, :2]) > 0 and scales[1] > 0.6 and scales[0] < 1.7
    return sheared if sound else fit_similarity(start, end)


def is_plausible(affine: Affine) -> bool:
    """Say whether the map neither mirrors nor collapses nor explodes."""
    return bool(np.isfinite(affine).all()) and 0.08 < float(np.linalg.det(affine[:, :2])) < 12
