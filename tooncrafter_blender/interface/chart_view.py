"""A timing chart as a line of text: ticks where the drawings lie, as animators write it beside a key."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import blf

_FONT_SIZE = 11
_TICK, _SPACE = "|", " "
#: A chart with more ticks would be one black bar.
MOST_TICKS = 60


@lru_cache(maxsize=256)
def ticks(places: tuple[float, ...], width: int, ui_scale: float) -> str:
    """Return a text about `width` pixels wide with a tick at each place, 0 at its beginning and 1 at its end.

    The keys are ticks, too. Exact to the width of a space in Blender's own font.
    """
    blf.size(0, _FONT_SIZE * ui_scale)
    tick, space = (blf.dimensions(0, sign * 20)[0] / 20 for sign in (_TICK, f"{_SPACE}"))
    space = space or tick  # spaces at the end of a text may count for nothing
    text, end = "", 0.0
    for place in _thinned((0.0, *places, 1.0)):
        gap = round((place * (width - tick) - end) / space)
        text += _SPACE * max(0, gap) + _TICK
        end += max(0, gap) * space + tick
    return text


def _thinned(places: Sequence[float]) -> Sequence[float]:
    if len(places) <= MOST_TICKS:
        return places
    step = len(places) // MOST_TICKS + 1
    return (*places[:-1:step], places[-1])
