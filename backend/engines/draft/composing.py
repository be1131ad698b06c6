"""From two views to one frame: a hard choice where the keys disagree, a mean where they agree.

Blending two pictures that disagree draws everything twice; choosing one of them never does.
"""

from __future__ import annotations

import cv2
import numpy as np

from .colour import Premultiplied, differ, either, largest_channel, overwrite
from .thin_lines import Ink, limits, no_darker, sharpened
from .view import LEAST_CONFIDENCE, Map, Mask, View, fill_from_nearest

#: Colour differences (of 255) up to the first number are averaged, from the second number on chosen.
AGREE, DISAGREE = 14.0, 36.0
#: Differences are looked at as means over this many working pixels: a thin line that lies a little off is no other
#: drawing, and choosing one of both would make it come and go.
_DIFFERENCE_PIXELS = 7
#: How much of the softness of a mean is made good.
_CRISPNESS = 0.3
_CRISPEN_ROOM = 6
#: How much a better match counts against being nearer in time.
CONFIDENCE_WEIGHT = 0.8
#: A key that shows nothing at a place counts this much less than if it were nearer in time by as much.
_EMPTY_SAYS_LESS = 0.15
#: What neither key shows is filled from at least this far around (pixels).
_FILL_ROOM = 24
#: Dark lines narrower than this are not what a backdrop is filled with.
_LINE_PIXELS = 7


def compose(
    views: tuple[View, View], time: float, *, opaque: bool, scale: float = 1.0, ink: Ink | None = None
) -> Premultiplied:
    """Return the frame at `time` from the start key's and the end key's views.

    scale: frame pixels per working pixel. ink: what the lines of both keys are drawn with; None if they have none.
    """
    from_a, from_b = views
    if opaque:
        a, b = _fill_unseen(from_a, from_b)
    else:
        a, b = (cv2.copyTo(view.picture, view.seen.astype(np.uint8)) for view in views)
    trust = _trust(from_a, from_b, time, opaque, scale)
    both = from_a.seen & from_b.seen
    if opaque:
        trust = np.where(both, trust, from_a.seen.astype(np.float32) - from_b.seen)
    window = int(_DIFFERENCE_PIXELS * scale) | 1
    difference = cv2.blur(largest_channel(cv2.absdiff(a, b)), (window, window))
    share = np.clip(1 - (np.arange(256, dtype=np.float32) - AGREE) / (DISAGREE - AGREE), 0, 1)
    chosen = (trust > 0).astype(np.float32)
    weight = chosen + cv2.LUT(difference, share) * (np.float32(1 - time) - chosen)
    if opaque:
        np.copyto(weight, chosen, where=~both)
    mean = cv2.blendLinear(a, b, weight, 1 - weight)
    if ink is not None:
        _crispen(mean, differ(a, b) & (weight > 0) & (weight < 1), ink)
    return mean


def _crispen(pixels: Premultiplied, softened: Mask, ink: Ink) -> None:
    """Sharpen, in place, what was averaged: two drawings never lie exactly on each other."""
    x, y, width, height = cv2.boundingRect(softened.astype(np.uint8))
    if not width:
        return
    box = np.s_[max(y - _CRISPEN_ROOM, 0) : y + height + _CRISPEN_ROOM,
                max(x - _CRISPEN_ROOM, 0) : x + width + _CRISPEN_ROOM]  # fmt: skip
    square = np.ones((3, 3), np.uint8)
    low, high = limits(pixels[box], ink)
    crisp = cv2.max(sharpened(pixels[box], _CRISPNESS), cv2.erode(low, square))
    crisp = no_darker(cv2.min(crisp, cv2.dilate(high, square)), pixels[box], ink)
    overwrite(pixels[box], crisp, softened[box])


def _trust(a: View, b: View, time: float, opaque: bool, scale: float) -> Map:
    """Return positive values where the start key is to be believed, negative where the end key is."""
    trust = []
    for own, other, near in ((a, b, 1 - time), (b, a, time)):
        if opaque:
            worth = np.full(own.seen.shape, -1, np.float32)
        else:
            worth = np.where(other.hidden, np.float32(-1), np.float32(near - _EMPTY_SAYS_LESS))
        np.add(own.confidence * np.float32(CONFIDENCE_WEIGHT), np.float32(near - CONFIDENCE_WEIGHT / 2), out=worth,
               where=own.seen)  # fmt: skip
        guessed = own.seen & (own.confidence < LEAST_CONFIDENCE / 2)
        np.subtract(worth, 1, out=worth, where=guessed & other.seen)
        trust.append(worth)
    window = max(3, int(5 * scale) | 1)
    return cv2.blur(cv2.subtract(trust[0], trust[1]), (window, window))


def _fill_unseen(from_a: View, from_b: View) -> tuple[Premultiplied, Premultiplied]:
    """Fill what neither key shows with the nearest backdrop, never with what happened to lie there."""
    a, b = from_a.picture, from_b.picture
    unseen = ~(from_a.seen | from_b.seen)
    if not unseen.any():
        return a, b
    x, y, width, height = cv2.boundingRect(unseen.astype(np.uint8))
    room = max(width, height) // 2 + _FILL_ROOM
    box = np.s_[max(y - room, 0) : y + height + room, max(x - room, 0) : x + width + room]
    inside = unseen[box]
    seen_a, seen_b = from_a.seen[box], from_b.seen[box]
    backdrop_a = seen_a if from_a.backdrop is None else seen_a & from_a.backdrop[box]
    backdrop_b = seen_b if from_b.backdrop is None else seen_b & from_b.backdrop[box]
    known = cv2.erode((backdrop_a | (~seen_a & backdrop_b)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    shown = _without_lines(either(seen_a, a[box], b[box]), known)
    if not fill_from_nearest(shown, inside, known if known.any() else ~inside):
        return a, b
    smooth = cv2.blur(shown, (5, 5))
    for picture in (a, b):
        overwrite(picture[box], smooth, inside)
    return a, b


def _without_lines(pixels: Premultiplied, known: Mask) -> Premultiplied:
    """Return what is known of the backdrop without its thin dark lines, which would smear when filled with."""
    square = np.ones((_LINE_PIXELS, _LINE_PIXELS), np.uint8)
    lightest = cv2.dilate(either(known, pixels, np.zeros_like(pixels)), square)
    closed = cv2.erode(either(known, lightest, np.full_like(pixels, 255)), square)
    return either(known, closed, pixels)
