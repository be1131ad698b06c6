"""How the installation of the drawing engine looks, in the sidebar and in the preferences, and what helps it on."""

from __future__ import annotations

from typing import Any

import bpy

from ..jobs.queue import queue
from ..settings.preferences import EXTENSION

CANCEL = "inbetween.cancel_setup"
ALLOW_ONLINE = "inbetween.allow_online"


def draw_setup(layout: bpy.types.UILayout) -> None:
    """Draw the progress of an installation, nothing when there is none."""
    if not queue.setup.running:
        return
    row = layout.row(align=True)
    row.progress(factor=queue.setup.fraction, type="BAR", text=queue.setup.words)
    row.operator(CANCEL, text="", icon="X")


def draw_remedy(layout: bpy.types.UILayout, code: str) -> None:
    """Draw the button that leads to where an error can be mended, if there is such a place."""
    if code == "online-access-off":
        layout.operator(ALLOW_ONLINE, icon="URL")
    elif code in ("backend-missing", "environment-broken", "worker-not-started"):
        opening: Any = layout.operator("preferences.addon_show", text="Open Preferences", icon="PREFERENCES")
        opening.module = EXTENSION
