"""Grease Pencil's data as this add-on reads it, the same on Blender 4.5, 5.0 and 5.2.

What differs between versions is decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, cast

import bpy
import numpy as np

from ...backend.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Field and numbers per element of the attribute types that drawings use.
_FIELDS = {
    "FLOAT": ("value", 1, np.float32),
    "INT": ("value", 1, np.int32),
    "INT8": ("value", 1, np.int32),
    "BOOLEAN": ("value", 1, np.bool_),
    "FLOAT_VECTOR": ("vector", 3, np.float32),
    "FLOAT2": ("vector", 2, np.float32),
    "FLOAT_COLOR": ("color", 4, np.float32),
    "BYTE_COLOR": ("color", 4, np.float32),
    "QUATERNION": ("value", 4, np.float32),
}

#: Of each stroke the style that its material gives it; None without a material.
Styles: TypeAlias = "Sequence[bpy.types.MaterialGPencilStyle | None]"

#: From this version on the stroke itself says which fill it outlines and whether its line shows, not the material.
_FILLS_BELONG_TO_STROKES = (5, 2, 0)


def is_grease_pencil(obj: bpy.types.Object | None) -> TypeGuard[bpy.types.Object]:
    """Tell whether `obj` is a Grease Pencil object."""
    return obj is not None and obj.type == "GREASEPENCIL"


def checked(obj: bpy.types.Object | None, hint: str) -> bpy.types.Object:
    """Return `obj`, which is a Grease Pencil object; else raise UserError("no-grease-pencil") with that hint."""
    if is_grease_pencil(obj):
        return obj
    sentence = (
        "No Grease Pencil object is active." if obj is None else f"“{obj.name}” is not a Grease Pencil object."
    )
    raise UserError("no-grease-pencil", sentence, hint)


def layers(obj: bpy.types.Object) -> list[bpy.types.GreasePencilLayer]:
    """Return the object's layers, the bottom one first."""
    return list(cast(bpy.types.GreasePencil, obj.data).layers)


def groups_of(layer: bpy.types.GreasePencilLayer) -> Iterator[bpy.types.GreasePencilLayerGroup]:
    """Yield the groups that hold the layer, the innermost first."""
    group = layer.parent_group
    while group is not None:
        yield group
        group = group.parent_group


def is_shown(layer: bpy.types.GreasePencilLayer) -> bool:
    """Tell whether the layer and all groups around it are visible."""
    return not layer.hide and not any(group.hide for group in groups_of(layer))


def is_locked(layer: bpy.types.GreasePencilLayer) -> bool:
    """Tell whether the layer or a group around it is locked."""
    return layer.lock or any(group.lock for group in groups_of(layer))


def drawing_at(layer: bpy.types.GreasePencilLayer, frame: int) -> bpy.types.GreasePencilDrawing | None:
    """Return the drawing that the layer shows at `frame`; None before its first key."""
    key = layer.get_frame_at(frame)
    return None if key is None else key.drawing


def stroke_count(drawing: bpy.types.GreasePencilDrawing | None) -> int:
    """Return how many strokes the drawing has; an absent drawing has none."""
    return 0 if drawing is None else max(len(drawing.curve_offsets) - 1, 0)


def same_drawing(one: bpy.types.GreasePencilDrawing | None, other: bpy.types.GreasePencilDrawing | None) -> bool:
    """Tell whether two drawings look the same: equal strokes with equal attributes, whatever is selected."""
    if stroke_count(one) != stroke_count(other):
        return False
    if one is None or other is None or stroke_count(one) == 0 or one.as_pointer() == other.as_pointer():
        return True
    if not np.array_equal(stroke_offsets(one), stroke_offsets(other)):
        return False
    names = [
        sorted(attribute.name for attribute in drawing.attributes if not attribute.name.startswith("."))
        for drawing in (one, other)
    ]
    return names[0] == names[1] and all(_same_attribute(one, other, name) for name in names[0])


def _same_attribute(one: bpy.types.GreasePencilDrawing, other: bpy.types.GreasePencilDrawing, name: str) -> bool:
    left, right = _values(one.attributes[name]), _values(other.attributes[name])
    return left is None or right is None or np.array_equal(left, right)


def stroke_offsets(drawing: bpy.types.GreasePencilDrawing) -> NDArray[np.int32]:
    """Return where each stroke's points begin, and at last where all end: (strokes + 1,)."""
    offsets = np.zeros(len(drawing.curve_offsets), np.int32)
    drawing.curve_offsets.foreach_get("value", offsets)
    return offsets


def attribute(drawing: bpy.types.GreasePencilDrawing, name: str, count: int, default: Any) -> NDArray[Any]:
    """Return an attribute of the drawing as (count,) or (count, components); absent means `default` everywhere."""
    found = drawing.attributes.get(name)
    values = None if found is None else _values(found)
    if values is not None and len(values) == count:
        return values
    filled: NDArray[Any] = np.repeat(np.asarray(default)[None], count, axis=0)
    return filled


def _values(found: bpy.types.Attribute) -> NDArray[Any] | None:
    """Return all values of an attribute, or None for types that no drawing needs."""
    if found.data_type not in _FIELDS:
        return None
    field, components, kind = _FIELDS[found.data_type]
    data = cast(Any, found).data
    values: NDArray[Any] = np.zeros(len(data) * components, kind)
    data.foreach_get(field, values)
    return values if components == 1 else values.reshape(-1, components)


def fill_groups(drawing: bpy.types.GreasePencilDrawing, styles: Styles) -> NDArray[np.int32]:
    """Return for each stroke the number of the fill that it outlines, 0 for none: (strokes,).

    Strokes with one number make one fill together, in which the inner outlines are holes.
    styles: of each stroke; they decide before Blender 5.2.
    """
    if bpy.app.version >= _FILLS_BELONG_TO_STROKES:
        return attribute(drawing, "fill_id", len(styles), 0).astype(np.int32)
    filled = np.array([style is not None and style.show_fill for style in styles], bool)
    return np.where(filled, np.arange(1, len(styles) + 1), 0).astype(np.int32)


def lines_shown(drawing: bpy.types.GreasePencilDrawing, styles: Styles) -> NDArray[np.bool_]:
    """Return for each stroke whether its line is drawn: (strokes,); `styles` decide before Blender 5.2."""
    if bpy.app.version >= _FILLS_BELONG_TO_STROKES:
        return ~attribute(drawing, "hide_stroke", len(styles), False).astype(np.bool_)
    return np.array([style is None or style.show_stroke for style in styles], np.bool_)
