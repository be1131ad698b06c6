"""Candidate motions: every rigid, similar or affine movement that some part of the drawing might make.

Finding many and choosing later (`labelling`) is what makes large motions possible where flow only sees small ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .affine import (
    IDENTITY,
    Affine,
    Points,
    about,
    angle,
    fit_affine,
    fit_rigid,
    fit_similarity,
    is_plausible,
    rotation,
    transform,
    translation,
)
from .colour import Premultiplied, luminance_over_white
from .contacts import Attachment, Contact, find_attachments
from .flow import Flow
from .hung_pairs import hung_pairs
from .matching import match_regions
from .regions import Regions, Shapes, measure, outline

MOST_HYPOTHESES = 140
MOST_PAIRS = 40
_ICP_ROUNDS = 8
#: What is fitted without scaling starts further off.
_RIGID_ROUNDS = 16
#: An outline is known by what clear ground shows of it when that is this share of it.
_LEAST_EDGE = 0.3
#: Smaller turns (radians) than this are found by the fits.
_LEAST_TURN = 0.15
#: Two motions that move no corner of the picture further apart than this are one.
SAME_PIXELS = 1.5


@dataclass(frozen=True)
class Hypotheses:
    """Motions from the start key to the end key; the first is standing still.

    camera: for each motion, whether it may be the movement of the whole picture. pairs: which region (from 0) of
    the start key is which of the end key. attachments: where these touch.
    """

    motions: list[Affine]
    camera: list[bool]
    pairs: list[tuple[int, int]]
    attachments: list[Attachment]


@dataclass(frozen=True)
class Details:
    """Points of a key that can be told from others, and how each looks; None where there are no points."""

    points: Sequence[cv2.KeyPoint]
    described: NDArray[Any] | None


def find_hypotheses(
    a: Premultiplied, b: Premultiplied, regions_a: Regions, regions_b: Regions, flow: Flow,
    details: tuple[Details, Details], contacts: tuple[list[Contact], list[Contact]], *, opaque: bool,
    canvas_shape: tuple[int, int],
) -> Hypotheses:  # fmt: skip
    """Collect the motions of the whole picture, of matched regions and their neighbourhoods, and of the flow.

    details, contacts: of both keys.
    canvas_shape: (height, width) of the whole working picture of which the keys may be a part; what counts as near
    goes by it, so that it does not matter how closely the keys were cut.
    """
    diagonal = float(np.hypot(*canvas_shape))
    shape_a, shape_b = regions_a.shapes, regions_b.shapes
    pairs = match_regions(regions_a, regions_b, diagonal)[:MOST_PAIRS]
    attachments = find_attachments(contacts, (shape_a, shape_b), pairs)
    whole = _whole_picture(a, b, diagonal) + _of_details(*details) + _all_centres(shape_a, shape_b, pairs, diagonal)
    parts: list[Affine] = []
    if not opaque:
        parts += silhouette(regions_a, regions_b)
    parts += _of_pairs(regions_a, regions_b, pairs, attachments)
    parts += _neighbourhoods(shape_a, shape_b, pairs)
    parts += _flow_fits(regions_a, shape_a, flow)
    return Hypotheses(*_distinct(whole, parts, regions_a.labels.shape, canvas_shape), pairs, attachments)


def paired_again(
    known: Hypotheses, regions: tuple[Regions, Regions], contacts: tuple[list[Contact], list[Contact]],
    chosen: NDArray[Any], canvas_shape: tuple[int, int],
) -> Hypotheses | None:  # fmt: skip
    """Return pairs of what hangs on the same place in both keys, and the motions (alone) that this adds.

    chosen: the motion of each region of the start key, as far as that is known. None when that tells nothing new.
    """
    if not known.pairs:
        return None
    largest = known.motions[chosen[known.pairs[0][0]]]
    pairs, carried = hung_pairs(regions, contacts, known.pairs, largest, float(np.hypot(*canvas_shape)))
    attachments = find_attachments(contacts, (regions[0].shapes, regions[1].shapes), pairs, carried)
    joined = {(at.region, at.other) for at in known.attachments if at.hinge}
    new = [pair for pair in pairs if pair not in known.pairs]
    held = [
        at
        for at in attachments
        if (at.region, at.other) in new or (at.hinge and (at.region, at.other) not in joined)
    ]
    if not (new or held):
        return None
    motions = _of_pairs(*regions, new, held)
    sound = [motion for motion in motions if is_plausible(motion)]
    return Hypotheses(sound, [False] * len(sound), pairs, attachments)


def _of_pairs(a: Regions, b: Regions, pairs: list[tuple[int, int]], attachments: list[Attachment]) -> list[Affine]:
    """Return the motions that bring matched regions onto each other, alone and about where they are attached."""
    found = [motion for pair in pairs for motion in region_pair(a, b, *pair)]
    return found + _hinges(a, b, attachments)


def _whole_picture(a: Premultiplied, b: Premultiplied, diagonal: float) -> list[Affine]:
    """Phase correlation of the pictures' edges."""
    sharp = [
        cv2.Laplacian(cv2.GaussianBlur(luminance_over_white(key).astype(np.float32), (0, 0), 1.5), cv2.CV_32F)
        for key in (a, b)
    ]
    window = cv2.createHanningWindow((a.shape[1], a.shape[0]), cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(sharp[0], sharp[1], window)
    offset = np.array(shift)
    usable = np.isfinite(offset).all() and np.linalg.norm(offset) < 0.6 * diagonal
    return [translation(offset)] if usable else []


def find_details(key: Premultiplied) -> Details:
    """Find what is textured in a key (SIFT)."""
    points, described = cv2.SIFT.create(600).detectAndCompute(luminance_over_white(key), np.empty(0, np.uint8))
    return Details(points, described)


def _of_details(a: Details, b: Details) -> list[Affine]:
    """Up to five motions that textured detail agrees on (RANSAC), each from what the ones before left."""
    if a.described is None or b.described is None or len(a.points) <= 8 or len(b.points) <= 8:
        return []
    candidates = cv2.BFMatcher().knnMatch(a.described, b.described, k=2)
    good = [two[0] for two in candidates if len(two) == 2 and two[0].distance < 0.75 * two[1].distance]
    start = np.array([a.points[match.queryIdx].pt for match in good], np.float32)
    end = np.array([b.points[match.trainIdx].pt for match in good], np.float32)
    found: list[Affine] = []
    while len(start) >= 6 and len(found) < 5:
        motion, inliers = cv2.estimateAffinePartial2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=2.0)
        if motion is None or int(inliers.sum()) < 5:
            break
        found.append(np.asarray(motion))
        rest = np.asarray(inliers)[:, 0] == 0
        start, end = start[rest], end[rest]
    return found


