"""Colouring line drawings from coloured references, by following their closed areas from drawing to drawing."""

from .blank import without_blank
from .colouring import colour_between
from .flats import flats_of
from .reference_lines import lines_of

__all__ = ["colour_between", "flats_of", "lines_of", "without_blank"]
