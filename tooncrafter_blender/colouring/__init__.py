"""Line drawings of a Grease Pencil layer, coloured as one or a few of them are coloured already."""

from __future__ import annotations

from . import operators, panel, settings

_MODULES = (settings, operators, panel)


def register() -> None:
    """Add settings, button and panel."""
    for module in _MODULES:
        module.register()


def unregister() -> None:
    """Take them away, in the opposite order."""
    for module in reversed(_MODULES):
        module.unregister()