def _all_centres(shape_a: Shapes, shape_b: Shapes, pairs: list[tuple[int, int]], diagonal: float) -> list[Affine]:
    """The motion that most matched regions share."""
    if len(pairs) < 3:
        return []
    start = np.array([shape_a.centre[i] for i, _ in pairs], np.float32)
    end = np.array([shape_b.centre[j] for _, j in pairs], np.float32)
    motion, _ = cv2.estimateAffinePartial2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=diagonal * 0.012)
    return [] if motion is None else [np.asarray(motion)]


def silhouette(a: Regions, b: Regions) -> list[Affine]:
    """The figure as a whole: its centre moves, its size changes."""
    places = [np.argwhere(regions.live)[:, ::-1] for regions in (a, b)]
    if not (len(places[0]) and len(places[1])):
        return []
    start, end = places[0].mean(axis=0), places[1].mean(axis=0)
    scale = float(np.clip(np.sqrt(len(places[1]) / len(places[0])), 0.5, 2))
    whole_a, whole_b = (measure(regions.live.astype(np.int32), 1) for regions in (a, b))
    turn = float((whole_b.tilt[0] - whole_a.tilt[0] + np.pi / 2) % np.pi - np.pi / 2)
    outlines = [outline(regions.live.astype(np.int32), 1) for regions in (a, b)]
    guesses = [about(rotation(guess), start, end) for guess in (0.0, turn, turn + np.pi)]
    fits = _fit_contour(outlines[0], outlines[1], guesses)
    return [translation(end - start), about(scale * np.eye(2), start, end), *(motion for _, motion in fits)]


