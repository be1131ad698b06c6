"""The colours under the lines: what a painter would hand over as a layer of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .painting import paint_reference

if TYPE_CHECKING:
    from ..engines import Lines, Picture


def flats_of(picture: Picture, lines: Lines) -> NDArray[np.uint8]:
    """Return (height, width, 4) bytes, straight alpha: the picture in flat colours that meet under its lines.

    picture: (height, width, 4) float32, coloured and with its lines. lines: the same without colours.
    """
    painted, palette = paint_reference(lines, picture)
    return palette.colours[painted.fill]
