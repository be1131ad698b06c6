"""What a person sets once for all files, and how the add-on reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

#: The extension's own package: Blender files preferences and data folders under it.
EXTENSION = __package__.rpartition(".")[0]


@dataclass(frozen=True)
class Preferences:
    """A snapshot. backend_python: interpreter of the backend, "" for the private environment.

    jobs_folder: where jobs are kept, "" for beside the .blend file.
    """

    backend_python: str = ""
    jobs_folder: str = ""


def current() -> Preferences:
    """Return the preferences, or the defaults when the add-on runs without an entry in them (`--addons`)."""
    assert bpy.context.preferences
    addon = bpy.context.preferences.addons.get(EXTENSION)
    if addon is None or addon.preferences is None:
        return Preferences()
    return Preferences(addon.preferences.backend_python, addon.preferences.jobs_folder)


class InbetweenPreferences(bpy.types.AddonPreferences):
    """Where the drawing engine and the jobs live."""

    bl_idname = EXTENSION

    if TYPE_CHECKING:
        backend_python: str
        jobs_folder: str
    else:
        backend_python: StringProperty(
            name="Backend Python",
            description="Interpreter of your own Python environment for the drawing engine. "
            "Leave empty to use the private one",
            subtype="FILE_PATH",
        )
        jobs_folder: StringProperty(
            name="Jobs",
            description="Folder for captured keys and finished drawings. "
            "Leave empty to keep them beside each .blend file",
            subtype="DIR_PATH",
        )

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "backend_python", placeholder="Private environment")
        layout.prop(self, "jobs_folder", placeholder="Beside the .blend file")


register, unregister = bpy.utils.register_classes_factory((InbetweenPreferences,))
