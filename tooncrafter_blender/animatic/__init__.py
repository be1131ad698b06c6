"""Animatics: the panels of a storyboard, drawn with Grease Pencil or strips of the sequencer, in-betweened."""

from __future__ import annotations

from . import operators, panel, settings

_MODULES = (settings, operators, panel)


def register() -> None:
    """Add settings, buttons and panels."""
    for module in _MODULES:
        module.register()


def unregister() -> None:
    """Take them away, in the opposite order."""
    for module in reversed(_MODULES):
        module.unregister()
