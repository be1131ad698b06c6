"""What a Grease Pencil object looks like at the current frame, as marks in painter's order.

Read from evaluated data: modifiers, drivers and parents have done their work. A mark has places in the world and a
colour; how it becomes pixels is told in `software`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import bpy
import numpy as np

from ..timeline import grease_pencil
from . import curves

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A point without a radius of its own has this one (in object units).
_DEFAULT_RADIUS = 0.01
_DEFAULT_RESOLUTION = 12
_FLAT_CAP = 1


@dataclass(frozen=True)
class Line:
    """A pen stroke.

    points: (n, 3) in the world. radii: (n,) half its width in world units. colours: (n, 4) scene-linear, straight
    alpha. closed: the last point joins the first. flat: whether start and end are cut off instead of round.
    dots: only the points are drawn. erases: it takes away what lies below instead of covering it.
    """

    points: NDArray[Any]
    radii: NDArray[Any]
    colours: NDArray[Any]
    closed: bool = False
    flat: tuple[bool, bool] = (False, False)
    dots: bool = False
    erases: bool = False


@dataclass(frozen=True)
class Fill:
    """An area: outlines of (n, 3) in the world, inside by the even-odd rule; colour: (4,) scene-linear."""

    outlines: tuple[NDArray[Any], ...]
    colour: NDArray[Any]
    erases: bool = False


Mark: TypeAlias = Line | Fill


def marks(
    obj: bpy.types.Object, layer: bpy.types.GreasePencilLayer, frame: int, depsgraph: bpy.types.Depsgraph
) -> Iterator[Mark]:
    """Yield the marks of one layer of the original `obj`, the lowest first; `depsgraph` is evaluated at `frame`."""
    evaluated = obj.evaluated_get(depsgraph)
    evaluated_layer = next((one for one in grease_pencil.layers(evaluated) if one.name == layer.name), None)
    if evaluated_layer is None:
        return
    drawing = grease_pencil.drawing_at(evaluated_layer, frame)
    if drawing is None or not grease_pencil.stroke_count(drawing):
        return
    sheet = _Sheet(evaluated, evaluated_layer, drawing, layer_matrix(evaluated, layer, depsgraph))
    drawn_fills: set[int] = set()
    for stroke in range(sheet.count):
        style = sheet.styles[stroke]
        if style is not None and style.hide:
            continue
        fill = int(sheet.fills[stroke])
        if fill and fill not in drawn_fills:
            drawn_fills.add(fill)
            yield sheet.fill(stroke, [other for other in range(sheet.count) if sheet.fills[other] == fill])
        if sheet.lines[stroke]:
            yield sheet.line(stroke)


def outlines(
    obj: bpy.types.Object, layer: bpy.types.GreasePencilLayer, frame: int, depsgraph: bpy.types.Depsgraph
) -> Iterator[Line]:
    """Yield every stroke of one layer as an opaque black line, whatever its material and opacity say."""
    evaluated = obj.evaluated_get(depsgraph)
    evaluated_layer = next((one for one in grease_pencil.layers(evaluated) if one.name == layer.name), None)
    drawing = None if evaluated_layer is None else grease_pencil.drawing_at(evaluated_layer, frame)
    if evaluated_layer is None or drawing is None:
        return
    sheet = _Sheet(evaluated, evaluated_layer, drawing, layer_matrix(evaluated, layer, depsgraph))
    for stroke in range(sheet.count):
        points, radii, _ = sheet.pen(stroke)
        ink = np.tile(np.array([0.0, 0.0, 0.0, 1.0]), (len(points), 1))
        yield Line(points, radii, ink, closed=bool(sheet.closed[stroke]))


def layer_matrix(
    evaluated: bpy.types.Object, layer: bpy.types.GreasePencilLayer, depsgraph: bpy.types.Depsgraph
) -> NDArray[Any]:
    """Return (4, 4) from the layer's space to the world. A parent of the layer takes the object's place."""
    if layer.parent is None:
        return np.array(evaluated.matrix_world @ layer.matrix_local)
    parent = layer.parent.evaluated_get(depsgraph)
    base = parent.matrix_world
    if layer.parent_bone and parent.pose and layer.parent_bone in parent.pose.bones:
        base = base @ parent.pose.bones[layer.parent_bone].matrix
    return np.array(base @ layer.matrix_parent_inverse @ layer.matrix_local)


class _Sheet:
    """All strokes of one drawing on one layer, as arrays."""

    def __init__(
        self,
        obj: bpy.types.Object,
        layer: bpy.types.GreasePencilLayer,
        drawing: bpy.types.GreasePencilDrawing,
        matrix: NDArray[Any],
    ) -> None:
        self.offsets = grease_pencil.stroke_offsets(drawing)
        self.count = len(self.offsets) - 1
        points = int(self.offsets[-1]) if self.count > 0 else 0

        def of_points(name: str, default: Any) -> NDArray[Any]:
            return grease_pencil.attribute(drawing, name, points, default)

        def of_strokes(name: str, default: Any) -> NDArray[Any]:
            return grease_pencil.attribute(drawing, name, self.count, default)

        self.matrix = matrix
        # Lines grow with the layer; the mean of the axes is how Blender treats uneven scaling.
        self.scale = float(np.linalg.norm(matrix[:3, :3], axis=0).mean())
        self.positions = of_points("position", np.zeros(3))
        self.left, self.right = of_points("handle_left", np.zeros(3)), of_points("handle_right", np.zeros(3))
        self.radii = of_points("radius", _DEFAULT_RADIUS)
        self.opacities = of_points("opacity", 1.0) * layer.opacity
        self.vertex_colours = of_points("vertex_color", np.zeros(4))
        self.closed = of_strokes("cyclic", False).astype(bool)
        self.types = of_strokes("curve_type", curves.CATMULL_ROM)
        self.resolutions = of_strokes("resolution", _DEFAULT_RESOLUTION)
        self.caps = of_strokes("start_cap", 0), of_strokes("end_cap", 0)
        self.fill_colours = of_strokes("fill_color", np.zeros(4))
        self.fill_opacities = of_strokes("fill_opacity", 1.0) * layer.opacity
        self.styles = [_style(obj, int(index)) for index in of_strokes("material_index", 0)]
        self.fills = grease_pencil.fill_groups(drawing, self.styles)
        self.lines = grease_pencil.lines_shown(drawing, self.styles)

    def pen(self, stroke: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return the points in the world (n, 3), the radii in the world (n,) and where each lies among the control
        points of the stroke (n,), as a fractional index.
        """
        own = slice(int(self.offsets[stroke]), int(self.offsets[stroke + 1]))
        points, radii, closed = self.positions[own], self.radii[own], bool(self.closed[stroke])
        places = np.arange(len(points), dtype=float)
        kind, resolution = int(self.types[stroke]), max(int(self.resolutions[stroke]), 1)
        if len(points) > 1 and kind in (curves.BEZIER, curves.CATMULL_ROM):
            if kind == curves.BEZIER:
                curved = curves.bezier(points, self.left[own], self.right[own], resolution, closed=closed)
            else:
                curved = curves.catmull_rom(points, resolution, closed=closed)
            radii = curves.linear(radii, resolution, closed=closed)
            points, places = curved, np.minimum(np.arange(len(curved)) / resolution, places[-1])
        world = points @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        return world, np.maximum(radii, 0.0) * self.scale, places

    def line(self, stroke: int) -> Line:
        points, radii, places = self.pen(stroke)
        style = self.styles[stroke]
        own = slice(int(self.offsets[stroke]), int(self.offsets[stroke + 1]))
        base = np.array(style.color if style is not None else (0.0, 0.0, 0.0, 1.0))
        nearest = np.rint(places).astype(int)
        painted = self.vertex_colours[own][nearest]
        colours = np.empty((len(points), 4))
        colours[:, :3] = _mixed(base[:3], painted)
        colours[:, 3] = np.clip(base[3] * self.opacities[own][nearest], 0.0, 1.0)
        return Line(
            points,
            radii,
            colours,
            closed=bool(self.closed[stroke]),
            flat=(bool(self.caps[0][stroke] == _FLAT_CAP), bool(self.caps[1][stroke] == _FLAT_CAP)),
            dots=style is not None and style.mode != "LINE",
            erases=style is not None and style.use_stroke_holdout,
        )

    def fill(self, stroke: int, strokes: list[int]) -> Fill:
        style, painted = self.styles[stroke], self.fill_colours[stroke]
        base = np.array(style.fill_color if style is not None else (0.0, 0.0, 0.0, 1.0))
        colour = np.empty(4)
        colour[:3] = _mixed(base[:3], painted)
        colour[3] = np.clip(base[3] * self.fill_opacities[stroke], 0.0, 1.0)
        areas = tuple(self.pen(other)[0] for other in strokes)
        return Fill(areas, colour, erases=style is not None and style.use_fill_holdout)


def _mixed(base: NDArray[Any], painted: NDArray[Any]) -> NDArray[Any]:
    """Return the material's colour (3,) under a vertex colour (..., 4), in which the layer's tint already is."""
    mixed: NDArray[Any] = base + (painted[..., :3] - base) * painted[..., 3:]
    return mixed


def _style(obj: bpy.types.Object, index: int) -> bpy.types.MaterialGPencilStyle | None:
    if not 0 <= index < len(obj.material_slots):
        return None
    material = obj.material_slots[index].material
    return None if material is None else material.grease_pencil
