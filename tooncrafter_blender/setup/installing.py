"""What can be pressed in the preferences: install, repair, remove, and the report for a maintainer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty

from ...backend.environment import Level, remove
from ...backend.errors import UserError
from ..interface.operators import DONE, REFUSED, Outcome
from ..jobs import watching
from ..jobs.queue import queue
from ..settings import preferences
from . import environment, reporting, setup_view

_LEVELS = (
    (Level.CORE, "Draft Engine", "What draws without a model"),
    (Level.DIFFUSION, "ToonCrafter Engine", "PyTorch and what else the diffusion model runs in"),
)


class _OnLevel:
    """What the operators on one level of the environment share."""

    if TYPE_CHECKING:
        level: str
    else:
        level: EnumProperty(name="Level", items=_LEVELS, options={"HIDDEN", "SKIP_SAVE"})


class INBETWEEN_OT_install(_OnLevel, bpy.types.Operator):
    """Download and install it in the background, or check and repair what is there"""

    bl_idname = "inbetween.install"
    bl_label = "Install Drawing Engine"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Begin; the preferences show how it goes."""
        environment.begin_setup(Level(self.level), preferences.current())
        watching.start()
        watching.redraw()
        return DONE


class INBETWEEN_OT_cancel_setup(bpy.types.Operator):
    """Stop installing; what is downloaded is kept for the next time"""

    bl_idname = setup_view.CANCEL
    bl_label = "Cancel Installation"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Ask it to stop, which takes a moment."""
        queue.setup.cancel()
        watching.start()
        return DONE


class INBETWEEN_OT_remove_level(_OnLevel, bpy.types.Operator):
    """Delete it from the disk; jobs and model weights stay"""

    bl_idname = "inbetween.remove_level"
    bl_label = "Remove Drawing Engine"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Not while it is used."""
        if queue.busy or queue.setup.running:
            cls.poll_message_set("Wait for what is running, or cancel it.")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask first."""
        assert context.window_manager
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Delete it."""
        try:
            remove(environment.home(), Level(self.level))
        except UserError as error:
            self.report({"WARNING"}, str(error))
            return REFUSED
        watching.redraw()
        return DONE


class INBETWEEN_OT_allow_online(bpy.types.Operator):
    """Open the preference “Allow Online Access”"""

    bl_idname = setup_view.ALLOW_ONLINE
    bl_label = "Open Network Preferences"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Show where Blender keeps it; turning it on is the person's own decision."""
        bpy.ops.screen.userpref_show(section="SYSTEM")
        return DONE


class INBETWEEN_OT_copy_report(bpy.types.Operator):
    """Copy one page about versions, system and installation, without personal names or paths"""

    bl_idname = "inbetween.copy_report"
    bl_label = "Copy Report"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Put it on the clipboard."""
        assert context.window_manager
        context.window_manager.clipboard = reporting.report(preferences.current())
        self.report({"INFO"}, "The report is on the clipboard.")
        return DONE


register, unregister = bpy.utils.register_classes_factory(
    (
        INBETWEEN_OT_install,
        INBETWEEN_OT_cancel_setup,
        INBETWEEN_OT_remove_level,
        INBETWEEN_OT_allow_online,
        INBETWEEN_OT_copy_report,
    )
)
