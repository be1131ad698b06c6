"""The sequencer: strips made smoother, and transitions between two of them."""

from ..registering import in_order
from . import background, operators, panels, settings

__all__ = ["register", "unregister"]

register, unregister = in_order(settings, background, operators, panels)
