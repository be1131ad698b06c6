"""The last pixel between a led segment and its guide: every part moved until its lines lie in the middle of those.

Point-to-line registration (Chen & Medioni 1992) of centre lines that are known to a fraction of a pixel: what the
outlines of both keys say about a part, together.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import Affine, about, after, inverse, transform, translation
from .between import Between
from .layers import LayeredMotion
from .line_sets import LineSet, placed_points

#: How far (pixels, direction included) a line may be from its partner, turn by turn; and no more than so many
#: pixels and so many times as far as half of all lines were in the beginning.
_REACHES = (6.0, 4.0, 3.0, 2.5, 2.5)
_NEAR_PIXELS, _AS_FAR = 2.0, 3.0
_FEWEST_POINTS = 12
#: A part stays where it is unless this share of its visible lines has a partner.
_MET = 0.6
#: Residuals (pixels) beyond this count less and less.
_USUAL = 0.7
#: How firmly a part keeps its form and its place, as so many points that say it does.
_STIFF, _HELD = 3.0, 0.3
#: What moves no point of a part by so much is noise; what moves one further has found lines of something else.
_NOISE_PIXELS, _MOST_PIXELS = 0.25, 6.0
#: Half of a part's lines must come this much nearer.
_BETTER = 0.85


def settled(
    between: Between, time: float, drawn: tuple[LineSet, LineSet], guide: LineSet, strength: float
) -> Between | None:
    """Return the segment with its parts exactly on the guide's lines at `time`; None when none can be told.

    drawn: the lines of both keys. strength: 0..1, how far to go there.
    """
    if between.motions is None or not isinstance(between.motions[0], LayeredMotion):
        return None
    paths = between.motions[0].paths
    offset = np.array(between.offset(time))
    at = {number: after(translation(offset), place) for number, place in paths.at(time).items()}
    points: dict[int, list[NDArray[Any]]] = {}
    corners: dict[int, list[NDArray[Any]]] = {}
    corner = _corner(between, guide.strokes.shape[0])
    for side, motion in enumerate(between.motions):
        assert isinstance(motion, LayeredMotion)
        ways = {layer.number: at[layer.number] for layer in motion.layers}
        if side == 1:
            ways = {number: after(way, inverse(paths.parts[number].motion)) for number, way in ways.items()}
        for layer in motion.layers:
            height, width = layer.mask.shape[:2]
            box = np.array([[0, 0], [width, 0], [0, height], [width, height]]) + np.array([layer.left, layer.top])
            corners.setdefault(layer.number, []).append(transform(ways[layer.number], box))
        for number, own in _visible(motion, ways, drawn[side].centres - np.append(corner, [0, 0])).items():
            points.setdefault(number, []).append(own)
    there: dict[int, Affine] = {}
    for number, found in points.items():
        if number == between.motions[0].backdrop or number in between.motions[0].sways:
            continue
        step = _step(np.concatenate(found) + np.append(corner, [0, 0]), guide)
        if step is not None:
            step = after(translation(-corner), after(step, translation(corner)))
            outermost = np.concatenate(corners[number])
            if np.linalg.norm(transform(step, outermost) - outermost, axis=1).max() > _MOST_PIXELS:
                continue  # what few lines say of a part must not throw the rest of it away
            there[number] = at[number] + strength * (after(step, at[number]) - at[number])
    if not there:
        return None
    return between.along(paths.through(time, {**at, **there} if offset.any() else there))


def _visible(motion: LayeredMotion, ways: dict[int, Affine], lines: NDArray[Any]) -> dict[int, NDArray[Any]]:
    """Return for each part of a key its oriented points (n, 4) in the frame, where nothing lies before them."""
    height, width = motion.working_size
    foremost = np.full((height, width), -1, np.int16)
    landed = {}
    for layer in motion.layers:
        x, y = np.rint(lines[:, :2] - [layer.left, layer.top]).astype(int).T
        rows, columns = layer.mask.shape[:2]
        inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
        inside[inside] = layer.core[y[inside], x[inside]]
        landed[layer.number] = placed_points(lines[inside], ways[layer.number])
        place = after(ways[layer.number], translation(np.array([layer.left, layer.top], float)))
        covers = cv2.warpAffine(layer.core.astype(np.uint8), place, (width, height), flags=cv2.INTER_NEAREST)
        foremost[covers > 0] = layer.number
    out = {}
    for number, points in landed.items():
        x, y = np.rint(points[:, :2]).astype(int).T
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        inside[inside] = foremost[y[inside], x[inside]] == number
        out[number] = points[inside]
    return out


def _step(points: NDArray[Any], guide: LineSet) -> Affine | None:
    """Return the small motion that lays oriented points in the middle of the guide's lines; None if it is vain."""
    if len(points) < _FEWEST_POINTS:
        return None
    before = float(np.median(guide.off(points))) * guide.reach
    step: Affine = np.eye(2, 3)
    for reach in _REACHES:
        found = _nearer(placed_points(points, step), guide, min(reach, _NEAR_PIXELS + _AS_FAR * before))
        if found is None:
            return None
        step = after(found, step)
    away = float(np.linalg.norm(transform(step, points[:, :2]) - points[:, :2], axis=1).max())
    if not _NOISE_PIXELS < away < _MOST_PIXELS:
        return None
    left = float(np.median(guide.off(placed_points(points, step)))) * guide.reach
    return step if left < _BETTER * before else None


def _nearer(points: NDArray[Any], guide: LineSet, reach: float) -> Affine | None:
    """Return the motion that brings points nearest to the lines within reach; None when most have none there."""
    distance, nearest = guide.nearest_centre(points, reach)
    found = np.isfinite(distance)
    if found.sum() < max(_FEWEST_POINTS, _MET * len(points)):
        return None
    middle = points[:, :2].mean(axis=0)
    radius = max(float(np.sqrt(points[:, :2].var(axis=0).sum())), 1.0)
    at, partner = points[found, :2], guide.centres[nearest[found]]
    turn = np.arctan2(partner[:, 3], partner[:, 2]) / 2
    across = np.column_stack([-np.sin(turn), np.cos(turn)])
    off = np.einsum("ni,ni->n", across, partner[:, :2] - at)
    weight = 1 / (1 + (off / _USUAL) ** 2)
    arm = (at - middle) / radius
    system = np.column_stack([across, across[:, :1] * arm, across[:, 1:] * arm])
    # Of the linear part a b / c d, what is not a turn changes the form.
    hold = np.zeros((5, 6))
    hold[0, 0] = hold[1, 1] = _HELD
    hold[2, 2] = hold[3, 5] = _STIFF
    hold[4, 3] = hold[4, 4] = _STIFF / 2
    normal = (system * weight[:, None]).T @ system + hold.T @ hold
    move = np.linalg.solve(normal, (system * weight[:, None]).T @ off)
    linear = np.eye(2) + move[2:].reshape(2, 2) / radius
    return about(linear, middle, middle + move[:2])


def _corner(between: Between, height: int) -> NDArray[Any]:
    """Return where (x, y) what moves begins in the picture drawn `height` rows high, to a fraction of a pixel."""
    scale = height / between.start.shape[0]
    return np.array([between.box[1].start * scale, between.box[0].start * scale])
