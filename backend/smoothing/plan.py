"""What each frame of the smoother film is: a frame of the film as it is, or a drawing between two of its drawings.

Times are counted in ticks, of which both a frame of the film and a frame of the smoother film hold a whole number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from .exposure_sheet import Shot

#: A drawing held longer than this is held on purpose: it stays, and what comes next begins to move late.
LONGEST_SPACING_SECONDS = Fraction(1, 6)


@dataclass(frozen=True)
class Clock:
    """frame, drawing: ticks of a frame of the film, and of a frame of the smoother film."""

    frame: int
    smooth: int

    @classmethod
    def of(cls, rate: Fraction, smooth_rate: Fraction) -> Clock:
        """Return the coarsest ticks that fit both rates."""
        ratio = smooth_rate / rate
        return cls(ratio.numerator, ratio.denominator)

    def smooth_frames(self, frames: int) -> int:
        """Return how many frames the smoother film has when the film has so many: as long, to half a frame."""
        return max(1, round(Fraction(frames * self.frame, self.smooth)))


@dataclass(frozen=True)
class Gap:
    """Two neighbouring drawings of a shot with something to draw between them.

    start, end: the frames of the film that show them first. leave: tick at which the first is left.
    wanted: ticks of the drawings between, ascending.
    """

    start: int
    end: int
    leave: int
    wanted: tuple[int, ...]


def gaps_of(shot: Shot, clock: Clock, rate: Fraction) -> tuple[Gap, ...]:
    """Return what is to be drawn in a shot."""
    usual = _usual_exposure(shot, rate)
    found = []
    for drawing, following in zip(shot.drawings, shot.drawings[1:], strict=False):
        arrive = following.first * clock.frame
        held_on_purpose = Fraction(drawing.exposure) / rate > LONGEST_SPACING_SECONDS
        leave = (following.first - usual) * clock.frame if held_on_purpose else drawing.first * clock.frame
        first = leave // clock.smooth + 1
        wanted = tuple(tick for tick in range(first * clock.smooth, arrive, clock.smooth) if leave < tick < arrive)
        if wanted:
            found.append(Gap(drawing.first, following.first, leave, wanted))
    return tuple(found)


def _usual_exposure(shot: Shot, rate: Fraction) -> int:
    """Return for how many frames the shot's drawings are usually held; the last one is cut off and says nothing."""
    spaced = [
        drawing.exposure
        for drawing in shot.drawings[:-1]
        if Fraction(drawing.exposure) / rate <= LONGEST_SPACING_SECONDS
    ]
    if not spaced:
        return max(1, round(rate / 12))
    counted = Counter(spaced)
    return min(counted, key=lambda exposure: (-counted[exposure], exposure))
