"""Flat regions: the coloured areas a drawing is made of, each with its share of the outlines around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import LIVE_ALPHA, Premultiplied, over_grey
from .view import Mask, spread

PALETTE_SIZE = 14
#: Alpha counts this much against Lab in colour distances.
_ALPHA_WEIGHT = 0.6
#: What a region keeps under opening, at least; lines and antialiased rims keep less.
_SOLID_SHARE = 0.35
#: A net of lines covers so many squares of its thickest radius, and encloses so many times what it covers.
_NET_SPREAD = 60.0
_NET_ENCLOSES = 2.0
#: A fine line is narrower than this (pixels) and darker than its surroundings by so much (of 255).
_FINE_PIXELS = 5
_FINE_CONTRAST = 60
_CLEAR = np.array([137, 128, 128, 0], np.float32)
_INK = np.array([30, 128, 128, 150], np.float32)


@dataclass(frozen=True)
class Regions:
    """The regions of one key, numbered from 1; 0 is none.

    cores: (height, width) int32, the flat areas alone. labels: the same with lines given to the nearest area.
    colours: (count, 4) float32, Lab and weighted alpha. live: what is drawn at all.
    """

    cores: NDArray[Any]
    labels: NDArray[Any]
    colours: NDArray[Any]
    live: Mask

    @property
    def count(self) -> int:
        """How many regions there are."""
        return len(self.colours)

    @cached_property
    def shapes(self) -> Shapes:
        """The moments of the flat areas."""
        return measure(self.cores, self.count)


def _coordinates(pixels: Premultiplied, where: NDArray[Any]) -> NDArray[Any]:
    """Return (n, 4) float32, Lab and weighted alpha, of the pixels at these flat indices."""
    lab = cv2.cvtColor(over_grey(pixels), cv2.COLOR_RGB2LAB).reshape(-1, 3)
    points = np.empty((len(where), 4), np.float32)
    points[:, :3] = lab[where]
    points[:, 3] = pixels.reshape(-1, 4)[where, 3] * _ALPHA_WEIGHT
    return points


def joint_palette(a: Premultiplied, b: Premultiplied) -> NDArray[Any]:
    """Return the colours that both keys are painted with, (at most PALETTE_SIZE, 4) float32, k-means."""
    samples = []
    for pixels in (a, b):
        drawn = np.flatnonzero(pixels[..., 3] > 20)
        if len(drawn):
            some = drawn[np.linspace(0, len(drawn) - 1, min(len(drawn), 5000)).astype(int)]
            samples.append(_coordinates(pixels, some))
    if not samples:
        return np.zeros((1, 4), np.float32)
    points = np.concatenate(samples)
    distinct = len(np.unique((points.astype(np.int64) // 6) @ [1 << 24, 1 << 16, 1 << 8, 1]))
    cv2.setRNGSeed(1)  # k-means starts at random; the same keys must give the same colours
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    _, _, palette = cv2.kmeans(
        points, min(PALETTE_SIZE, distinct), np.empty(0, np.int32), stop, 1, cv2.KMEANS_PP_CENTERS
    )
    return np.asarray(palette, np.float32)


def find_regions(
    pixels: Premultiplied, palette: NDArray[Any], opaque: bool, canvas_shape: tuple[int, int],
    walls: Mask | None = None,
) -> Regions:  # fmt: skip
    """Split a key into flat regions.

    canvas_shape: (height, width) of the whole working picture of which `pixels` may be a part;
    sizes that count as lines or specks go by it. walls: lines that part areas even where they are so thin or so
    like the areas' colour that these would run into one another.
    """
    canvas_height, canvas_width = canvas_shape
    smallest = max(8, int(canvas_height * canvas_width * 1.2e-4))
    live = np.ones(pixels.shape[:2], np.bool_) if opaque else pixels[..., 3] > LIVE_ALPHA
    named = _nearest_colour(pixels, palette, live)
    if walls is not None:
        named[walls] = 0
    inked = np.zeros(live.shape, np.bool_) if opaque or walls is not None else _fine_lines(pixels)
    cores = np.zeros(live.shape, np.int32)
    colours: list[NDArray[Any]] = []
    for index, colour in enumerate(palette, start=1):
        area = (named == index).astype(np.uint8)
        if int(area.sum()) >= smallest:
            _add_solid(cores, colours, area, colour, smallest, canvas_height, inked)
    if not opaque:
        _add_enclosed_clear(cores, colours, pixels, smallest)
    if colours:
        _add_stray_lines(cores, colours, live, reach=max(6.0, 0.022 * canvas_height))
    else:
        cores[live] = 1
        colours.append(palette[0])
    labels = spread(cores)
    labels[~live & (cores == 0)] = 0
    return Regions(cores, labels, np.array(colours, np.float32), live)


def _nearest_colour(pixels: Premultiplied, palette: NDArray[Any], live: Mask) -> NDArray[Any]:
    """Return the number (from 1) of the closest palette colour for live pixels, 0 elsewhere; specks removed."""
    drawn = np.flatnonzero(live)
    closeness = _coordinates(pixels, drawn) @ palette.T
    closeness -= (palette**2).sum(axis=1) / 2
    named = np.zeros(live.shape, np.uint8)
    named.ravel()[drawn] = closeness.argmax(axis=1) + 1
    named = np.asarray(cv2.medianBlur(named, 3))
    named[~live] = 0
    return named


def _add_solid(
    cores: NDArray[Any],
    colours: list[NDArray[Any]],
    area: NDArray[Any],
    colour: NDArray[Any],
    smallest: int,
    canvas_height: int,
    inked: Mask,
) -> None:
    """Add the connected areas of one colour that are more than a line, each cut where lines part it."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5) if canvas_height >= 240 else (3, 3))
    x, y, width, height = cv2.boundingRect(area)
    box = np.s_[y : y + height, x : x + width]
    own = area[box]
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(own, connectivity=4)
    pieces = np.asarray(pieces)
    sizes = stats[:, cv2.CC_STAT_AREA]
    large = np.flatnonzero(sizes >= smallest)
    large = large[large > 0]
    if not len(large):
        return
    solid = cv2.morphologyEx(own, cv2.MORPH_OPEN, kernel) if canvas_height > 64 else own
    kept = np.bincount(pieces[solid > 0], minlength=count)
    padded = cv2.copyMakeBorder(own, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    for piece in large:
        is_solid = kept[piece] >= max(2, _SOLID_SHARE * sizes[piece])
        if is_solid and not _is_line_net(pieces, depth, stats[piece], int(piece)):
            for part in _parted(pieces == piece, inked[box], smallest):
                colours.append(colour)
                cores[box][part] = len(colours)


def _fine_lines(pixels: Premultiplied) -> Mask:
    """Return the middle of fine dark lines, also of those that part two areas of one colour."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_FINE_PIXELS, _FINE_PIXELS))
    clear = 255 - np.ascontiguousarray(pixels[..., 3])
    found = np.zeros(clear.shape, np.bool_)
    for channel in cv2.split(pixels)[:3]:
        found |= cv2.morphologyEx(cv2.add(channel, clear), cv2.MORPH_BLACKHAT, disc) > _FINE_CONTRAST
    return found


def _parted(piece: Mask, inked: Mask, smallest: int) -> list[Mask]:
    """Return what the lines that cross an area part it into, itself if that is no more than one large part."""
    count, found, stats, _ = cv2.connectedComponentsWithStats((piece & ~inked).astype(np.uint8), connectivity=4)
    large = [part for part in range(1, count) if stats[part, cv2.CC_STAT_AREA] >= smallest]
    return [np.asarray(found) == part for part in large] if len(large) > 1 else [piece]


def _is_line_net(pieces: NDArray[Any], depth: NDArray[Any], stats: NDArray[Any], piece: int) -> bool:
    """Tell whether a connected piece is outlines: nowhere thick for its area, with more inside than it covers.

    A thick pen's outlines survive any opening, but they go with the shapes that they bound and are none themselves.
    """
    x, y, width, height, size = stats
    box = np.s_[y : y + height, x : x + width]
    own = pieces[box] == piece
    if size <= _NET_SPREAD * float(depth[box][own].max()) ** 2:
        return False
    borders, _ = cv2.findContours(own.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return bool(sum(cv2.contourArea(border) for border in borders) > _NET_ENCLOSES * size)


def _add_enclosed_clear(
    cores: NDArray[Any], colours: list[NDArray[Any]], pixels: Premultiplied, smallest: int
) -> None:
    """Add clear areas with drawing all around: the shapes of line art."""
    height, width = cores.shape
    clear = (pixels[..., 3] < 128) & (cores == 0)  # a faint wash may be an area already
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(clear.astype(np.uint8), connectivity=4)
    for piece in range(1, count):
        x, y, w, h, area = stats[piece]
        if area >= smallest and x > 0 and y > 0 and x + w < width and y + h < height:
            colours.append(_CLEAR)
            inside = np.s_[y : y + h, x : x + w]
            cores[inside][pieces[inside] == piece] = len(colours)


def _add_stray_lines(cores: NDArray[Any], colours: list[NDArray[Any]], live: Mask, reach: float) -> None:
    """Add lines that lie far from every area as regions of their own."""
    loose = live & (cores == 0)
    far = loose & (cv2.distanceTransform((cores == 0).astype(np.uint8), cv2.DIST_L2, 3) > reach)
    if not far.any():
        return
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(loose.astype(np.uint8), connectivity=8)
    pieces = np.asarray(pieces)
    far_count = np.bincount(pieces[far], minlength=count)
    for piece in range(1, count):
        if far_count[piece] >= max(6, 0.5 * stats[piece, cv2.CC_STAT_AREA]):
            colours.append(_INK)
            cores[pieces == piece] = len(colours)
        elif far_count[piece] >= 30:
            colours.append(_INK)
            cores[(pieces == piece) & far] = len(colours)


def hull(mask: Mask) -> Mask:
    """Return the convex hull of a mask."""
    filled = np.zeros(mask.shape, np.uint8)
    if mask.any():
        cv2.fillConvexPoly(filled, cv2.convexHull(np.argwhere(mask)[:, ::-1].astype(np.int32)), 1)
    return filled > 0


@dataclass(frozen=True)
class Shapes:
    """First and second moments of regions; every array has one row a region.

    area: pixels. centre: (x, y). tilt: radians of the long axis. long, short: variances along the axes.
    """

    area: NDArray[Any]
    centre: NDArray[Any]
    tilt: NDArray[Any]
    long: NDArray[Any]
    short: NDArray[Any]

    @property
    def width(self) -> NDArray[Any]:
        """How wide ellipses of those moments are (pixels)."""
        return np.asarray(4 * np.sqrt(self.short))

    def ends(self, region: int, inside: float) -> NDArray[Any]:
        """Return (2, 2): points (x, y) so much of half its width inside both tips of a region (from 0)."""
        axis = np.array([np.cos(self.tilt[region]), np.sin(self.tilt[region])])
        reach = 2 * (np.sqrt(self.long[region]) - inside * np.sqrt(self.short[region]))
        return np.asarray(self.centre[region] + np.array([[-reach], [reach]]) * axis)

    def covariance_power(self, region: int, exponent: float) -> NDArray[Any]:
        """Return the (2, 2) covariance of a region (from 0) raised to a power."""
        cosine, sine = np.cos(self.tilt[region]), np.sin(self.tilt[region])
        turn = np.array([[cosine, -sine], [sine, cosine]])
        scales = np.array([self.long[region], self.short[region]]) ** exponent
        return np.asarray((turn * scales) @ turn.T)


def measure(cores: NDArray[Any], count: int) -> Shapes:
    """Return the moments of regions 1..count."""
    rows, columns = np.nonzero(cores)
    region = cores[rows, columns]

    def total(values: NDArray[Any] | None) -> NDArray[Any]:
        return np.bincount(region, values, minlength=count + 1)[1:]

    area = np.maximum(total(None), 1).astype(np.float64)
    mean_x, mean_y = total(columns) / area, total(rows) / area
    xx = total(columns * columns) / area - mean_x**2
    yy = total(rows * rows) / area - mean_y**2
    xy = total(columns * rows) / area - mean_x * mean_y
    half, spread = (xx + yy) / 2, np.sqrt((xx - yy) ** 2 + 4 * xy**2) / 2
    return Shapes(
        area=area,
        centre=np.column_stack([mean_x, mean_y]),
        tilt=0.5 * np.arctan2(2 * xy, xx - yy),
        long=np.maximum(half + spread, 0.2),
        short=np.maximum(half - spread, 0.2),
    )


def outline(cores: NDArray[Any], region: int, points: int = 64) -> NDArray[Any]:
    """Return up to that many points (n, 2) along the outer border of a region (numbered from 1)."""
    mask = (cores == region).view(np.uint8)
    left, top, width, height = cv2.boundingRect(mask)
    crop = mask[top : top + height, left : left + width]
    borders, _ = cv2.findContours(crop, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest = np.asarray(max(borders, key=len), np.float64).reshape(-1, 2)
    chosen = np.linspace(0, len(longest) - 1, min(points, len(longest))).astype(int)
    return np.asarray(longest[chosen] + np.array([left, top]))
