"""Seeded cartoon clips with every frame drawn, and the figures by which in-betweens of them are judged."""

from .clips import FRAMES, KINDS, Clip, make_clip
from .metrics import Scores, over_white, score

__all__ = ["FRAMES", "KINDS", "Clip", "Scores", "make_clip", "over_white", "score"]
