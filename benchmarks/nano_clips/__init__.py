"""Seeded clips of moving shapes for the nano model: cartoons, and photographs of the same kinds of motion."""

from .scenes import FPS, FRAMES, HEIGHT, KINDS, LOOKS, WIDTH, Clip, make_clip, write_clips

__all__ = ["FPS", "FRAMES", "HEIGHT", "KINDS", "LOOKS", "WIDTH", "Clip", "make_clip", "write_clips"]
