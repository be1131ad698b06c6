"""The plane that the artist draws on, and how places on the canvas come to lie on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from ..capture.camera import View
from ..capture.strokes import layer_matrix
from ..timeline import grease_pencil
from .stroke_data import positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Strokes lie in a plane when they stray from it by less than this share of their extent.
_FLAT = 1e-3
#: A plane that the camera sees at less than this sine is seen edge on: nothing can be drawn on it from there.
_EDGE_ON = 0.05
#: No more points than this are asked where the plane lies.
_ENOUGH = 4000


@dataclass(frozen=True)
class Easel:
    """How a layer lies before the camera.

    from_view: (4, 4) from homogeneous picture coordinates to the world. to_layer: (4, 4) from the world into the
    layer's space. point, normal: (3,) the plane in the world. scale: how much the layer enlarges lines.
    """

    view: View
    from_view: NDArray[Any]
    to_layer: NDArray[Any]
    point: NDArray[Any]
    normal: NDArray[Any]
    scale: float

    def places(self, pixels: NDArray[Any], width: int, height: int) -> NDArray[Any]:
        """Return (n, 3) places in the layer's space of (n, 2) pixels on a canvas of this size."""
        world = self._world(pixels, width, height)
        local: NDArray[Any] = _times(self.to_layer[:3, :3], world) + self.to_layer[:3, 3]
        return local

    def units_per_pixel(self, pixels: NDArray[Any], width: int, height: int) -> NDArray[Any]:
        """Return (n,) how long a pixel is there, facing the camera, in the units of the layer's line radii."""
        world = self._world(pixels, width, height)
        seen = self.view.radii(world, self.view.homogeneous(world), np.full(len(world), self.scale))
        units: NDArray[Any] = self.view.width / width / np.maximum(seen, 1e-9)
        return units

    def _world(self, pixels: NDArray[Any], width: int, height: int) -> NDArray[Any]:
        """Where the rays through the pixels meet the plane."""
        x, y = pixels[:, 0] / width * 2 - 1, 1 - pixels[:, 1] / height * 2
        near, far = (self._unproject(x, y, depth) for depth in (-1.0, 0.5))
        ray = far - near
        along = _times(self.normal[None], self.point - near)[:, 0] / _times(self.normal[None], ray)[:, 0]
        met: NDArray[Any] = near + along[:, None] * ray
        return met

    def _unproject(self, x: NDArray[Any], y: NDArray[Any], depth: float) -> NDArray[Any]:
        corners = _times(self.from_view, np.column_stack([x, y, np.full(len(x), depth), np.ones(len(x))]))
        flat: NDArray[Any] = corners[:, :3] / corners[:, 3:]
        return flat


def _times(matrix: NDArray[Any], places: NDArray[Any]) -> NDArray[Any]:
    """Return the matrix (k, d) times each of the places (n, d): (n, k).

    In one thread: numpy's matrix product wakes others, and waits for them where jobs keep all processors busy.
    """
    product: NDArray[Any] = np.einsum("kd,nd->nk", matrix, places)
    return product


def easel_of(scene: bpy.types.Scene, obj: bpy.types.Object, layer: bpy.types.GreasePencilLayer) -> Easel:
    """Return how the layer of the object lies before the scene's camera now."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    view = View.of(scene, depsgraph)
    evaluated = obj.evaluated_get(depsgraph)
    matrix = layer_matrix(evaluated, layer, depsgraph)
    point, normal = _plane(obj, evaluated, depsgraph, view)
    scale = float(np.linalg.norm(matrix[:3, :3], axis=0).mean())
    return Easel(view, np.linalg.inv(view.matrix), np.linalg.inv(matrix), point, normal, scale)


def _plane(
    obj: bpy.types.Object, evaluated: bpy.types.Object, depsgraph: bpy.types.Depsgraph, view: View
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a point and the normal of the plane in which the object's strokes lie.

    Strokes that lie in none, or none at all, leave the object's own front; one seen edge on gives way to the plane
    that faces the camera.
    """
    places = _stroke_places(obj, evaluated, depsgraph)
    matrix = np.array(evaluated.matrix_world)
    point = places.mean(0) if len(places) else matrix[:3, 3]
    normal = np.linalg.inv(matrix[:3, :3]).T @ np.array([0.0, 1.0, 0.0])
    if len(places) >= 3:
        _, extents, axes = np.linalg.svd(places - point, full_matrices=False)
        if extents[1] > _FLAT * extents[0] and extents[2] < _FLAT * extents[0]:
            normal = axes[2]
        elif extents[2] >= _FLAT * extents[0]:
            normal = view.backwards
    normal = normal / np.linalg.norm(normal)
    # In perspective the way to the plane is not the camera's axis.
    inverse = np.linalg.inv(view.matrix)
    near, far = (inverse @ np.array([0.0, 0.0, depth, 1.0]) for depth in (-1.0, 0.5))
    ray = far[:3] / far[3] - near[:3] / near[3]
    if abs(float(ray @ normal)) < _EDGE_ON * float(np.linalg.norm(ray)):
        normal = view.backwards
    return point, normal


def _stroke_places(
    obj: bpy.types.Object, evaluated: bpy.types.Object, depsgraph: bpy.types.Depsgraph
) -> NDArray[Any]:
    """Return places (n, 3) in the world of points of the object's strokes, from all its keys."""
    found = []
    for layer in grease_pencil.layers(obj):
        matrix = layer_matrix(evaluated, layer, depsgraph)
        for key in layer.frames:
            if key.drawing is None:
                continue
            local = positions(key.drawing)
            found.append(local[:: max(1, len(local) // 200)] @ matrix[:3, :3].T + matrix[:3, 3])
    if not found:
        return np.zeros((0, 3))
    places = np.concatenate(found).astype(float)
    return places[:: max(1, len(places) // _ENOUGH)]


def stands_still(scene: bpy.types.Scene, obj: bpy.types.Object) -> bool:
    """Tell whether neither the camera nor anything that carries the drawing can move over time."""
    carriers: list[bpy.types.Object | None] = [scene.camera, obj]
    carriers += [layer.parent for layer in grease_pencil.layers(obj)]
    while carriers:
        carrier = carriers.pop()
        if carrier is None:
            continue
        data = carrier.data
        animated = carrier.animation_data or (data and data.animation_data and data != obj.data)
        if animated or len(carrier.constraints):
            return False
        carriers.append(carrier.parent)
    return not any(marker.camera for marker in scene.timeline_markers)
