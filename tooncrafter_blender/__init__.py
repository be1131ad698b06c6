"""The half that lives inside Blender: from the timeline to a job folder and back."""

from __future__ import annotations

from types import ModuleType


def register() -> None:
    """Add the add-on to Blender."""
    for module in _modules():
        module.register()


def unregister() -> None:
    """Take the add-on out of Blender, in the opposite order."""
    for module in reversed(_modules()):
        module.unregister()


def _modules() -> tuple[ModuleType, ...]:
    # Imported here, so that the contract and the queue can be imported without Blender.
    from . import animatic, colouring, commands, language, sequencer
    from .interface import choosing, first_run, job_panel, keymap, operators, panels, showing, steering
    from .jobs import home, job_folders, listing, removing, thumbnails, watching
    from .settings import preferences, properties, setting_presets
    from .setup import installing, weights_page
    from .timeline import charts, remembered

    return (
        language,
        preferences,
        properties,
        charts,
        home,
        job_folders,
        thumbnails,
        listing,
        removing,
        watching,
        remembered,
        operators,
        choosing,
        first_run,
        steering,
        setting_presets,
        showing,
        installing,
        weights_page,
        panels,
        colouring,
        job_panel,
        sequencer,
        animatic,
        keymap,
        commands,
    )
