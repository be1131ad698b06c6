"""Which line drawings are to be coloured, and which are coloured already.

The lines are the drawings of one layer, each at its own key. A reference is one of them at which another shown
layer has a key with fills, or which is filled itself. Whatever is shown at a reference belongs to its colours: a
background that does not is hidden first, as for in-betweens. Guides and colours that were made here do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import bpy

from ...backend.errors import UserError
from .. import grease_pencil
from ..results import artists_layers, has_fills


@dataclass(frozen=True)
class LineDrawings:
    """layer: the lines. references: frame of a line drawing -> frame at which it is seen coloured.

    wanted: frames of the line drawings without colours, ascending. end: the frame after the last one is seen.
    """

    layer: bpy.types.GreasePencilLayer
    references: Mapping[int, int]
    wanted: tuple[int, ...]
    end: int


def find_drawings(obj: bpy.types.Object | None, scene: bpy.types.Scene, lines: str = "") -> LineDrawings:
    """Return what is to be coloured within the preview range, if it is on, or the frames of the scene.

    lines: name of the layer; "" takes the active one. Raises UserError: "no-grease-pencil", "no-lines",
    "no-colours", "nothing-to-colour".
    """
    if not grease_pencil.is_grease_pencil(obj):
        raise UserError(
            "no-grease-pencil",
            "No Grease Pencil object is active." if obj is None else f"“{obj.name}” is not a Grease Pencil object.",
            "Select the Grease Pencil object whose line drawings you want to colour.",
        )
    layer = _layer(obj, lines)
    first, last = (
        (scene.frame_preview_start, scene.frame_preview_end)
        if scene.use_preview_range
        else (scene.frame_start, scene.frame_end)
    )
    drawn = sorted(key.frame_number for key in layer.frames if first <= key.frame_number <= last)
    while drawn and not grease_pencil.stroke_count(grease_pencil.drawing_at(layer, drawn[0])):
        drawn = drawn[1:]
    if not drawn:
        raise UserError(
            "no-lines",
            f"The layer “{layer.name}” has no line drawings from frame {first} to {last}.",
            "Choose the layer of your lines, or change the range of the scene.",
        )
    references = _references(obj, layer, drawn)
    if not references:
        raise UserError(
            "no-colours",
            f"None of the {len(drawn)} drawings on “{layer.name}” is coloured yet.",
            "Fill one of them, on another layer at the same frame, and hide the backgrounds.",
        )
    wanted = tuple(frame for frame in drawn if frame not in references)
    if not wanted:
        raise UserError(
            "nothing-to-colour",
            f"All drawings on “{layer.name}” from frame {first} to {last} are coloured already.",
            "Draw the lines of more frames.",
        )
    return LineDrawings(layer, references, wanted, max(drawn[-1], last) + 1)


def _layer(obj: bpy.types.Object, name: str) -> bpy.types.GreasePencilLayer:
    layers = cast(bpy.types.GreasePencil, obj.data).layers
    layer = layers.get(name) if name else layers.active
    if layer is None:
        raise UserError(
            "no-lines",
            f"“{obj.name}” has no layer “{name}”." if name else f"No layer of “{obj.name}” is active.",
            "Choose the layer that holds your lines.",
        )
    if layer not in artists_layers(obj):
        raise UserError(
            "no-lines",
            f"The layer “{layer.name}” holds guides or results, not your lines.",
            "Choose the layer that holds your lines.",
        )
    if not grease_pencil.is_shown(layer):
        raise UserError("no-lines", f"The layer “{layer.name}” is hidden.", "Show it, then colour again.")
    return layer


def _references(obj: bpy.types.Object, lines: bpy.types.GreasePencilLayer, drawn: list[int]) -> dict[int, int]:
    """Return at which frame each drawing that has colours is seen with them; at its own, where it can be."""
    found: dict[int, int] = {}
    for layer in artists_layers(obj):
        if not grease_pencil.is_shown(layer):
            continue
        for key in layer.frames:
            under = lines.get_frame_at(key.frame_number)
            if under is None or under.frame_number not in drawn or not has_fills(obj, key.drawing):
                continue
            frame = under.frame_number
            found[frame] = min(found.get(frame, key.frame_number), key.frame_number)
    return found
