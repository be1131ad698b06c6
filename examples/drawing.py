"""Shapes in the plane of the picture, and how they become Grease Pencil drawings on any supported Blender.

Needs Blender's Python (or the `bpy` wheel) and numpy, nothing of the add-on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import bpy
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Point = tuple[float, float]

#: From this version on the stroke says what is filled and whether its line shows, before it was the material.
_FILLS_BELONG_TO_STROKES = (5, 2, 0)


@dataclass(frozen=True)
class Shape:
    """One stroke: `points` are (x, z) in Blender units, seen from the front.

    fill, line: colours as "#rrggbb" or "#rrggbbaa" in sRGB, None for none. width: diameter of the line in units.
    taper: the line grows thin towards its ends.
    """

    points: Sequence[Point]
    fill: str | None = None
    line: str | None = None
    width: float = 0.05
    closed: bool = True
    taper: bool = False


def colour(text: str) -> tuple[float, float, float, float]:
    """Return "#rrggbb" or "#rrggbbaa" (sRGB) as scene-linear RGBA, which is how Grease Pencil stores colours."""
    values = [int(text[index : index + 2], 16) / 255 for index in range(1, len(text), 2)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values[:3])
    return red, green, blue, values[3] if len(values) == 4 else 1.0


def new_object(scene: bpy.types.Scene, name: str) -> bpy.types.Object:
    """Add an empty Grease Pencil object to the scene."""
    # Before 5.0 `grease_pencils` held the annotations and Grease Pencil had a name of its own.
    collection = getattr(
        bpy.data, "grease_pencils_v3" if hasattr(bpy.data, "grease_pencils_v3") else "grease_pencils"
    )
    obj = bpy.data.objects.new(name, collection.new(name))
    scene.collection.objects.link(obj)
    return obj


def new_layer(obj: bpy.types.Object, name: str) -> bpy.types.GreasePencilLayer:
    """Add a layer above the others; flat colours, not lit by lamps."""
    layer = _sheets(obj).layers.new(name)
    layer.use_lights = False
    return layer


def _sheets(obj: bpy.types.Object) -> bpy.types.GreasePencil:
    return cast(bpy.types.GreasePencil, obj.data)


def new_camera(scene: bpy.types.Scene, width: float) -> bpy.types.Object:
    """Add a camera that looks at the plane of the picture from the front and sees `width` units of it."""
    lens = bpy.data.cameras.new("Camera")
    lens.type = "ORTHO"
    lens.ortho_scale = width
    camera = bpy.data.objects.new("Camera", lens)
    camera.location = (0, -10, 0)
    camera.rotation_euler = (math.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def material_index(obj: bpy.types.Object, fill: str | None, line: str | None) -> int:
    """Return the slot of the material with these colours, made when it is missing."""
    name = f"{fill or 'no fill'}, {line or 'no line'}"
    slots = _sheets(obj).materials
    index = slots.find(name)
    if index >= 0:
        return int(index)
    material = bpy.data.materials.get(name)
    if material is None:
        material = bpy.data.materials.new(name)
        bpy.data.materials.create_gpencil_data(material)
        style = cast(Any, material.grease_pencil)
        if bpy.app.version < _FILLS_BELONG_TO_STROKES:
            style.show_fill, style.show_stroke = fill is not None, line is not None
        style.fill_color = colour(fill or "#000000")
        style.color = colour(line or "#000000")
    slots.append(material)
    return len(slots) - 1


def draw(
    obj: bpy.types.Object,
    layer: bpy.types.GreasePencilLayer,
    frame: int,
    shapes: Iterable[Shape],
    keyframe_type: Literal["KEYFRAME", "BREAKDOWN", "EXTREME", "JITTER", "MOVING_HOLD", "GENERATED"] = "KEYFRAME",
) -> bpy.types.GreasePencilFrame:
    """Add a key at `frame` of the layer that holds the shapes, the first one at the bottom."""
    shapes = list(shapes)
    key = layer.frames.new(frame)
    key.keyframe_type = keyframe_type
    if not shapes:
        return key
    drawing = cast(bpy.types.GreasePencilDrawing, key.drawing)
    sizes = [len(shape.points) for shape in shapes]
    drawing.add_strokes(sizes)
    flat = np.concatenate([np.asarray(shape.points, np.float32).reshape(-1, 2) for shape in shapes])
    positions = np.zeros((len(flat), 3), np.float32)
    positions[:, 0], positions[:, 2] = flat[:, 0], flat[:, 1]
    radii = np.concatenate([_radii(shape) for shape in shapes])
    _fill(drawing, "position", "FLOAT_VECTOR", "POINT", "vector", positions.ravel())
    _fill(drawing, "radius", "FLOAT", "POINT", "value", radii)
    _fill(drawing, "opacity", "FLOAT", "POINT", "value", np.ones(len(flat), np.float32))
    materials = [material_index(obj, shape.fill, shape.line) for shape in shapes]
    _fill(drawing, "material_index", "INT", "CURVE", "value", np.array(materials, np.int32))
    _fill(drawing, "cyclic", "BOOLEAN", "CURVE", "value", np.array([shape.closed for shape in shapes]))
    if bpy.app.version >= _FILLS_BELONG_TO_STROKES:
        fills = [number if shape.fill else 0 for number, shape in enumerate(shapes, 1)]
        _fill(drawing, "fill_id", "INT", "CURVE", "value", np.array(fills, np.int32))
        _fill(drawing, "hide_stroke", "BOOLEAN", "CURVE", "value", np.array([not shape.line for shape in shapes]))
    drawing.tag_positions_changed()
    return key


def _radii(shape: Shape) -> NDArray[Any]:
    count = len(shape.points)
    profile = np.sin(np.linspace(0.12, math.pi - 0.12, count)) ** 0.6 if shape.taper else np.ones(count)
    radii: NDArray[Any] = (profile * shape.width / 2).astype(np.float32)
    return radii


def _fill(
    drawing: bpy.types.GreasePencilDrawing, name: str, kind: str, domain: str, field: str, values: NDArray[Any]
) -> None:
    attributes = cast(Any, drawing.attributes)
    attribute = attributes.get(name) or attributes.new(name, kind, domain)
    attribute.data.foreach_set(field, values)
