"""Seeded cartoon clips with every frame drawn, and the figures by which in-betweens of them are judged."""

from .clips import FRAMES, KINDS, Clip, ground_texture, make_clip, make_scene
from .metrics import Scores, over_white, score

__all__ = ["FRAMES", "KINDS", "Clip", "Scores", "ground_texture", "make_clip", "make_scene", "over_white", "score"]
