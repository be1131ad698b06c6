"""Writing Grease Pencil's data in bulk, the same on Blender 4.5, 5.0 and 5.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

import bpy
import numpy as np

from ..timeline import grease_pencil

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["FLOAT", "INT", "INT8", "BOOLEAN", "FLOAT_VECTOR"]

#: From this version on the stroke, not its material, says what is filled and whether its line shows.
_FILLS_BELONG_TO_STROKES = (5, 2, 0)
_NUMBERS: dict[Kind, Any] = {
    "FLOAT": np.float32,
    "INT": np.int32,
    "INT8": np.int32,
    "BOOLEAN": np.bool_,
    "FLOAT_VECTOR": np.float32,
}


def fills_belong_to_strokes() -> bool:
    """Tell whether fills have numbers on strokes, and several strokes can make one fill with holes."""
    return bpy.app.version >= _FILLS_BELONG_TO_STROKES


def write(
    drawing: bpy.types.GreasePencilDrawing,
    name: str,
    kind: Kind,
    domain: Literal["POINT", "CURVE"],
    values: NDArray[Any],
) -> None:
    """Set an attribute of all points or strokes at once; it is made when the drawing has none of that name.

    values: (count,) or (count, 3).
    """
    found = drawing.attributes.get(name) or drawing.attributes.new(name, kind, domain)
    field = "vector" if kind == "FLOAT_VECTOR" else "value"
    cast(Any, found).data.foreach_set(field, np.ascontiguousarray(values, _NUMBERS[kind]).ravel())


def positions(drawing: bpy.types.GreasePencilDrawing) -> NDArray[Any]:
    """Return the places (n, 3) of all points in the layer's space."""
    count = int(grease_pencil.stroke_offsets(drawing)[-1]) if grease_pencil.stroke_count(drawing) else 0
    return grease_pencil.attribute(drawing, "position", count, np.zeros(3))
