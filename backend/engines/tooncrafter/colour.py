"""True colours: every frame corrected towards the two keys, and even areas made even again.

The model's pictures drift in tone from key to key and flash near them. A frame's tone is told apart from what moves
in it by its colours: the drawing's colours are the keys', wherever they have moved to.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .palette import Palette, palette_of

Pixels = NDArray[np.float32]
_Flags = NDArray[np.bool_]

#: A pixel differing more than this from what it is compared with says nothing about the tone; round by round.
_REACHES = tuple(np.geomspace(0.16, 0.05, 8).tolist())
#: Places where the keys differ less than this are taken to be still.
_STILL = 0.02
#: At most so many pixels of a frame are looked at.
_MOST_PIXELS = 3_000
#: What the published model does to colours stays within these; more would be a change of the picture.
_GAINS = (0.6, 1.6)
_OFFSETS = (-0.4, 0.4)
#: How far from a flat colour an even area may be (of 1, in each channel), and how much of it must agree.
_FLAT_REACH = 14 / 255
_FLAT_SHARE = 0.8
_FLAT_WINDOW = 5


@dataclass(frozen=True)
class Tone:
    """A change of tone: colour * gain + offset, (3,) each."""

    gain: Pixels
    offset: Pixels

    def apply(self, pixels: Pixels) -> Pixels:
        """Change (…, 3)."""
        changed: Pixels = pixels * self.gain + self.offset
        return changed

    def towards(self, other: Tone, share: float) -> Tone:
        """Return the tone that is `share` (0..1) of the way to another."""
        keep = np.float32(1 - share)
        take = np.float32(share)
        return Tone(self.gain * keep + other.gain * take, self.offset * keep + other.offset * take)


NO_CHANGE = Tone(np.ones(3, np.float32), np.zeros(3, np.float32))


def correct(frames: Pixels, start: Pixels, end: Pixels, palette: Palette | None = None) -> Pixels:
    """Return the frames in the keys' tone.

    frames: (frames, height, width, 3), nominally 0..1 and not clamped, the first and last of them the model's own
    pictures of the keys. start, end: (height, width, 3) in 0..1. The first and last frame come out as the keys.
    """
    palette = palette or palette_of([start, end])
    first = _paired_tone(frames[0], start)
    last = _paired_tone(frames[-1], end)
    count = len(frames)
    corrected = np.empty_like(frames)
    corrected[0], corrected[-1] = start, end
    before = first
    for index in range(1, count - 1):
        time = index / (count - 1)
        between = first.towards(last, time)
        before = _frame_tone(frames[index], start, end, time, palette, [between, before])
        corrected[index] = before.apply(frames[index])
    return corrected


def _fit(colours: Pixels, wanted: Pixels, weights: Pixels) -> Tone:
    """Return the tone that brings colours (3, n) nearest to the wanted ones in the weighted least squares sense.

    Where the colours hardly differ among themselves the gain cannot be told and stays near 1.
    """
    share = weights / max(float(weights.sum()), 1e-6)
    middle, wanted_middle = colours @ share, wanted @ share
    apart = colours - middle[:, None]
    spread = (apart * apart) @ share
    together = (apart * (wanted - wanted_middle[:, None])) @ share
    doubt = np.float32(1e-4)
    gain = np.clip((together + doubt) / (spread + doubt), *_GAINS)
    offset = np.clip(wanted_middle - gain * middle, *_OFFSETS)
    return Tone(gain.astype(np.float32), offset.astype(np.float32))


def _toned(tone: Tone, colours: Pixels) -> Pixels:
    """`Tone.apply` for (3, n)."""
    toned: Pixels = colours * tone.gain[:, None] + tone.offset[:, None]
    return toned


def _shift(offset: Pixels) -> Tone:
    return Tone(np.ones(3, np.float32), offset.astype(np.float32))


def _weights(misfits: Pixels, reach: float) -> Pixels:
    """Tukey's biweight: full for a perfect match, none beyond the reach."""
    weights: Pixels = (np.clip(1 - (misfits / np.float32(reach)) ** 2, 0, 1) ** 2).astype(np.float32)
    return weights


def _misfits(colours: Pixels, wanted: Pixels) -> Pixels:
    """(3, n) and (3, n) -> (n,): the largest difference of a channel."""
    difference: Pixels = np.abs(colours - wanted).max(axis=0)
    return difference