def region_pair(a: Regions, b: Regions, i: int, j: int) -> list[Affine]:
    """Motions that bring one matched region onto the other: move, moments, and contour fits from several angles."""
    shape_a, shape_b = a.shapes, b.shapes
    start, end = shape_a.centre[i], shape_b.centre[j]
    squash = shape_b.covariance_power(j, 0.5) @ shape_a.covariance_power(i, -0.5)
    found = [translation(end - start), about(squash, start, end)]
    outline_a, outline_b = outline(a.cores, i + 1), outline(b.cores, j + 1)
    if shape_a.long[i] / shape_a.short[i] > 1.5:
        turn = (shape_b.tilt[j] - shape_a.tilt[i] + np.pi / 2) % np.pi - np.pi / 2
        guesses = [0.0, turn, turn + np.pi]
    else:
        guesses = [0.0, 0.6, -0.6]
    fits = _fit_contour(outline_a, outline_b, [about(rotation(guess), start, end) for guess in guesses])
    fits.sort(key=lambda fit: fit[0] + 0.15 * abs(angle(fit[1])))
    found.append(fits[0][1])
    if fits[1][0] + 0.15 * abs(angle(fits[1][1])) < 1.5 * (fits[0][0] + 0.15 * abs(angle(fits[0][1]))) + 0.5:
        found.append(fits[1][1])
    return found


def _fit_contour(start: Points, end: Points, guesses: list[Affine]) -> list[tuple[float, Affine]]:
    """Iterative closest point from several guesses at once: (mean distance both ways, motion) of each.

    Affine where that fits clearly better than a similarity.
    """
    motions = np.array(guesses)
    for _ in range(_ICP_ROUNDS):
        squared = _squared_distances(_moved(motions, start), end)
        nearest = squared.argmin(axis=2)
        weights = _trust(np.sqrt(squared.min(axis=2)))
        motions = np.array([fit_similarity(start, end[n], w) for n, w in zip(nearest, weights, strict=True)])
    squared = _squared_distances(_moved(motions, start), end)
    found = []
    for motion, near in zip(motions, squared, strict=True):
        error = _misfit(near)
        fit = error, motion
        if len(start) >= 12:
            sheared = fit_affine(start, end[near.argmin(axis=1)])
            scales = np.linalg.svd(sheared[:, :2], compute_uv=False)
            if scales[0] < 2.2 and scales[1] > 0.4 and np.linalg.det(sheared[:, :2]) > 0:
                sheared_error = _misfit(_squared_distances(_moved(sheared[None], start), end)[0])
                if sheared_error < 0.75 * error:
                    fit = sheared_error, sheared
        found.append(fit)
    return found


def _moved(motions: Points, points: Points) -> Points:
    """Return the points (n, 2) taken through each of the motions (m, 2, 3): (m, n, 2)."""
    return np.asarray(points @ motions[:, :, :2].transpose(0, 2, 1) + motions[:, None, :, 2])


def _squared_distances(a: Points, b: Points) -> Points:
    """Return squared distances (m, n, len(b)) of (m, n, 2) points to `b`; outlines are short enough for that."""
    squared = (a**2).sum(axis=-1)[..., None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.maximum(squared, 0))


