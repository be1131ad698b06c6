"""Which area of one line drawing became which area of the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..engines import Lines


#: (height, width, 2) float32: where in the other drawing each pixel comes from, x then y in pixels.
Origin: TypeAlias = NDArray[Any]

_WORKING_SIDE_PIXELS = 512
#: Lines are felt over so many pixels, which gives flat paper a slope to follow.
_REACH_PIXELS = 28.0


def origins(before: Lines, after: Lines) -> Origin:
    """Return for every pixel of `after` where it was in `before`: dense flow between distances to the lines.

    Dense inverse search: Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search".
    """
    height, width = after.shape
    factor = min(1.0, _WORKING_SIDE_PIXELS / max(height, width))
    size = max(16, round(width * factor)), max(16, round(height * factor))
    fields = [_felt(cv2.resize(lines, size, interpolation=cv2.INTER_AREA)) for lines in (after, before)]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(fields[0], fields[1], None)  # type: ignore[call-overload]
    full = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack([x + full[..., 0] * (width / size[0]), y + full[..., 1] * (height / size[1])])


def _felt(lines: NDArray[Any]) -> NDArray[np.uint8]:
    far = cv2.distanceTransform((lines > 0.6).astype(np.uint8), cv2.DIST_L2, 5)
    near = np.minimum(far, _REACH_PIXELS) / _REACH_PIXELS
    return np.asarray(np.rint((0.75 * near + 0.25 * lines) * 255), np.uint8)