def _paired_tone(frame: Pixels, key: Pixels) -> Tone:
    """Return the tone that makes the model's picture of a key the key."""
    every = max(1, frame.shape[0] * frame.shape[1] // _MOST_PIXELS)
    colours = np.ascontiguousarray(frame.reshape(-1, 3)[::every].T)
    wanted = np.ascontiguousarray(key.reshape(-1, 3)[::every].T)
    tone = _shift(np.median(wanted - colours, axis=1))
    for reach in _REACHES:
        weights = _weights(_misfits(_toned(tone, colours), wanted), max(reach, 2 * _REACHES[-1]))
        if weights.sum() < 16:
            break
        tone = _fit(colours, wanted, weights)
    return tone


def _frame_tone(
    frame: Pixels, start: Pixels, end: Pixels, time: float, palette: Palette, guesses: list[Tone]
) -> Tone:
    """Return the tone that brings an in-between's colours to the keys'.

    Places that both keys show alike are compared with the keys themselves, all others with the nearest colour of
    the palette. The most promising first guesses are followed; the one that explains most of the frame is kept.
    """
    even = _even(frame)
    keys_even = even & (np.abs(start - end).max(axis=-1) < _STILL)
    chosen = _some(even)
    colours, still = np.ascontiguousarray(frame[chosen].T), keys_even[chosen]
    own = np.ascontiguousarray((start[chosen] * np.float32(1 - time) + end[chosen] * np.float32(time)).T)
    used = palette.used
    if colours.shape[1] < 16 or not len(used):
        return guesses[0]
    starts = [*guesses, NO_CHANGE, _shift(own.mean(axis=1) - colours.mean(axis=1))]
    if still.sum() > 0.1 * len(still):
        starts.append(_shift(np.median((own - colours)[:, still], axis=1)))

    def compared(tone: Tone) -> tuple[Pixels, Pixels]:
        """What each pixel should be, and how far it is from that."""
        toned = _toned(tone, colours)
        nearest = used[_nearest(toned.T, used)].T
        misfits, own_misfits = _misfits(toned, nearest), _misfits(toned, own)
        is_own = still & (own_misfits < np.maximum(misfits + 0.04, _REACHES[-1]))
        return np.where(is_own, own, nearest), np.where(is_own, own_misfits, misfits)

    def cost(tone: Tone, reach: float = _REACHES[-1]) -> float:
        return float(np.minimum(compared(tone)[1], reach).mean())

    def followed(tone: Tone) -> Tone:
        for reach in _REACHES:
            wanted, misfits = compared(tone)
            weights = _weights(misfits, reach)
            if weights.sum() < 16:
                break
            tone = _fit(colours, wanted, weights)
        return tone

    best, best_cost = guesses[0], cost(guesses[0])
    for tone in map(followed, sorted(starts, key=cost)[:3]):
        tone_cost = cost(tone)
        if tone_cost < 0.98 * best_cost:
            best, best_cost = tone, tone_cost
    return best


def _even(frame: Pixels) -> _Flags:
    """Return (height, width): pixels inside areas, not on lines or rims."""
    around = np.ones((3, 3), np.uint8)
    span = (cv2.dilate(frame, around) - cv2.erode(frame, around)).max(axis=-1)
    limit = max(0.06, float(np.quantile(span, 0.3)))
    flags: _Flags = span <= limit
    return flags


def _some(flags: _Flags) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places of at most `_MOST_PIXELS` set flags, evenly taken."""
    rows, columns = np.nonzero(flags)
    every = max(1, len(rows) // _MOST_PIXELS)
    return rows[::every], columns[::every]


def _nearest(colours: Pixels, palette: Pixels) -> NDArray[np.intp]:
    """Return (n,): for each of (n, 3) the nearest of (k, 3)."""
    squares = (palette * palette).sum(axis=-1) - 2 * colours @ palette.T
    nearest: NDArray[np.intp] = np.argmin(squares, axis=1)
    return nearest


def flatten(frame: Pixels, flat: Pixels) -> Pixels:
    """Return the frame with its even areas in exactly the keys' flat colours; lines and rims stay as they are.

    frame: (height, width, 3) in 0..1. flat: (colours, 3), see `Palette`. An area counts as one of them where nearly
    all pixels around agree that it is the nearest and their mean is close to it.
    """
    if not len(flat):
        return frame
    height, width = frame.shape[:2]
    nearest = _nearest(frame.reshape(-1, 3), flat).reshape(height, width)
    mean = cv2.blur(frame, (_FLAT_WINDOW, _FLAT_WINDOW), borderType=cv2.BORDER_REPLICATE)
    result = frame.copy()
    for label in np.unique(nearest):
        agreed = cv2.blur(
            (nearest == label).astype(np.float32), (_FLAT_WINDOW, _FLAT_WINDOW), borderType=cv2.BORDER_REPLICATE
        )
        close = np.abs(mean - flat[label]).max(axis=-1) < _FLAT_REACH
        near = np.abs(frame - flat[label]).max(axis=-1) < 3 * _FLAT_REACH
        result[(agreed >= _FLAT_SHARE) & close & near] = flat[label]
    return result
