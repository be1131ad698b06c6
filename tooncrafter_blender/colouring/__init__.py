"""Line drawings of a Grease Pencil layer, coloured as one or a few of them are coloured already."""

from ..registering import in_order
from . import operators, panel, settings

__all__ = ["register", "unregister"]

register, unregister = in_order(settings, operators, panel)
