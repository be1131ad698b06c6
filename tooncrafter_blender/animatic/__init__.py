"""Animatics: the panels of a storyboard, drawn with Grease Pencil or strips of the sequencer, in-betweened."""

from ..registering import in_order
from . import operators, panel, settings

__all__ = ["register", "unregister"]

register, unregister = in_order(settings, operators, panel)
