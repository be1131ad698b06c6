"""Keys for those who want them: off until switched on in the add-on's preferences, where each can be changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

from .choosing import INBETWEEN_OT_accept, INBETWEEN_OT_mark_bad
from .operators import INBETWEEN_OT_generate
from .steering import INBETWEEN_OT_draw_guide


@dataclass(frozen=True)
class _Entry:
    """A key with Ctrl and Shift in a keymap of Blender's."""

    keymap: str
    space: str
    operator: str
    key: str


_ENTRIES = (
    _Entry("3D View", "VIEW_3D", INBETWEEN_OT_generate.bl_idname, "I"),
    _Entry("3D View", "VIEW_3D", INBETWEEN_OT_draw_guide.bl_idname, "G"),
    _Entry("3D View", "VIEW_3D", INBETWEEN_OT_mark_bad.bl_idname, "B"),
    _Entry("3D View", "VIEW_3D", INBETWEEN_OT_accept.bl_idname, "K"),
    _Entry("Dopesheet", "DOPESHEET_EDITOR", INBETWEEN_OT_generate.bl_idname, "I"),
)

_made: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def draw_keymap(layout: Any, context: bpy.types.Context) -> None:
    """Draw the entries as the person has them now, to be switched on and changed."""
    import rna_keymap_ui

    assert context.window_manager
    own: Any = context.window_manager.keyconfigs.user
    for entry in _ENTRIES:
        keymap = own.keymaps.get(entry.keymap) if own else None
        item = keymap.keymap_items.find_from_operator(entry.operator) if keymap else None
        if keymap and item:
            column = layout.column()
            column.context_pointer_set("keymap", keymap)
            rna_keymap_ui.draw_kmi([], own, keymap, item, column, 0)


def register() -> None:
    """Add the entries, switched off. In background mode there are no keys."""
    manager = bpy.context.window_manager
    config: Any = manager.keyconfigs.addon if manager else None
    if config is None:
        return
    for entry in _ENTRIES:
        keymap = config.keymaps.new(name=entry.keymap, space_type=entry.space)
        item = keymap.keymap_items.new(entry.operator, entry.key, "PRESS", ctrl=True, shift=True)
        item.active = False
        _made.append((keymap, item))


def unregister() -> None:
    """Remove them."""
    for keymap, item in _made:
        keymap.keymap_items.remove(item)
    _made.clear()
