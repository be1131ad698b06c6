"""Answers that panels ask for at every redraw: looked for once, and again when anything has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline.remembered import (
    Remembered,
    state_of_drawings,
)

from tests.blender import scenes


@pytest.fixture
def obj(scene: bpy.types.Scene) -> bpy.types.Object:
    obj = scenes.new_object(scene, {1: [scenes.box(-1)], 9: [scenes.box(1)]})
    bpy.context.view_layer.update()
    return obj


class Asking:
    """A question about the drawings of an object, and how often its answer was looked for."""

    def __init__(self, scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
        self.remembered: Remembered[int] = Remembered()
        self.scene, self.obj, self.looked = scene, obj, 0

    def ask(self) -> int:
        def look() -> int:
            self.looked += 1
            return self.looked

        return self.remembered.ask(state_of_drawings(self.obj, self.scene), look)


def test_nothing_is_looked_for_twice(scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
    asking = Asking(scene, obj)
    assert asking.remembered.known is None
    assert [asking.ask() for _ in range(3)] == [1, 1, 1] and asking.remembered.known == 1
    scene.frame_set(5)
    assert asking.ask() == 1


CHANGES: dict[str, Callable[[bpy.types.Scene, Any], object]] = {
    "a drawing": lambda scene, layer: (
        layer.frames[0].drawing.add_strokes([3]),
        layer.id_data.update_tag(),
        bpy.context.view_layer.update(),
    ),
    "a new key": lambda scene, layer: layer.frames.new(5),
    "a moved key": lambda scene, layer: layer.frames.move(9, 11),
    "another type of key": lambda scene, layer: setattr(layer.frames[0], "keyframe_type", "GENERATED"),
    "a layer that is hidden": lambda scene, layer: setattr(layer, "hide", True),
    "a layer that is locked": lambda scene, layer: setattr(layer, "lock", True),
    "a layer with another name": lambda scene, layer: setattr(layer, "name", "Ink"),
    "the range": lambda scene, layer: setattr(scene, "frame_end", 7),
    "a material": lambda scene, layer: (
        setattr(bpy.data.materials[0].grease_pencil, "show_fill", False),
        bpy.data.materials[0].update_tag(),
        bpy.context.view_layer.update(),
    ),
    "another file": lambda scene, layer: bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_looked_at_again(scene: bpy.types.Scene, obj: bpy.types.Object, change: str) -> None:
    asking = Asking(scene, obj)
    asking.ask()
    CHANGES[change](scene, obj.data.layers[0])
    if change == "another file":
        assert asking.remembered.known is None
    else:
        assert asking.ask() == 2


def test_why_there_was_no_answer_is_remembered_too(scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
    remembered: Remembered[int] = Remembered()
    looked = []

    def look() -> int:
        looked.append(1)
        raise UserError("no-lines", "Nothing is drawn.")

    for _ in range(2):
        with pytest.raises(UserError, match="Nothing is drawn"):
            remembered.ask("state", look)
    assert len(looked) == 1 and remembered.ask("other", lambda: 7) == 7
