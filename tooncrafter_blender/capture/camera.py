"""Where a place in the world lies in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What lies nearer than this in front of the camera, in homogeneous depth, is not drawn.
_NEAREST = 1e-4


@dataclass(frozen=True)
class View:
    """A camera that looks at a picture of `width` by `height` pixels.

    matrix: (4, 4) world to homogeneous picture coordinates. right: (3,) the camera's right in the world.
    backwards: (3,) away from what it looks at.
    """

    width: int
    height: int
    matrix: NDArray[Any]
    right: NDArray[Any]
    backwards: NDArray[Any]

    @classmethod
    def of(cls, scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> View:
        """Return how the scene's camera sees the render; the scene has a camera."""
        assert scene.camera is not None
        render = scene.render
        camera = scene.camera.evaluated_get(depsgraph)
        projection = camera.calc_matrix_camera(
            depsgraph,
            x=render.resolution_x,
            y=render.resolution_y,
            scale_x=render.pixel_aspect_x,
            scale_y=render.pixel_aspect_y,
        )
        # A camera's own scale does not change what it sees.
        placed = camera.matrix_world.normalized()
        return cls(
            render.resolution_x,
            render.resolution_y,
            np.array(projection @ placed.inverted()),
            np.array(placed)[:3, 0],
            np.array(placed)[:3, 2],
        )

    def homogeneous(self, points: NDArray[Any]) -> NDArray[Any]:
        """Return (n, 4) picture coordinates before the division by depth, of (n, 3) places in the world."""
        result: NDArray[Any] = points @ self.matrix[:, :3].T + self.matrix[:, 3]
        return result

    def pixels(self, homogeneous: NDArray[Any]) -> NDArray[Any]:
        """Return (n, 2) pixels, x to the right and y downwards from the top left corner."""
        flat = homogeneous[:, :2] / homogeneous[:, 3:]
        return np.stack([(flat[:, 0] + 1) / 2 * self.width, (1 - flat[:, 1]) / 2 * self.height], axis=1)

    def radii(self, points: NDArray[Any], homogeneous: NDArray[Any], radii: NDArray[Any]) -> NDArray[Any]:
        """Return (n,) radii in pixels of discs of (n,) radii around (n, 3) places, facing the camera."""
        beside = self.pixels(self.homogeneous(points + radii[:, None] * self.right))
        result: NDArray[Any] = np.linalg.norm(beside - self.pixels(homogeneous), axis=1)
        return result

    def area(self, points: NDArray[Any]) -> NDArray[Any]:
        """Return the outline (n, 3) as (m, 2) pixels, without what lies behind the camera."""
        corners = self.homogeneous(points)
        inside = corners[:, 3] > _NEAREST
        if not inside.all():
            corners = _cut(corners, inside)
        return self.pixels(corners)

    def depth(self, obj: bpy.types.Object) -> float:
        """Return how far along the line of sight the object's origin lies, up to a constant."""
        return float(-(self.backwards @ np.array(obj.matrix_world)[:3, 3]))

    def in_front(self, homogeneous: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell for each place whether it lies in front of the camera: (n,)."""
        visible: NDArray[np.bool_] = homogeneous[:, 3] > _NEAREST
        return visible


def _cut(corners: NDArray[Any], inside: NDArray[np.bool_]) -> NDArray[Any]:
    """Clip a polygon at the nearest depth (Sutherland and Hodgman 1974, "Reentrant Polygon Clipping")."""
    kept = []
    for index, corner in enumerate(corners):
        other = corners[index - 1]
        if inside[index] != inside[index - 1]:
            share = (_NEAREST - other[3]) / (corner[3] - other[3])
            kept.append(other + share * (corner - other))
        if inside[index]:
            kept.append(corner)
    return np.array(kept).reshape(-1, 4)