def _trust(distances: NDArray[Any]) -> NDArray[Any]:
    """Return how much pairs of points count that are so far apart (..., n): less beyond the median of their n."""
    in_order = np.sort(distances, axis=-1)
    count = distances.shape[-1]
    median = (in_order[..., (count - 1) // 2, None] + in_order[..., count // 2, None]) / 2
    return np.asarray(1 / (1 + (distances / (median + 1)) ** 2))


def _misfit(squared: Points) -> float:
    """Return the mean distance to the nearest point, both ways."""
    return float(np.sqrt(squared.min(axis=1)).mean() + np.sqrt(squared.min(axis=0)).mean()) / 2


def _hinges(a: Regions, b: Regions, attachments: list[Attachment]) -> list[Affine]:
    """Turns of regions about the place where they touch a larger one, as limbs turn.

    What covers a limb bites into its outline, but hardly changes where from its joint it points.
    """
    edges = {at.region: _seen_edge(a, at.region) for at in attachments}
    outlines = {at.other: outline(b.cores, at.other + 1) for at in attachments}
    found = []
    for at in attachments:
        start, end = a.shapes.centre[at.region] - at.start, b.shapes.centre[at.other] - at.end
        turn = float(np.arctan2(end[1], end[0]) - np.arctan2(start[1], start[0]))
        if abs((turn + np.pi) % (2 * np.pi) - np.pi) < _LEAST_TURN:
            continue
        hinge = about(rotation(turn), at.start, at.end)
        found += [hinge, _fit_rigid(edges[at.region], outlines[at.other], hinge)]
    return found


def _seen_edge(regions: Regions, region: int) -> Points:
    """Return what of a region's outline (from 0) lies beside clear ground, not beside what covers it, if enough."""
    points = outline(regions.cores, region + 1)
    ground = cv2.dilate((~regions.live).astype(np.uint8), np.ones((11, 11), np.uint8))
    own = points[ground[points[:, 1].astype(int), points[:, 0].astype(int)] > 0]
    return own if len(own) >= _LEAST_EDGE * len(points) else points


def _fit_rigid(start: Points, end: Points, motion: Affine) -> Affine:
    """Iterative closest point without scaling: what is partly covered would seem to shrink."""
    for _ in range(_RIGID_ROUNDS):
        squared = _squared_distances(_moved(motion[None], start), end)[0]
        motion = fit_rigid(start, end[squared.argmin(axis=1)], _trust(np.sqrt(squared.min(axis=1))))
    return motion


def _neighbourhoods(shape_a: Shapes, shape_b: Shapes, pairs: list[tuple[int, int]]) -> list[Affine]:
    """Similarities through the centres of each matched region and its 4 or 8 nearest matched neighbours."""
    if len(pairs) < 4:
        return []
    start = np.array([shape_a.centre[i] for i, _ in pairs])
    end = np.array([shape_b.centre[j] for _, j in pairs])
    tree = cKDTree(start)
    found = []
    for size in (4, 8):
        if len(pairs) >= size:
            _, groups = tree.query(start, size)
            found += [fit_similarity(start[group], end[group]) for group in groups]
    return found


def _flow_fits(regions: Regions, shapes: Shapes, flow: Flow) -> list[Affine]:
    """What the dense flow says about each large region, as a similarity that ignores its outliers."""
    found = []
    for region in np.argsort(-shapes.area, kind="stable")[:MOST_PAIRS]:
        places = np.flatnonzero(regions.labels == region + 1)
        if len(places) < 12:
            continue
        chosen = np.linspace(0, len(places) - 1, min(120, len(places))).astype(int)
        rows, columns = np.divmod(places[chosen], regions.labels.shape[1])
        start = np.column_stack([columns, rows]).astype(np.float64)
        end = start + flow[rows, columns]
        motion = fit_similarity(start, end)
        error = np.linalg.norm(transform(motion, start) - end, axis=1)
        found.append(fit_similarity(start, end, 1 / (1 + (error / 1.5) ** 2)))
    return found


def _distinct(
    whole: list[Affine], parts: list[Affine], shape: tuple[int, ...], canvas_shape: tuple[int, int]
) -> tuple[list[Affine], list[bool]]:
    """Drop near duplicates; motions of the whole picture come first, so that no limit cuts them off.

    They are told apart at the corners of a picture of the canvas's size around the keys' middle.
    """
    middle, half = np.array([shape[1], shape[0]]) / 2, np.array([canvas_shape[1], canvas_shape[0]]) / 2
    corners = middle + half * [[-1, -1], [1, -1], [-1, 1], [1, 1], [0, 0]]
    motions: list[Affine] = []
    camera: list[bool] = []
    seen = np.empty((0, 5, 2))
    for index, motion in enumerate([np.array(IDENTITY), *whole, *parts]):
        if len(motions) == MOST_HYPOTHESES:
            break
        if not is_plausible(motion):
            continue
        moved = transform(motion, corners)
        if len(seen) and float(np.abs(seen - moved).max(axis=(1, 2)).min()) <= SAME_PIXELS:
            continue
        motions.append(motion)
        camera.append(index <= len(whole))
        seen = np.concatenate([seen, moved[None]])
    return motions, camera
