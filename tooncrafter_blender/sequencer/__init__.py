"""The sequencer: strips made smoother, and transitions between two of them."""

from . import background, operators, panels, settings

__all__ = ["register", "unregister"]

_MODULES = (settings, background, operators, panels)


def register() -> None:
    """Add settings, operators and the sequencer's tab."""
    for module in _MODULES:
        module.register()


def unregister() -> None:
    """Take them away, in the opposite order."""
    for module in reversed(_MODULES):
        module.unregister()
