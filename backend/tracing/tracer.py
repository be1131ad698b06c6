"""One picture to one drawing: colours, then areas and lines, then curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..contract.strokes import Drawing, Fill, Line
from .centre_lines import CentreLine, measure, unexplained
from .coverage import coverage_of
from .fitting import Curve, Stretch, fit
from .palette import calmed, find_palette, noise_of, premultiplied
from .regions import Region, find_regions, outline_patches
from .skeletons import paths_of
from .thinness import separate, widest_pen

Array = NDArray[Any]

#: Pixels around the canvas in which areas and lines go on as they left it, so that none ends at its border.
_MARGIN = 6
#: How far a line's middle may be off, in pixels.
_LINE_TOLERANCE = 0.18
#: How much more of everything is forgiven for each 1/255 of noise in the picture.
_FORGIVEN = 0.15
#: Coverage above which the middle of a line is looked for.
_LINE_COVER = 0.35


class Tracer:
    """Traces the pictures of one clip, all with the same colours."""

    def __init__(self, keys: Sequence[Array], frames: Sequence[Array] = ()) -> None:
        """Each picture is (height, width, 4) bytes, straight alpha.

        keys: as the artist drew them; their colours are the exact ones. frames: examples of what is to be traced.
        """
        self._palette = find_palette(keys, frames)
        colours = self._palette.colours
        self._opacity = np.where(colours[:, 3] < 8, 0.0, colours[:, 3] / 255)
        self._names = [_name(colour) for colour in colours]

    @property
    def colours(self) -> tuple[str, ...]:
        """The colours that drawings are made of, as "#rrggbbaa"."""
        return tuple(self._names)

    def trace(self, picture: Array, frame: int, source: str = "", lines_above: Array | None = None) -> Drawing:
        """Return the drawing that a picture (height, width, 4) of bytes, straight alpha, shows.

        source: what the drawing is to remember of where it comes from. lines_above: coverage (height, width) of
        lines that lie over the picture and are not part of it; then all of it is fills, however thin.
        """
        height, width = picture.shape[:2]
        padded = cv2.copyMakeBorder(picture, *(_MARGIN,) * 4, cv2.BORDER_REPLICATE)
        pixels = premultiplied(padded)
        noise = noise_of(pixels)
        coverage = coverage_of(calmed(pixels, noise), self._palette)
        if lines_above is not None:
            above = cv2.copyMakeBorder(lines_above.astype(np.float32), *(_MARGIN,) * 4, cv2.BORDER_REPLICATE)
            areas = find_regions(coverage, above, self._opacity, _MARGIN)
            fills, _ = self._drawn(areas, [], 1 + _FORGIVEN * noise)
            return Drawing(frame, width, height, fills, (), source)
        pen = widest_pen(width, height)
        parts = separate(coverage, pen)
        lines_cover = sum(parts.lines.values(), np.zeros(padded.shape[:2], np.float32))
        regions = find_regions(parts.fills, lines_cover, self._opacity, _MARGIN)
        lines: list[tuple[int, CentreLine]] = []
        for colour, cover in parts.lines.items():
            if self._opacity[colour]:
                found = [line for path in paths_of(cover, _LINE_COVER) if (line := measure(cover, path, pen))]
                lines += [(colour, line) for line in found]
                regions += outline_patches(unexplained(cover, found), colour)
        lines = _in_order(lines)
        fills, strokes = self._drawn(regions, lines, 1 + _FORGIVEN * noise)
        return Drawing(frame, width, height, fills, strokes, source)

    def _drawn(
        self, regions: Sequence[Region], lines: Sequence[tuple[int, CentreLine]], slack: float
    ) -> tuple[tuple[Fill, ...], tuple[Line, ...]]:
        """Turn areas and lines into curves on the canvas; slack: factor to all tolerances."""
        outlines = [outline for region in regions for outline in (region.outline, *region.holes)]
        stretches = [Stretch(outline.points, slack * outline.tolerance, closed=True) for outline in outlines]
        for _, line in lines:
            stretches.append(Stretch(line.points, np.full(len(line.points), slack * _LINE_TOLERANCE), line.closed))
        curves = iter(fit(stretches))
        fills = [
            Fill(self._names[region.colour], tuple(_knots(next(curves)) for _ in (region.outline, *region.holes)))
            for region in regions
        ]
        strokes = []
        for colour, line in lines:
            curve = next(curves)
            widths = tuple(float(width) for width in line.widths[curve.at])
            strokes.append(Line(self._names[colour], _knots(curve), widths, line.closed))
        return tuple(fills), tuple(strokes)


def _knots(curve: Curve) -> tuple[float, ...]:
    return tuple((curve.knots - _MARGIN).ravel().tolist())


def _in_order(lines: list[tuple[int, CentreLine]]) -> list[tuple[int, CentreLine]]:
    """Return the lines with those of the most used colour on top: outlines cover the ends of what they enclose."""
    drawn: dict[int, int] = {}
    for colour, line in lines:
        drawn[colour] = drawn.get(colour, 0) + len(line.points)
    return sorted(lines, key=lambda item: drawn[item[0]])


def _name(colour: Array) -> str:
    """Return a premultiplied colour as "#rrggbbaa", straight."""
    alpha = float(colour[3])
    straight = colour[:3] * (255 / alpha) if alpha >= 1 else colour[:3]
    return "#" + "".join(f"{int(np.clip(np.rint(value), 0, 255)):02x}" for value in (*straight, alpha))
