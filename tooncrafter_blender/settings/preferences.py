"""What a person sets once for all files, and how the add-on reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ...backend.engines import ENGINES
from ...backend.environment.torch_builds import LABELS, TorchBuild

#: The extension's own package, two above this one: Blender files preferences and data folders under it.
EXTENSION = __package__.rsplit(".", 2)[0]

#: Engines as Blender's menus list them.
ENGINE_CHOICES = tuple((name, *line.split(": ", 1)) for name, line in ENGINES.items())
_TORCH_BUILDS = tuple((build, LABELS[build], "Which build of PyTorch is installed") for build in TorchBuild)


@dataclass(frozen=True)
class Preferences:
    """A snapshot. backend_python: interpreter of the backend, "" for the private environment.

    jobs_folder: where jobs are kept, "" for beside the .blend file. torch_build: a `TorchBuild`.
    weights_mirror: address to fetch the model from, "" for where its authors published it.
    default_engine: the engine of scenes for which none was chosen. keep_days: how long removed jobs are kept.
    told_about_engines: whether the person was told about the other engine.
    """

    backend_python: str = ""
    jobs_folder: str = ""
    torch_build: str = TorchBuild.AUTO
    weights_mirror: str = ""
    default_engine: str = "draft"
    keep_days: int = 14
    told_about_engines: bool = False


def page() -> InbetweenPreferences | None:
    """Return the preferences to be changed, None when the add-on runs without an entry in them (`--addons`)."""
    assert bpy.context.preferences
    addon = bpy.context.preferences.addons.get(EXTENSION)
    return cast(InbetweenPreferences, addon.preferences) if addon and addon.preferences else None


def current() -> Preferences:
    """Return the preferences, or the defaults when there are none."""
    chosen = page()
    if chosen is None:
        return Preferences()
    return Preferences(
        chosen.backend_python,
        chosen.jobs_folder,
        chosen.torch_build,
        chosen.weights_mirror,
        chosen.default_engine,
        chosen.keep_days,
        chosen.told_about_engines,
    )


class InbetweenPreferences(bpy.types.AddonPreferences):
    """Where the drawing engine and the jobs live."""

    bl_idname = EXTENSION

    if TYPE_CHECKING:
        backend_python: str
        jobs_folder: str
        torch_build: str
        weights_mirror: str
        default_engine: str
        keep_days: int
        told_about_engines: bool
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
        torch_build: EnumProperty(
            name="PyTorch",
            description="Build of PyTorch for the ToonCrafter engine. Automatic asks the graphics card's driver",
            items=_TORCH_BUILDS,
            default=TorchBuild.AUTO,
        )
        weights_mirror: StringProperty(
            name="Mirror",
            description="Address of a mirror with the same paths, to fetch the model from instead of its publisher",
        )
        default_engine: EnumProperty(
            name="Default Engine",
            description="Engine of scenes for which none was chosen",
            items=ENGINE_CHOICES,
            default="draft",
        )
        keep_days: IntProperty(
            name="Keep Removed Jobs",
            description="Days until the folder of a removed job is deleted for good; "
            "0: when a file is opened next. Jobs in the list are never deleted",
            default=Preferences.keep_days,
            min=0,
            max=3650,
            soft_max=90,
        )
        told_about_engines: BoolProperty(
            name="Told About Engines",
            description="Whether it has been told how to get the ToonCrafter engine",
            options={"HIDDEN"},
        )

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the preferences."""
        from ..setup import preference_page  # which reads the preferences

        preference_page.draw(self, self.layout, context)


register, unregister = bpy.utils.register_classes_factory((InbetweenPreferences,))
