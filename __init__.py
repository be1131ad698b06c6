"""Blender loads this file; everything lives in the sub-package `tooncrafter_blender`."""

from .tooncrafter_blender import register, unregister

__all__ = ["register", "unregister"]
