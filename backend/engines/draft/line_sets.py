"""Sets of lines, and how far one is from another: a guide's from a drawing's, a region's outlines from a guide."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .affine import Affine, angle, fit_affine, fit_similarity, rotation, transform
from .lines import centre_points, closed_areas, oriented_points
from .regions import Regions
from .view import Mask

#: Directions are compared in so many classes; a line counts for those within a class and a half of its own.
_DIRECTIONS = 6
#: Distances from a guide's line are counted up to this share of the diagonal.
_REACH = 0.03
_FIT_STEPS = (1.0, 0.6, 0.35, 0.25)
_FIT_SCALES = 0.6, 1.7


@dataclass(frozen=True)
class LineSet:
    """Lines at working size, ready to be compared with: those of a guide, or of a picture."""

    strokes: Mask

    @property
    def reach(self) -> float:
        """The distance (pixels) from which a line counts as missed."""
        return _REACH * float(np.hypot(*self.strokes.shape))

    @cached_property
    def points(self) -> NDArray[Any]:
        """(n, 4) oriented points."""
        return oriented_points(self.strokes)

    @cached_property
    def centres(self) -> NDArray[Any]:
        """(n, 4) oriented points in the middle of the lines, to a fraction of a pixel."""
        return centre_points(self.strokes)

    @cached_property
    def areas(self) -> Regions:
        """The areas that the guide's lines enclose."""
        return closed_areas(self.strokes)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points)

    @cached_property
    def _centre_tree(self) -> cKDTree:
        return cKDTree(self.centres)

    @cached_property
    def _distances(self) -> NDArray[Any]:
        """(directions, height, width): how far (share of the reach) the nearest line of that direction is."""
        height, width = self.strokes.shape
        direction = np.arctan2(self.points[:, 3], self.points[:, 2])
        out = np.empty((_DIRECTIONS, height, width), np.float32)
        for index in range(_DIRECTIONS):
            middle = 2 * np.pi * index / _DIRECTIONS
            away = np.abs((direction - middle + np.pi) % (2 * np.pi) - np.pi)
            alike = self.points[away < 1.5 * np.pi / _DIRECTIONS * 1.34]
            mask = np.ones((height, width), np.uint8)
            mask[alike[:, 1].astype(int), alike[:, 0].astype(int)] = 0
            out[index] = cv2.distanceTransform(mask, cv2.DIST_L2, 3) if len(alike) else self.reach
        return np.asarray(np.minimum(out / np.float32(self.reach), 1))

    @cached_property
    def _paper(self) -> Mask:
        near = cv2.dilate((self.areas.live | self.strokes).astype(np.uint8), np.ones((5, 5), np.uint8))
        return np.asarray(near == 0)

    def nearest(self, points: NDArray[Any], reach: float) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return for oriented points how far (infinite beyond `reach`) and which the nearest of these is."""
        distance, index = self._tree.query(points, distance_upper_bound=reach)
        return np.asarray(distance), np.asarray(index)

    def nearest_centre(self, points: NDArray[Any], reach: float) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return for oriented points how far (infinite beyond `reach`) and which the nearest of the centres is."""
        distance, index = self._centre_tree.query(points, distance_upper_bound=reach)
        return np.asarray(distance), np.asarray(index)

    def off(self, points: NDArray[Any]) -> NDArray[Any]:
        """Return for oriented points how far (0..1, share of the reach) they are from the middle of these lines."""
        if not len(points) or not len(self.centres):
            return np.ones(len(points))
        distance, nearest = self.nearest_centre(points, self.reach)
        found = np.isfinite(distance)
        out = np.ones(len(points))
        partner = self.centres[nearest[found]]
        away = points[found, :2] - partner[:, :2]
        turn = np.arctan2(partner[:, 3], partner[:, 2]) / 2
        across = away[:, 1] * np.cos(turn) - away[:, 0] * np.sin(turn)
        along = away[:, 0] * np.cos(turn) + away[:, 1] * np.sin(turn)
        # Between two points of a line there is line.
        out[found] = np.minimum(np.hypot(across, np.maximum(np.abs(along) - 1, 0)) / self.reach, 1)
        return out

    def misfits(self, points: NDArray[Any], motions: list[Affine], reach: float | None = None) -> NDArray[Any]:
        """Return for each motion how far (0 on a line .. 1 out of reach) oriented points are from these lines."""
        if not len(points):
            return np.ones(len(motions))
        row, column, inside = self._landings(points, motions)
        turns = np.array([angle(motion) for motion in motions])
        direction = np.arctan2(points[:, 3], points[:, 2])[None] + 2 * turns[:, None]
        bins = np.rint(direction / (2 * np.pi) * _DIRECTIONS).astype(int) % _DIRECTIONS
        found = self._distances[bins, row, column]
        if reach is not None:
            found = np.minimum(found * np.float32(self.reach / reach), 1)
        return np.asarray(np.where(inside, found, 1.0).mean(axis=1))

    def on_paper(self, points: NDArray[Any], motions: list[Affine]) -> NDArray[Any]:
        """Return for each motion the share of points on empty paper: near no line, inside nothing these enclose."""
        if not len(points):
            return np.zeros(len(motions))
        row, column, inside = self._landings(points, motions)
        return np.asarray((inside & self._paper[row, column]).mean(axis=1))

    def _landings(
        self, points: NDArray[Any], motions: list[Affine]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return (motions, points): the pixels on which points land, and whether these are in the picture."""
        height, width = self.strokes.shape
        stack = np.array(motions)
        placed = np.einsum("mij,pj->mpi", stack[:, :, :2], points[:, :2]) + stack[:, None, :, 2]
        column, row = np.rint(placed[..., 0]).astype(int), np.rint(placed[..., 1]).astype(int)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        return row.clip(0, height - 1), column.clip(0, width - 1), inside

    def fit(self, points: NDArray[Any], motion: Affine) -> Affine:
        """Improve a motion so that oriented points come to lie on the guide: iterative closest point."""
        for index, share in enumerate(_FIT_STEPS):
            reach = share * self.reach
            distance, nearest = self._tree.query(placed_points(points, motion), distance_upper_bound=1.5 * reach)
            found = np.isfinite(distance)
            if found.sum() < max(8, 0.2 * len(points)):
                return motion
            weights = np.where(found, 1 / (1 + (distance / (0.5 * reach)) ** 2), 0)[found]
            start, end = points[found, :2], self.points[nearest[found], :2]
            last = index >= len(_FIT_STEPS) - 2
            refined = fit_affine(start, end, weights) if last else fit_similarity(start, end, weights)
            if last:
                scales = np.linalg.svd(refined[:, :2], compute_uv=False)
                spread = np.linalg.eigvalsh(np.cov(start.T))
                sound = (
                    scales[1] > _FIT_SCALES[0] and scales[0] < _FIT_SCALES[1] and np.linalg.det(refined[:, :2]) > 0
                )
                if not (sound and spread[0] > 9 and len(start) >= 24):
                    refined = fit_similarity(start, end, weights)
            motion = refined
        return motion


def placed_points(points: NDArray[Any], motion: Affine) -> NDArray[Any]:
    """Return oriented points (n, 4) taken through a motion."""
    direction = points[:, 2:] @ rotation(2 * angle(motion)).T
    return np.column_stack([transform(motion, points[:, :2]), direction])
