"""How a finished job is shown, and the buttons that change it without drawing anything again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import bpy
from bpy.app.handlers import persistent
from bpy.props import EnumProperty, StringProperty

from ...backend.contract.strokes import strokes_path
from ...backend.errors import UserError
from .. import generate, results
from ..jobs import watching
from ..jobs.queue import Entry, queue
from ..settings.properties import InbetweenSettings
from ..timeline import grease_pencil

_WAYS = (
    ("reference", "Reference", "Show the drawings as pictures in the camera's view", "IMAGE_REFERENCE", 0),
    ("strip", "Image Strip", "Show the drawings as an image strip in the sequencer", "SEQUENCE", 1),
    ("strokes", "Strokes", "Show the drawings as strokes on a layer of your object", "GREASEPENCIL", 2),
    ("none", "Not At All", "Take the drawings out of the scene; they stay in the job's folder", "HIDE_ON", 3),
)
#: The type of a Grease Pencil object's data; its name has changed.
_DATA: Any = getattr(bpy.types, "GreasePencilv3", None) or bpy.types.GreasePencil


class INBETWEEN_OT_show_as(bpy.types.Operator):
    """Show the finished drawings in another way; nothing is drawn again"""

    bl_idname = "inbetween.show_as"
    bl_label = "Show In-betweens As"
    bl_options = {"INTERNAL", "UNDO"}

    if TYPE_CHECKING:
        job: str
        how: str
    else:
        job: StringProperty(name="Job", options={"HIDDEN", "SKIP_SAVE"})
        how: EnumProperty(name="Show As", items=_WAYS, options={"SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: Any) -> str:
        """Say what each button would do."""
        return next(way[2] for way in _WAYS if way[0] == properties.how)

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """Change it now, or have the drawings traced first."""
        entry = queue.find(self.job)
        if entry is None or entry.busy:
            return {"CANCELLED"}
        try:
            if self.how == "strokes" and not _is_traced(entry):
                entry.import_as = "strokes"
                generate.retry(entry)
                self.report({"INFO"}, "Tracing the drawings in the background.")
            else:
                self.report({"INFO"}, watching.import_entry(entry, self.how))
        except UserError as error:
            queue.refused = error
            self.report({"WARNING"}, str(error))
            return {"CANCELLED"}
        finally:
            watching.redraw()
        return {"FINISHED"}


def _is_traced(entry: Entry) -> bool:
    return all(strokes_path(entry.folder, frame).is_file() for frame in entry.finished or entry.job.wanted)


def draw_ways(row: Any, entry: Entry) -> None:
    """Lay out one button for each way of showing the job; the present one is pressed."""
    for way, _, _, icon, _ in _WAYS:
        now = (entry.shown_as or "none") == way
        button = row.operator(INBETWEEN_OT_show_as.bl_idname, text="", icon=icon, depress=now)
        button.job, button.how = entry.job.id, way


def draw_reference_look(column: Any, chosen: InbetweenSettings) -> None:
    """Lay out how references look."""
    column.prop(chosen, "reference_place")
    column.prop(chosen, "reference_opacity", slider=True)
    column.prop(chosen, "reference_in_front")
    column.prop(chosen, "reference_neighbours")


#: Which traced layers were shown when they were last looked at, by the number of the object's data.
_eyes: dict[int, tuple[bool, ...]] = {}


@persistent  # type: ignore[untyped-decorator]
def _follow_eyes(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """Where the artist hides or shows a traced layer by hand, what stepped back for it comes back or goes again."""
    updates = cast(Any, depsgraph).updates
    changed = {one.id.original.session_uid for one in updates if isinstance(one.id, _DATA)}
    for obj in scene.objects if changed else ():
        if obj.data and obj.data.session_uid in changed and results.has_traced_layers(obj):
            eyes = tuple(grease_pencil.is_shown(layer) for layer in grease_pencil.layers(obj))
            if _eyes.get(obj.data.session_uid) != eyes:
                _eyes[obj.data.session_uid] = eyes
                results.let_held_keys_step_back(obj)


_register, _unregister = bpy.utils.register_classes_factory((INBETWEEN_OT_show_as,))


def register() -> None:
    """Add the buttons and follow the eyes in the list of layers."""
    _register()
    bpy.app.handlers.depsgraph_update_post.append(_follow_eyes)


def unregister() -> None:
    """Take the buttons away and follow no more."""
    bpy.app.handlers.depsgraph_update_post.remove(_follow_eyes)
    _unregister()
