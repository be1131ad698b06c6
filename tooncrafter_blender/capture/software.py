"""Drawing strokes without OpenGL, with numpy alone.

Lines are chains of round pieces whose coverage follows from the distance to the pixel's centre; fills are measured
on several scan lines a pixel, exactly along each. Colours are laid over each other scene-linear, as Blender does.

Covered: fills with holes, lines with changing width, colour and opacity, caps, dots, vertex colours, tints, layer
opacity, modifiers, parents, masks that erase. Not covered: textures, gradients, blend modes, layer masks, softness.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .camera import View
from .strokes import Fill, Line, Mark

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Rows and columns of the picture.
Window: TypeAlias = tuple[slice, slice]
#: (height, width) gray or (height, width, 4) RGBA, 8 bits each.
Pixels: TypeAlias = "NDArray[np.uint8]"

_SCAN_LINES = 8
#: A thinner line is drawn this thick (radius in pixels) and fainter instead, as Blender does.
_THINNEST = 0.5
#: Guides stay this thick (radius in pixels) whatever the size of the picture, so that an engine can see them.
_THINNEST_GUIDE = 0.75
#: Lines are cut into pieces no longer than this (pixels), so that each touches few pixels.
_PIECE = 8.0
#: Pixels looked at in one go: bounds the memory to some 100 MB.
_BATCH = 2_000_000


def paint(marks: Iterable[Mark], view: View, background: Sequence[float] = (0.0, 0.0, 0.0, 0.0)) -> Pixels:
    """Return the marks, the lowest first, as sRGB with straight alpha: (height, width, 4), the top row first.

    background: scene-linear RGBA with straight alpha that lies below all marks.
    """
    canvas = np.ones((view.height, view.width, 4), np.float32)  # premultiplied, scene-linear
    canvas[..., :3] = background[:3]
    canvas *= background[3]
    for mark in marks:
        if isinstance(mark, Fill):
            _lay(
                canvas,
                fill_coverage([view.area(outline) for outline in mark.outlines], view),
                mark.colour,
                mark.erases,
            )
        else:
            _lay_line(canvas, mark, view)
    alpha = canvas[..., 3:]
    straight = np.divide(canvas[..., :3], alpha, out=np.zeros_like(canvas[..., :3]), where=alpha > 1e-6)
    shown = np.concatenate([_srgb(straight), alpha], axis=-1)
    pixels: Pixels = np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8)
    return pixels


def ink(lines: Iterable[Line], view: View) -> Pixels:
    """Return the lines black on white: (height, width), top row first."""
    canvas = np.zeros((view.height, view.width), np.float32)
    for line in lines:
        window, coverage, _ = _line_coverage(line, view, _THINNEST_GUIDE)
        np.maximum(canvas[window], coverage, out=canvas[window])
    pixels: Pixels = np.rint((1 - canvas) * 255).astype(np.uint8)
    return pixels


def _srgb(linear: NDArray[Any]) -> NDArray[Any]:
    """Return scene-linear values as sRGB (IEC 61966-2-1)."""
    linear = np.clip(linear, 0, 1)
    curve: NDArray[Any] = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return curve


def _lay(canvas: NDArray[Any], covered: tuple[Window, NDArray[Any]], colour: NDArray[Any], erases: bool) -> None:
    """Lay a colour, (4,) or (..., 4) straight, over the canvas where it is covered (Porter and Duff 1984)."""
    window, coverage = covered
    opacity = (coverage * colour[..., 3])[..., None]
    canvas[window] *= 1 - opacity
    if not erases:
        canvas[window] += opacity * np.concatenate([colour[..., :3], np.ones_like(colour[..., :1])], axis=-1)


def _lay_line(canvas: NDArray[Any], line: Line, view: View) -> None:
    window, coverage, colours = _line_coverage(line, view, _THINNEST)
    _lay(canvas, (window, coverage), colours, line.erases)


# --- fills -----------------------------------------------------------------------------------------------------


def fill_coverage(outlines: list[NDArray[Any]], view: View) -> tuple[Window, NDArray[Any]]:
    """Return which part of the picture the outlines (n, 2) touch, and how much of each pixel is inside, 0..1."""
    edges = [
        np.concatenate([outline, np.roll(outline, -1, axis=0)], axis=1) for outline in outlines if len(outline) > 2
    ]
    if not edges:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0))
    lines = np.concatenate(edges)
    left, right = _limits(lines[:, [0, 2]], view.width)
    top, bottom = _limits(lines[:, [1, 3]], view.height)
    width, height = right - left, bottom - top
    window = slice(top, bottom), slice(left, right)
    if not width or not height:
        return window, np.zeros((height, width))
    x0, y0, x1, y1 = ((lines - [left, top, left, top]) * [1, _SCAN_LINES, 1, _SCAN_LINES]).T
    upwards = y0 > y1
    x0, x1 = np.where(upwards, x1, x0), np.where(upwards, x0, x1)
    y0, y1 = np.where(upwards, y1, y0), np.where(upwards, y0, y1)
    # An edge crosses the scan lines (at half numbers) from the first at or below its upper end to before its lower.
    first = np.clip(np.ceil(y0 - 0.5), 0, height * _SCAN_LINES).astype(np.int64)
    last = np.clip(np.ceil(y1 - 0.5), 0, height * _SCAN_LINES).astype(np.int64)
    count = last - first
    edge = np.repeat(np.arange(len(lines)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    slope = (x1 - x0)[edge] / np.maximum(y1 - y0, 1e-12)[edge]
    crossing = np.clip(x0[edge] + (row + 0.5 - y0[edge]) * slope, 0, width)
    order = np.lexsort((crossing, row))
    crossing, row = crossing[order], row[order] // _SCAN_LINES
    # By the even-odd rule the inside begins at every first and ends at every second crossing of a scan line;
    # outlines are closed, so each scan line has an even number of them.
    sign = np.where(np.arange(len(crossing)) % 2, -1.0, 1.0) / _SCAN_LINES
    pixel = np.floor(crossing).astype(np.int64)
    share = crossing - pixel
    change = np.zeros((height, width + 2))
    np.add.at(change, (row, pixel), sign * (1 - share))
    np.add.at(change, (row, pixel + 1), sign * share)
    return window, np.clip(np.cumsum(change, axis=1)[:, :width], 0, 1)


def _limits(values: NDArray[Any], size: int) -> tuple[int, int]:
    """Return the first pixel that `values` touch and the one after the last, within the picture."""
    return int(np.clip(np.floor(values.min()), 0, size)), int(np.clip(np.ceil(values.max()), 0, size))


# --- lines -----------------------------------------------------------------------------------------------------


def _line_coverage(line: Line, view: View, thinnest: float) -> tuple[Window, NDArray[Any], NDArray[Any]]:
    """Return which part of the picture the line touches, how much of each pixel it covers, and the colours there.

    The colours are (4,) for a line of one colour, else (height, width, 4).
    """
    nothing = (slice(0, 0), slice(0, 0)), np.zeros((0, 0)), np.zeros(4)
    pieces = _pieces(line, view, thinnest)
    if pieces is None:
        return nothing
    starts, ends, start_radii, end_radii, start_colours, end_colours, caps = pieces
    reach = np.maximum(start_radii, end_radii) + 1
    low, high = np.minimum(starts, ends) - reach[:, None], np.maximum(starts, ends) + reach[:, None]
    left, right = _limits(np.stack([low[:, 0], high[:, 0]]), view.width)
    top, bottom = _limits(np.stack([low[:, 1], high[:, 1]]), view.height)
    if left >= right or top >= bottom:
        return nothing
    window = slice(top, bottom), slice(left, right)
    shape = bottom - top, right - left
    plain = bool(np.ptp(start_colours, axis=0).max() < 1e-6 and np.ptp(end_colours, axis=0).max() < 1e-6)
    coverage = np.zeros(shape, np.float32)
    colours = np.zeros((*shape, 4), np.float32)
    side = np.ceil((high - low).max(axis=1)).astype(int) + 1
    for chosen in _batches(side):
        box = int(side[chosen].max())
        corner = np.floor(low[chosen]).astype(int)
        xs = corner[:, 0, None, None] + np.arange(box)[None, None, :]
        ys = corner[:, 1, None, None] + np.arange(box)[None, :, None]
        place = np.stack(np.broadcast_arrays(xs + 0.5, ys + 0.5), axis=-1)
        along, covered = _cover(
            place, starts[chosen], ends[chosen], start_radii[chosen], end_radii[chosen], caps[chosen]
        )
        inside = (xs >= left) & (xs < right) & (ys >= top) & (ys < bottom) & (covered > 0)
        index = ((ys - top) * shape[1] + (xs - left))[inside]
        values = covered[inside].astype(np.float32)
        if not plain:
            mixed = start_colours[chosen][:, None, None] * (1 - along[..., None])
            mixed = mixed + end_colours[chosen][:, None, None] * along[..., None]
            order = np.argsort(
                values, kind="stable"
            )  # where pieces overlap the one that covers most gives the colour
            index, values = index[order], values[order]
            stronger = values >= coverage.ravel()[index]
            colours.reshape(-1, 4)[index[stronger]] = mixed[inside][order][stronger]
        np.maximum.at(coverage.reshape(-1), index, values)
    return window, coverage, start_colours[0] if plain else colours


def _pieces(line: Line, view: View, thinnest: float) -> tuple[NDArray[Any], ...] | None:
    """Return the line as short pieces in pixels: starts, ends, radii and colours at both, and caps (k, 2)."""
    flat = view.homogeneous(line.points)
    visible = view.in_front(flat)
    flat[~visible, 3] = 1.0  # never drawn; only to keep the division whole
    places = view.pixels(flat)
    radii = view.radii(line.points, flat, line.radii)
    colours = line.colours.copy()
    # Thinner than can be drawn: fainter instead.
    if thinnest == _THINNEST:
        thickness = np.clip(radii / thinnest, 0, 1)
        colours[:, 3] *= thickness * thickness * (3 - 2 * thickness)
    radii = np.maximum(radii, thinnest)
    count = len(places)
    start = np.arange(count if line.dots or line.closed or count == 1 else count - 1)
    end = start if line.dots or count == 1 else (start + 1) % count
    caps = np.zeros((len(start), 2), bool)
    if not (line.closed or line.dots) and count > 1:
        caps[0, 0], caps[-1, 1] = line.flat
    drawn = visible[start] & visible[end]
    start, end, caps = start[drawn], end[drawn], caps[drawn]
    if not len(start):
        return None
    length = np.linalg.norm(places[end] - places[start], axis=1)
    parts = np.clip(np.ceil(length / np.maximum(_PIECE, radii[start])), 1, 4096).astype(int)
    whole = np.repeat(np.arange(len(start)), parts)
    number = np.arange(len(whole)) - np.repeat(np.cumsum(parts) - parts, parts)
    begin, finish = (number / parts[whole])[:, None], ((number + 1) / parts[whole])[:, None]

    def at(values: NDArray[Any], share: NDArray[Any]) -> NDArray[Any]:
        values = values.reshape(count, -1)
        mixed: NDArray[Any] = values[start[whole]] * (1 - share) + values[end[whole]] * share
        return mixed

    piece_caps = np.stack([caps[whole, 0] & (number == 0), caps[whole, 1] & (number == parts[whole] - 1)], axis=1)
    return (
        at(places, begin),
        at(places, finish),
        at(radii, begin)[:, 0],
        at(radii, finish)[:, 0],
        at(colours, begin),
        at(colours, finish),
        piece_caps,
    )


def _batches(side: NDArray[Any]) -> Iterable[NDArray[Any]]:
    """Yield indices of pieces of similar size, so many that their boxes together stay within bounds."""
    order = np.argsort(side)
    first = 0
    while first < len(order):
        last = first + 1
        while last < len(order) and (last + 1 - first) * int(side[order[last]]) ** 2 <= _BATCH:
            last += 1
        yield order[first:last]
        first = last


def _cover(
    place: NDArray[Any],
    starts: NDArray[Any],
    ends: NDArray[Any],
    start_radii: NDArray[Any],
    end_radii: NDArray[Any],
    caps: NDArray[Any],
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return how far along its piece each pixel lies, 0..1, and how much of it the piece covers.

    place: (k, box, box, 2) centres of pixels. Both results are (k, box, box).
    """
    away = (ends - starts)[:, None, None]
    from_start = place - starts[:, None, None]
    length = np.maximum(np.linalg.norm(away, axis=-1), 1e-9)
    travelled = (from_start * away).sum(axis=-1) / length
    along = np.clip(travelled / length, 0, 1)
    distance = np.linalg.norm(from_start - along[..., None] * away, axis=-1)
    radius = start_radii[:, None, None] * (1 - along) + end_radii[:, None, None] * along
    covered = np.clip(radius - distance + 0.5, 0, 1)
    covered = np.where(caps[:, 0, None, None], covered * np.clip(travelled + 0.5, 0, 1), covered)
    covered = np.where(caps[:, 1, None, None], covered * np.clip(length - travelled + 0.5, 0, 1), covered)
    return along, covered
