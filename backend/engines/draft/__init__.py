"""The draft engine: in-betweens for flat and line art from motion alone, without a model, on any CPU."""

from .engine import DraftEngine

__all__ = ["DraftEngine"]
