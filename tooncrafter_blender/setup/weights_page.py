"""The model's weights in the preferences: what is there, Download, and Locate for files that are here already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import EnumProperty, StringProperty

from ...backend.environment import Level
from ...backend.errors import UserError
from ...backend.weights import find_weights
from ...backend.weights_download import CHECKPOINTS
from ..interface.operators import DONE, REFUSED, Outcome
from ..interface.wrapped_text import draw_text
from ..jobs import watching
from ..jobs.errand import errand
from ..jobs.queue import ROOT
from ..settings import preferences
from . import environment

_KINDS = tuple(
    (kind, published.title, f"{published.bytes / 1e9:.1f} GB") for kind, published in CHECKPOINTS.items()
)


def draw_weights(page: bpy.types.AddonPreferences, box: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Lay out the section."""
    box.label(text="Model of the ToonCrafter Engine")
    for kind, published in CHECKPOINTS.items():
        row = box.row()
        try:
            found = find_weights("sketch-encoder" if kind == "sketch-encoder" else "model")
            row.label(text=f"{published.title}: installed, {found.size / 1e9:.1f} GB", icon="CHECKMARK")
        except UserError as error:
            missing = "not there yet" if error.code == "weights-missing" else error.sentence
            row.label(text=f"{published.title}: {missing}", icon="IMPORT")
        buttons = row.row(align=True)
        buttons.enabled = not errand.running
        locating: Any = buttons.operator(INBETWEEN_OT_locate_weights.bl_idname, text="Locate…", icon="FILE_FOLDER")
        locating.kind = kind
        loading: Any = buttons.operator(
            INBETWEEN_OT_download_weights.bl_idname, text=f"Download ({published.bytes / 1e9:.1f} GB)"
        )
        loading.kind = kind
    column = box.column()
    column.use_property_split = True
    column.prop(page, "weights_mirror", placeholder="huggingface.co")
    if errand.running:
        row = box.row(align=True)
        row.progress(factor=errand.fraction, type="BAR", text=f"{errand.words}…")
        row.operator(INBETWEEN_OT_cancel_weights.bl_idname, text="", icon="X")
    draw_text(box, context, errand.problem, "ERROR")


class _Errand:
    """What the operators that need the diffusion level share."""

    if TYPE_CHECKING:
        kind: str
    else:
        kind: EnumProperty(name="What", items=_KINDS, options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs the engine, which converts the file."""
        if errand.running:
            cls.poll_message_set("Wait for what is running, or cancel it.")  # type: ignore[attr-defined]
            return False
        chosen = preferences.current()
        try:
            ready = environment.own_python(chosen) or environment.standing_of(Level.DIFFUSION, chosen).python
        except UserError:
            ready = None
        if not ready:
            cls.poll_message_set("Install the ToonCrafter engine first.")  # type: ignore[attr-defined]
        return bool(ready)


def _send(arguments: list[str]) -> Outcome:
    try:
        python = environment.find_python(preferences.current(), "tooncrafter")
    except UserError as error:
        errand.problem = str(error)
        return REFUSED
    assert python
    errand.begin(python, ROOT, ["weights", *arguments])
    watching.start()
    watching.redraw()
    return DONE


class INBETWEEN_OT_download_weights(_Errand, bpy.types.Operator):
    """Download from where its authors published it, check it, and convert it once. Continues what was begun"""

    bl_idname = "inbetween.download_weights"
    bl_label = "Download Weights"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Begin, if Blender may go online."""
        if not bpy.app.online_access:
            errand.problem = "Blender is set to stay offline. Allow online access under System, or use Locate."
            self.report({"WARNING"}, errand.problem)
            watching.redraw()
            return REFUSED
        mirror = preferences.current().weights_mirror
        return _send(["download", self.kind, *(["--mirror", mirror] if mirror else [])])


class INBETWEEN_OT_locate_weights(_Errand, bpy.types.Operator):
    """Take a checkpoint that is on this computer, or find it in a folder of models such as ComfyUI's"""

    bl_idname = "inbetween.locate_weights"
    bl_label = "Use This File or Folder"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        filepath: str
        filter_glob: str
    else:
        filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
        filter_glob: StringProperty(default="*.ckpt;*.safetensors;*.pt;*.bin", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for the file."""
        assert context.window_manager
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Begin; the file itself stays as it is."""
        return _send(["import", bpy.path.abspath(self.filepath)])


class INBETWEEN_OT_cancel_weights(bpy.types.Operator):
    """Stop; what is downloaded is kept for the next time"""

    bl_idname = "inbetween.cancel_weights"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """End it."""
        errand.cancel()
        watching.redraw()
        return DONE


_register, _unregister = bpy.utils.register_classes_factory(
    (INBETWEEN_OT_download_weights, INBETWEEN_OT_locate_weights, INBETWEEN_OT_cancel_weights)
)


def register() -> None:
    """Add the operators."""
    _register()


def unregister() -> None:
    """End what is running and take the operators away."""
    errand.close()
    _unregister()
