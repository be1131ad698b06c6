"""What drivers have to draw and to look at: a creature that leaps."""

from __future__ import annotations

import math
from collections.abc import Iterable

import bpy
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector

from examples import drawing
from tests.gui import driver, sidebar
from tests.gui.driver import Story

INK, RED, CREAM, DARK = "#241a26", "#e6453b", "#fbe9d2", "#16141c"
CAMERA_WIDTH = 12.0
#: (x, y, width, height, turn) of the creature at its keys.
POSES = ((-3.5, -1.4, 2.2, 1.5, 0.1), (0.0, 1.3, 1.7, 2.2, -0.15), (3.5, -1.4, 2.2, 1.5, -0.1))


def ellipse(x: float, y: float, width: float, height: float, turn: float = 0.0) -> list[drawing.Point]:
    cos, sin = math.cos(turn), math.sin(turn)
    circle = [(math.cos(a) * width / 2, math.sin(a) * height / 2) for a in (i * math.tau / 40 for i in range(40))]
    return [(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in circle]


def creature(x: float, y: float, width: float, height: float, turn: float) -> list[drawing.Shape]:
    """A ball with eyes and a smile."""

    def at(u: float, v: float) -> tuple[float, float]:
        cos, sin = math.cos(turn), math.sin(turn)
        u, v = u * width, v * height
        return x + u * cos - v * sin, y + u * sin + v * cos

    smile = [at(0.22 * math.sin(a), -0.12 - 0.1 * math.cos(a)) for a in (i * 0.25 - 1.25 for i in range(11))]
    return [
        drawing.Shape(ellipse(x, y, width, height, turn), RED, INK, 0.09),
        *(drawing.Shape(ellipse(*at(side * 0.16, 0.12), 0.3, 0.42, turn), CREAM, INK, 0.05) for side in (-1, 1)),
        *(drawing.Shape(ellipse(*at(side * 0.14, 0.09), 0.12, 0.18, turn), DARK, None) for side in (-1, 1)),
        drawing.Shape(smile, None, INK, 0.07, closed=False),
    ]


def stage(first: int, last: int, size: tuple[int, int]) -> bpy.types.Scene:
    """The 2D Animation template with nothing in it but a camera; return its scene."""
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.wm.read_homefile(app_template="2D_Animation")
    scene = driver.window().scene
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.fps = 24
    scene.frame_start, scene.frame_end = first, last
    drawing.new_camera(scene, CAMERA_WIDTH)
    return scene


def build(frames: tuple[int, ...] = (1, 25, 49), size: tuple[int, int] = (1280, 720)) -> bpy.types.Object:
    """A shot in the 2D Animation template: the creature leaps, with a key at each of the frames, all selected."""
    scene = stage(frames[0], frames[-1], size)
    obj = drawing.new_object(scene, "Creature")
    layer = drawing.new_layer(obj, "Art")
    for frame, pose in zip(frames, POSES, strict=False):
        drawing.draw(obj, layer, frame, creature(*pose)).select = True
    view_layer = driver.window().view_layer
    view_layer.objects.active = obj
    obj.select_set(True)
    scene.frame_set(min(frames[0] + 8, frames[-1] - 1))
    return obj


def look_through_camera(view: bpy.types.Area) -> Story:
    """Look through the camera without shaders that would have to be compiled first, with the tab open."""
    space = view.spaces.active
    space.shading.type = "SOLID"
    space.shading.color_type = "MATERIAL"
    space.region_3d.view_perspective = "CAMERA"
    yield from sidebar.show(view)
    for _ in range(3):
        yield 0.7
        view.tag_redraw()


def move_key(old: int, new: int) -> None:
    """Move a key of the creature, with all keys selected afterwards."""
    frames = bpy.data.objects["Creature"].data.layers[0].frames
    frames.move(old, new)
    for key in frames:
        key.select = True


def on_screen(places: Iterable[drawing.Point]) -> list[tuple[float, float]]:
    """Where places of the drawing are on the screen, in window pixels from the bottom left."""
    view = driver.area("VIEW_3D")
    inside = driver.region("WINDOW", view)
    seen = [location_3d_to_region_2d(inside, view.spaces.active.region_3d, Vector((x, 0.0, y))) for x, y in places]
    return [(inside.x + place.x, inside.y + place.y) for place in seen]


def viewport() -> tuple[int, int, int, int]:
    """Where viewport and sidebar are on the screen."""
    view = driver.area("VIEW_3D")
    return view.x, view.y, view.width, view.height


def canvas() -> tuple[int, int, int, int]:
    """Where the picture of the viewport is on the screen, without the sidebar."""
    inside = driver.region("WINDOW", driver.area("VIEW_3D"))
    return inside.x, inside.y, inside.width, inside.height
