"""True colours: every frame corrected towards the two keys.

The model's pictures drift in tone from key to key and flash near them. A frame's tone is told apart from what moves
in it by its colours: the drawing's colours are the keys', wherever they have moved to. A painting has too many
colours for that; there the places tell, followed from the frame to both keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from .palette import nearest_colours, palette_of
from .steady_tones import Offer, steadiest
from .tone import (
    FINENESS,
    FINENESS_OF_PLACES,
    NO_CHANGE,
    REACHES,
    Tone,
    cost,
    misfits,
    plain_tone,
    refine,
    settle,
    shift,
)

Pixels = NDArray[np.float32]
_Flags = NDArray[np.bool_]
_Places = tuple[NDArray[np.intp], NDArray[np.intp]]

#: Places where the keys differ less than this are taken to be alike.
_ALIKE = 0.02
#: At most so many pixels of a frame are looked at.
_MOST_PIXELS = 3_000
#: So many colours of the clip stand for all when tones are compared with each other.
_SAMPLES = 400
#: Keys with less of their area in colours of their palette are paintings.
_FLAT_SHARE = 0.75
#: Keys that differ by a mild change of light are taken for that unless it leaves more than so much, and a quarter,
#: more of a frame unexplained.
_AS_GOOD = 0.001


def correct(frames: Pixels, start: Pixels, end: Pixels) -> Pixels:
    """Return the frames in the keys' tone.

    frames: (frames, height, width, 3), nominally 0..1 and not clamped, the first and last of them the model's own
    pictures of the keys. start, end: (height, width, 3) in 0..1. The first and last frame come out as the keys.
    """
    keys = _Keys(start, end)
    tones, left = _tones(frames, keys, lit=False)
    if keys.change:
        lit_tones, lit_left = _tones(frames, keys, lit=True)
        # Read as they are, such keys let a frame lean to either of them: they explain too much.
        tones = lit_tones if lit_left < 1.25 * left + _AS_GOOD * len(frames) else tones
    corrected = np.stack([tone.apply(frame) for tone, frame in zip(tones, frames, strict=True)])
    corrected[0], corrected[-1] = start, end
    return corrected


def _tones(frames: Pixels, keys: _Keys, lit: bool) -> tuple[list[Tone], float]:
    """Return each frame's tone, and the sum of the misfits that they leave.

    lit: read the keys as one drawing whose light changes from one to the other.
    """
    first, last = _paired_tone(frames[0], keys.start), _paired_tone(frames[-1], keys.end)
    calm = [first.towards(last, index / (len(frames) - 1)) for index in range(len(frames))]
    offers = [[Offer(first, 0.0)]]
    for index in range(1, len(frames) - 1):
        moment = keys.moment(index / (len(frames) - 1), lit)
        before = min(offers[-1], key=lambda offer: offer.misfit).tone
        offers.append(_frame_tones(frames[index], moment, [calm[index], before]))
    chosen = steadiest([*offers, [Offer(last, 0.0)]], calm, _samples(frames))
    return [offer.tone for offer in chosen], sum(offer.misfit for offer in chosen)


def _samples(frames: Pixels) -> Pixels:
    """Return some colours of the frames, (n, 3), evenly taken."""
    colours = frames.reshape(-1, 3)
    return colours[:: max(1, len(colours) // _SAMPLES)]


@dataclass(frozen=True)
class _Moment:
    """What the keys say of a moment between them.

    start, end: both keys in the light of that moment, (height, width, 3). used: the colours that the drawing has in
    it, (colours, 3). time: 0..1. painted: whether places tell more than colours.
    """

    start: Pixels
    end: Pixels
    used: Pixels
    time: float
    painted: bool

    def places(self, frame: Pixels, tone: Tone) -> tuple[Pixels, _Flags]:
        """Return what each place should show, (height, width, 3), and where that can be told, (height, width).

        In a painting, what the nearer key shows where the place was in it; else, where both keys are alike.
        tone: about what the frame needs.
        """
        if self.painted:
            return _followed(tone.apply(frame), self.start if self.time < 0.5 else self.end), np.ones(
                frame.shape[:2], bool
            )
        alike: _Flags = np.abs(self.start - self.end).max(axis=-1) < _ALIKE
        return self.start * np.float32(1 - self.time) + self.end * np.float32(self.time), alike


@dataclass(frozen=True)
class _Keys:
    """Both keys, (height, width, 3)."""

    start: Pixels
    end: Pixels

    @cached_property
    def _used(self) -> tuple[Pixels, Pixels]:
        return palette_of([self.start]).used, palette_of([self.end]).used

    @cached_property
    def _painted(self) -> bool:
        return min(map(_flat_share, (self.start, self.end), self._used)) < _FLAT_SHARE

    @cached_property
    def change(self) -> tuple[Tone, Tone] | None:
        """The change of light from start to end and from end to start, where that is what the keys differ by."""
        there = _light_change(self.start, self.end, self._used[1], self._painted)
        back = _light_change(self.end, self.start, self._used[0], self._painted)
        return (there, back) if there and back else None

    def moment(self, time: float, lit: bool) -> _Moment:
        """Return what the keys say of a time, 0..1; lit: with the light on its way from one to the other."""
        if not (lit and self.change):
            return _Moment(self.start, self.end, np.concatenate(self._used), time, self._painted)
        there = NO_CHANGE.towards(self.change[0], time)
        back = NO_CHANGE.towards(self.change[1], 1 - time)
        used = np.concatenate([there.apply(self._used[0]), back.apply(self._used[1])])
        return _Moment(there.apply(self.start), back.apply(self.end), used, time, self._painted)


def _flat_share(key: Pixels, used: Pixels) -> float:
    """Return how much of a key is in colours of its palette, 0..1."""
    colours = key.reshape(-1, 3)[:: max(1, key.shape[0] * key.shape[1] // _MOST_PIXELS)]
    return float((misfits(colours, used[nearest_colours(colours, used)]) < _ALIKE).mean())


def _light_change(key: Pixels, other: Pixels, used: Pixels, painted: bool) -> Tone | None:
    """Return the tone that turns a key's colours into those of the other key, where there clearly is one.

    used: the other key's palette. painted: compare places instead.
    """
    chosen = _some(_even(key))
    colours = key[chosen]
    places = _followed(key, other)[chosen] if painted else None

    def compared(tone: Tone) -> tuple[Pixels, Pixels]:
        toned = tone.apply(colours)
        wanted = used[nearest_colours(toned, used)] if places is None else places
        return wanted, misfits(toned, wanted)

    if not len(colours):
        return None
    guesses = [plain_tone(np.full(3, gain, np.float32), np.zeros(3, np.float32)) for gain in (0.65, 0.8, 1.25, 1.5)]
    guesses.append(shift(used.mean(axis=0) - colours.mean(axis=0)))
    tones = [settle(guess, colours, compared) for guess in guesses]
    costs = [cost(compared(tone)) for tone in tones]
    limit = min(0.3 * cost(compared(NO_CHANGE)), 0.2 * REACHES[-1])
    return tones[int(np.argmin(costs))] if min(costs) < limit else None


def _paired_tone(frame: Pixels, key: Pixels) -> Tone:
    """Return the tone that makes the model's picture of a key the key."""
    every = max(1, frame.shape[0] * frame.shape[1] // _MOST_PIXELS)
    colours, wanted = frame.reshape(-1, 3)[::every], key.reshape(-1, 3)[::every]

    def compared(tone: Tone) -> tuple[Pixels, Pixels]:
        return wanted, misfits(tone.apply(colours), wanted)

    reaches = tuple(max(reach, 2 * REACHES[-1]) for reach in REACHES)
    tone = settle(shift(np.median(wanted - colours, axis=0)), colours, compared, reaches)
    return refine(tone, colours, compared, FINENESS_OF_PLACES, reaches[-1])


def _frame_tones(frame: Pixels, moment: _Moment, guesses: list[Tone]) -> list[Offer]:
    """Return tones that bring an in-between's colours to the keys', with the misfit that each leaves.

    Places of which the keys tell are compared with what they show there, all others with the nearest colour of the
    drawing. The most promising first guesses are followed; the first of `guesses` is on offer as it is.
    """
    chosen = _some(_even(frame))
    colours = frame[chosen]
    places, told = moment.places(frame, guesses[0])
    own, alike = places[chosen], told[chosen]
    used = moment.used
    if len(colours) < 16 or not len(used):
        return [Offer(guesses[0], REACHES[-1])]
    starts = [*guesses, NO_CHANGE, shift(own.mean(axis=0) - colours.mean(axis=0))]
    if alike.mean() > 0.1:
        starts.append(shift(np.median((own - colours)[alike], axis=0)))

    def compared(tone: Tone) -> tuple[Pixels, Pixels]:
        toned = tone.apply(colours)
        own_misfits = misfits(toned, own)
        if alike.all():
            return own, own_misfits
        nearest = used[nearest_colours(toned, used)]
        nearest_misfits = misfits(toned, nearest)
        is_own = alike & (own_misfits < np.maximum(nearest_misfits + 0.04, REACHES[-1]))
        return np.where(is_own[:, None], own, nearest), np.where(is_own, own_misfits, nearest_misfits)

    fineness = FINENESS_OF_PLACES if moment.painted else FINENESS
    promising = sorted(starts, key=lambda tone: cost(compared(tone)))[:3]
    near = [guesses[0], *(settle(start, colours, compared) for start in promising)]
    tones = [guesses[0], *(refine(tone, colours, compared, fineness) for tone in near)]
    return [Offer(tone, cost(compared(tone))) for tone in tones]


def _followed(frame: Pixels, key: Pixels) -> Pixels:
    """Return what the key shows where the frame's places were in it: the key moved onto the frame."""
    grey, key_grey = (
        np.rint(np.clip(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 0, 1) * 255).astype(np.uint8)
        for picture in (frame, key)
    )
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(grey, key_grey, None)  # type: ignore[call-overload]
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    return cast(Pixels, cv2.remap(key, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _even(frame: Pixels) -> _Flags:
    """Return (height, width): pixels inside areas, not on lines or rims."""
    around = np.ones((3, 3), np.uint8)
    span = (cv2.dilate(frame, around) - cv2.erode(frame, around)).max(axis=-1)
    limit = max(0.06, float(np.quantile(span, 0.3)))
    flags: _Flags = span <= limit
    return flags


def _some(flags: _Flags) -> _Places:
    """Return the places of at most `_MOST_PIXELS` set flags, evenly taken."""
    rows, columns = np.nonzero(flags)
    every = max(1, len(rows) // _MOST_PIXELS)
    return rows[::every], columns[::every]
