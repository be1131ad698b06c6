"""How good an in-between is against the frame that was really drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

#: Distances are counted up to this share of the height.
_FAR = 0.15
_ROWS = 320
#: Thresholds of edges, and how many pixels (at 320 rows) an edge may be off.
_EDGE, _EDGE_AWAY = (60, 150), 3.0


@dataclass(frozen=True)
class Scores:
    """psnr: dB. ssim: 0..1. chamfer: mean distance between line sets, pixels at 320 rows.

    ghost: pixels of a colour that neither key has and no neighbouring colours mix to, beyond those that the true
    frame has (fine detail mixes more than two colours), % of the drawing.
    tear: pixels of small islands and holes beyond the keys' and the true frame's, at 320 rows.
    """

    psnr: float
    ssim: float
    chamfer: float
    ghost: float
    tear: float

    def as_row(self) -> NDArray[Any]:
        """Return the figures in order."""
        return np.array([self.psnr, self.ssim, self.chamfer, self.ghost, self.tear])


def over_white(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB over white paper."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    return np.rint(picture[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def score(
    made: NDArray[np.uint8], truth: NDArray[np.uint8], keys: tuple[NDArray[np.uint8], NDArray[np.uint8]]
) -> Scores:
    """Judge one in-between (straight RGBA uint8) against the true frame and its keys."""
    a, b = over_white(made), over_white(truth)
    error = float(np.mean((a.astype(np.float32) - b) ** 2))
    psnr = 99.0 if error < 1e-3 else float(10 * np.log10(255**2 / error))
    similarity = float(structural_similarity(_gray(a), _gray(b), data_range=255))  # type: ignore[no-untyped-call]
    return Scores(psnr, similarity, _chamfer(a, b), _ghost(made, truth, keys), _tear(made, (*keys, truth)))


def _gray(rgb: NDArray[np.uint8]) -> NDArray[Any]:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def line_mask(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return thin dark strokes."""
    across = max(5, round(7 * rgb.shape[0] / _ROWS) | 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    return np.asarray(cv2.morphologyEx(_gray(rgb), cv2.MORPH_BLACKHAT, disc) > 40)


def _chamfer(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    lines = line_mask(a), line_mask(b)
    cap = _FAR * a.shape[0]
    total = 0.0
    for own, other in (lines, lines[::-1]):
        if not own.any():
            total += cap if other.any() else 0.0
            continue
        distance = (
            cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, 5)
            if other.any()
            else np.full(own.shape, cap, np.float32)
        )
        total += float(np.minimum(distance, cap)[own].mean())
    return float(total / 2 * _ROWS / a.shape[0])


def _ghost(
    made: NDArray[np.uint8], truth: NDArray[np.uint8], keys: tuple[NDArray[np.uint8], NDArray[np.uint8]]
) -> float:
    colours = _common_colours(keys)
    usual = float(_unexplained(over_white(truth), colours).mean())
    drawn = max(1e-3, sum(float((key[..., 3] > 0).mean()) for key in keys) / 2)
    return 100 * max(0.0, float(_unexplained(over_white(made), colours).mean()) - usual) / drawn


def _common_colours(keys: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> NDArray[Any]:
    coarse = np.concatenate([over_white(key).reshape(-1, 3) // 8 for key in keys]).astype(np.int32)
    code = coarse @ np.array([1024, 32, 1])
    count = np.bincount(code, minlength=32768)
    common = np.flatnonzero(count >= max(4, 0.0008 * len(code)))
    return np.column_stack([common // 1024, common // 32 % 32, common % 32]) * 8 + 4


def _unexplained(rgb: NDArray[np.uint8], colours: NDArray[Any]) -> NDArray[np.bool_]:
    """Say where a colour is far (20) from every common one and outside the range of those around it (5 x 5)."""
    steps = np.arange(32) * 8 + 4
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 1, 3)
    distance = np.linalg.norm(cube - colours[None], axis=-1).min(axis=1)
    off = distance[(rgb // 8).astype(np.int32) @ np.array([1024, 32, 1])] > 20
    window = np.ones((5, 5), np.uint8)
    low = cv2.erode(np.where(off[..., None], np.uint8(255), rgb), window).astype(int) - 14
    high = cv2.dilate(np.where(off[..., None], np.uint8(0), rgb), window).astype(int) + 14
    mixed = ((rgb >= low) & (rgb <= high)).all(axis=-1)
    return np.asarray(off & ~mixed)


def torn_edges(made: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Return the pixels on edges that are not near any of the true frame, at 320 rows; tears before a backdrop."""
    scale = made.shape[0] / _ROWS
    found, drawn = (cv2.Canny(_gray(over_white(picture)), *_EDGE) for picture in (made, truth))
    away = cv2.distanceTransform(255 - drawn, cv2.DIST_L2, 3)
    return float(((found > 0) & (away > _EDGE_AWAY * scale)).sum() / scale)


def _tear(made: NDArray[np.uint8], drawn: tuple[NDArray[np.uint8], ...]) -> float:
    scale = (made.shape[0] / _ROWS) ** 2
    allowed = max(_speck_pixels(key, scale) for key in drawn)
    return float(max(0.0, _speck_pixels(made, scale) - allowed) / scale)


def _speck_pixels(picture: NDArray[np.uint8], scale: float) -> float:
    """Return the pixels in islands and holes of fewer than 30 pixels (at 320 rows)."""
    total = 0
    for mask in (picture[..., 3] > 64, picture[..., 3] <= 64):
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        sizes = stats[1:, cv2.CC_STAT_AREA]
        total += int(sizes[sizes < 30 * scale].sum())
    return float(total)
