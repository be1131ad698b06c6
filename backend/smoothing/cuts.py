"""Where a new shot begins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scenedetect import FrameTimecode
from scenedetect.detectors import ContentDetector

#: PySceneDetect's measure of change (mean of hue, saturation and brightness, 0..255).
_CUT_CHANGE = 27.0
#: Whatever the measure says: when nearly all of the picture changes and no camera move explains it, it is a cut.
_CUT_COVERAGE = 0.62
#: A hard change of less than this share of the picture is something that happens within the shot.
_LEAST_COVERAGE = 0.35
_RATE = 24.0


class CutFinder:
    """Looks at frames one after another."""

    def __init__(self) -> None:
        self._detector = ContentDetector(threshold=_CUT_CHANGE, min_scene_len=1)

    def look(self, number: int, frame: NDArray[Any], coverage: float = 0.0) -> bool:
        """Say whether a shot begins with frame `number`.

        frame: (height, width, 3) uint8 RGB. coverage: share of the picture that differs from the frame before.
        """
        told = self._detector.process_frame(
            FrameTimecode(number, fps=_RATE), np.ascontiguousarray(frame[..., ::-1])
        )
        return coverage > _CUT_COVERAGE or (bool(told) and coverage > _LEAST_COVERAGE)
