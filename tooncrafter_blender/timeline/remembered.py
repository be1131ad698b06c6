"""Answers that are looked for in drawings and asked for at every redraw, kept until something changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, cast

import bpy
import numpy as np
from bpy.app.handlers import persistent

from ...backend.errors import UserError
from ..settings.properties import range_of
from . import grease_pencil

Answer = TypeVar("Answer")

#: What a change may change an answer: Grease Pencil data, as versions of Blender call it, and materials, which say
#: before Blender 5.2 what is filled.
_DEPSGRAPH: Any = bpy.types.Depsgraph.bl_rna
_TYPES = tuple(
    item.identifier
    for item in _DEPSGRAPH.functions["id_type_updated"].parameters["id_type"].enum_items
    if item.identifier in ("GREASEPENCIL", "GREASEPENCIL_V3", "MATERIAL")
)
_NOTHING = object()


class Remembered(Generic[Answer]):
    """The last answer to one question, or why there was none.

    An answer must hold no data of Blender's: that may be gone when it is asked for again.
    """

    def __init__(self) -> None:
        self._state: object = _NOTHING
        self._found: Answer | None = None
        self._refusal: UserError | None = None
        _kept.append(self)

    def ask(self, state: Hashable, look: Callable[[], Answer]) -> Answer:
        """Return what `look` found in this state, looking only where that is not known. Raises its UserError.

        state: changes whenever the answer could, unless a drawing or a material has changed.
        """
        if state != self._state:
            try:
                self._found, self._refusal = look(), None
            except UserError as error:
                self._found, self._refusal = None, error
            self._state = state
        if self._refusal:
            raise self._refusal.with_traceback(None)
        return cast(Answer, self._found)

    @property
    def known(self) -> Answer | None:
        """What was last found, whatever has become of it since; None where nothing is known."""
        return self._found

    def forget(self) -> None:
        """Look again when it is asked for the next time."""
        self._state, self._found, self._refusal = _NOTHING, None, None


_kept: list[Remembered[Any]] = []


def state_of_drawings(obj: bpy.types.Object | None, scene: bpy.types.Scene) -> Hashable:
    """Return a value that changes with the object, its layers and keys, and the range that is looked at."""
    if not grease_pencil.is_grease_pencil(obj):
        return (obj.name if obj else None,)
    layers: Any = obj.data.layers  # type: ignore[union-attr]
    active = layers.active.name if layers.active else ""
    return (
        obj.session_uid,
        obj.name,
        scene.session_uid,
        range_of(scene),
        active,
        tuple(map(_state_of_layer, layers)),
    )


def _state_of_layer(layer: bpy.types.GreasePencilLayer) -> Hashable:
    keys = np.zeros((2, len(layer.frames)), np.int32)
    for row, name in zip(keys, ("frame_number", "keyframe_type"), strict=True):
        layer.frames.foreach_get(name, row)
    return layer.name, grease_pencil.is_shown(layer), grease_pencil.is_locked(layer), keys.tobytes()


@persistent  # type: ignore[untyped-decorator]
def _forget_changed(_: object, depsgraph: bpy.types.Depsgraph) -> None:
    if any(depsgraph.id_type_updated(kind) for kind in _TYPES):
        _forget_all()


@persistent  # type: ignore[untyped-decorator]
def _forget_all(*_: object) -> None:
    for remembered in _kept:
        remembered.forget()


def register() -> None:
    """Notice changes."""
    bpy.app.handlers.depsgraph_update_post.append(_forget_changed)
    bpy.app.handlers.load_post.append(_forget_all)


def unregister() -> None:
    """Stop noticing."""
    bpy.app.handlers.depsgraph_update_post.remove(_forget_changed)
    bpy.app.handlers.load_post.remove(_forget_all)
    _forget_all()
