"""Which line drawings are to be coloured, and what shows their colours.

The lines are the drawings of one layer, each at its own key. They are coloured as those among them that are
coloured already, or as a picture that shows one of them. A drawing is coloured when another shown layer has a key
with fills there, or when it is filled itself. Whatever is shown at it belongs to its colours: a background that
does not is hidden first, as for in-betweens. Guides and colours that were made here do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import bpy

from ...backend.errors import UserError
from ..capture import refuse_what_is_no_picture
from ..results import artists_layers, has_fills
from ..settings.properties import range_of
from ..timeline import grease_pencil

_SELECT = "Select the Grease Pencil object whose line drawings you want to colour."


@dataclass(frozen=True)
class LineDrawings:
    """obj, layer: whose drawings. wanted: frames of those to be coloured, ascending. end: the frame after the last.

    references: frame of a line drawing -> frame at which it is seen coloured. picture: what shows the colours
    instead. blank: those of the wanted frames at which nothing is drawn.
    """

    obj: bpy.types.Object
    layer: bpy.types.GreasePencilLayer
    wanted: tuple[int, ...]
    end: int
    references: Mapping[int, int]
    picture: bpy.types.Image | None
    blank: frozenset[int]

    @property
    def count(self) -> int:
        """How many drawings get colours."""
        return len(self.wanted) - len(self.blank)


def find_drawings(obj: bpy.types.Object | None, scene: bpy.types.Scene, lines: str = "") -> LineDrawings:
    """Return what is to be coloured as the drawings are that have colours already.

    It lies within the preview range, if that is on, or the frames of the scene.
    lines: name of the layer; "" takes the active one. Raises UserError: "no-grease-pencil", "no-lines",
    "no-colours", "nothing-to-colour".
    """
    obj = grease_pencil.checked(obj, _SELECT)
    layer = _layer(obj, lines)
    drawn, last = _drawn(scene, layer)
    references = _references(obj, layer, drawn)
    if not references:
        count = sum(not _is_blank(layer, frame) for frame in drawn)
        raise UserError(
            "no-colours",
            f"None of the {count} drawings on “{layer.name}” is coloured yet.",
            "Fill one of them, on another layer at the same frame, and hide the backgrounds. Or choose a picture.",
        )
    return _found(obj, layer, drawn, last, references, None)


def find_drawings_for_picture(
    obj: bpy.types.Object | None, scene: bpy.types.Scene, picture: bpy.types.Image | None, lines: str = ""
) -> LineDrawings:
    """Return what is to be coloured as the picture is: all drawings, whether they have fills or not.

    Otherwise as `find_drawings`. Raises UserError also for "no-picture" and a picture that cannot be read.
    """
    obj = grease_pencil.checked(obj, _SELECT)
    layer = _layer(obj, lines)
    drawn, last = _drawn(scene, layer)
    if picture is None:
        raise UserError(
            "no-picture", "No picture is chosen.", "Choose a picture of one of the drawings as it is coloured."
        )
    refuse_what_is_no_picture(picture)
    return _found(obj, layer, drawn, last, {}, picture)


def _found(
    obj: bpy.types.Object,
    layer: bpy.types.GreasePencilLayer,
    drawn: list[int],
    last: int,
    references: Mapping[int, int],
    picture: bpy.types.Image | None,
) -> LineDrawings:
    wanted = tuple(frame for frame in drawn if frame not in references)
    blank = frozenset(frame for frame in wanted if _is_blank(layer, frame))
    if len(wanted) == len(blank):
        raise UserError(
            "nothing-to-colour",
            f"All drawings on “{layer.name}” from frame {drawn[0]} to {last} are coloured already.",
            "Draw the lines of more frames.",
        )
    return LineDrawings(obj, layer, wanted, max(drawn[-1], last) + 1, references, picture, blank)


def _drawn(scene: bpy.types.Scene, layer: bpy.types.GreasePencilLayer) -> tuple[list[int], int]:
    """Return the frames of the line drawings, ascending, and the last frame that is looked at.

    The first has strokes; a key without any further on ends the drawing before it.
    """
    first, last = range_of(scene)
    drawn = sorted(key.frame_number for key in layer.frames if first <= key.frame_number <= last)
    while drawn and _is_blank(layer, drawn[0]):
        drawn = drawn[1:]
    if not drawn:
        raise UserError(
            "no-lines",
            f"The layer “{layer.name}” has no line drawings from frame {first} to {last}.",
            "Choose the layer of your lines, or change the range of the scene.",
        )
    return drawn, last


def _is_blank(layer: bpy.types.GreasePencilLayer, frame: int) -> bool:
    return not grease_pencil.stroke_count(grease_pencil.drawing_at(layer, frame))


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
