"""Which frames keep their sketch in training, so that the sketch encoder learns to work with few.

Xing et al. 2024, arXiv 2405.17933, section 3.4: mostly by repeated bisection of the clip, as an animator breaks a
movement down, otherwise at random.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .configuration import SketchDrawing
from .draws import Draws


def bisection(frames: int, depth: int) -> list[int]:
    """Return the middle frame, then the middles of both halves, and so on `depth` times; ascending.

    The keys themselves, the first and the last frame, are never among them.
    """
    found: set[int] = set()
    spans = [(0, frames - 1)]
    for _ in range(depth):
        halves = []
        for start, end in spans:
            middle = (start + end) // 2
            if start < middle < end:
                found.add(middle)
                halves += [(start, middle), (middle, end)]
        spans = halves
    return sorted(found)


def choose_frames(frames: int, told: SketchDrawing, draws: Draws) -> Tensor:
    """Return which frames of a clip keep their sketch, int64, ascending, at least one, never a key.

    In the share `told.bisection` of cases by one to `told.most_bisections` bisections, each depth as likely as any
    other; else any number of frames in any places.
    """
    if float(draws.uniform(1)) < told.bisection:
        depth = 1 + int(draws.integers(told.most_bisections, 1))
        return torch.tensor(bisection(frames, depth))
    count = 1 + int(draws.integers(frames - 2, 1))
    order = torch.argsort(draws.uniform(frames - 2))
    return (order[:count] + 1).sort().values
