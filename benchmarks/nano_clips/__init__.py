"""Seeded clips of moving shapes for the nano model, as a cartoon and as a photograph of the same kinds of motion."""

from .scenes import FRAMES, HEIGHT, KINDS, LOOKS, WIDTH, Clip, make_clip, write_clips

__all__ = ["FRAMES", "HEIGHT", "KINDS", "LOOKS", "WIDTH", "Clip", "make_clip", "write_clips"]
