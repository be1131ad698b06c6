"""Colouring line drawings from coloured references, by following their closed areas from drawing to drawing."""

from .colouring import colour_between

__all__ = ["colour_between"]
