"""Points along curved strokes: what Blender draws between the control points of Bézier and Catmull-Rom strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Numbers of the attribute `curve_type`.
CATMULL_ROM, POLY, BEZIER, NURBS = 0, 1, 2, 3


def bezier(
    points: NDArray[Any], left: NDArray[Any], right: NDArray[Any], resolution: int, *, closed: bool
) -> NDArray[Any]:
    """Return points on the cubic Bézier spline: (segments * resolution [+ 1 when open], 3).

    points: (n, 3) control points; left, right: (n, 3) their handles; resolution: steps per segment.
    """
    following = np.roll(points, -1, axis=0), np.roll(left, -1, axis=0)
    corners = np.stack([points, right, following[1], following[0]], axis=1)  # (n, 4, 3)
    steps = np.linspace(0, 1, resolution, endpoint=False)
    weights = np.stack(
        [(1 - steps) ** 3, 3 * steps * (1 - steps) ** 2, 3 * steps**2 * (1 - steps), steps**3], axis=1
    )
    return _along(corners, weights, points, closed=closed)


def catmull_rom(points: NDArray[Any], resolution: int, *, closed: bool) -> NDArray[Any]:
    """Return points on the uniform Catmull-Rom spline through `points` (n, 3); open ends count double."""
    before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    beyond = np.roll(points, -2, axis=0)
    if not closed:
        before[0], after[-1], beyond[-2:] = points[0], points[-1], points[-1]
    corners = np.stack([before, points, after, beyond], axis=1)
    steps = np.linspace(0, 1, resolution, endpoint=False)
    square, cube = steps**2, steps**3
    weights = 0.5 * np.stack(
        [-steps + 2 * square - cube, 2 - 5 * square + 3 * cube, steps + 4 * square - 3 * cube, cube - square],
        axis=1,
    )
    return _along(corners, weights, points, closed=closed)


def linear(values: NDArray[Any], resolution: int, *, closed: bool) -> NDArray[Any]:
    """Return `values` (n,) or (n, k) of the control points at the points that the functions above return."""
    flat = values.reshape(len(values), -1)
    corners = np.stack([flat, np.roll(flat, -1, axis=0)], axis=1)
    steps = np.linspace(0, 1, resolution, endpoint=False)
    result = _along(corners, np.stack([1 - steps, steps], axis=1), flat, closed=closed)
    shaped: NDArray[Any] = result.reshape(len(result), *values.shape[1:])
    return shaped


def _along(corners: NDArray[Any], weights: NDArray[Any], points: NDArray[Any], *, closed: bool) -> NDArray[Any]:
    """Weigh (n, c, k) corners of each segment by (steps, c) weights; an open curve ends in its last point."""
    if closed:
        return _weighed(corners, weights)
    return np.concatenate([_weighed(corners[:-1], weights), points[-1:]])


def _weighed(corners: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    sums: NDArray[Any] = np.einsum("sc,nck->nsk", weights, corners)
    return sums.reshape(-1, corners.shape[-1])
