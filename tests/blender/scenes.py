"""Scenes with known colours for the tests in real Blender."""

from __future__ import annotations

import bpy
import numpy as np

from examples import drawing
from examples.drawing import Shape

WIDTH, HEIGHT, CAMERA_WIDTH = 160, 100, 8.0

#: Flat palette colours, far apart, with very dark and very light ones.
PALETTE = ("#e6453b", "#f4c430", "#3f7fc8", "#2f8f46", "#16141c", "#fbe9d2", "#ffffff", "#804080")
INK = "#16141c"


def empty_scene(width: int = WIDTH, height: int = HEIGHT) -> bpy.types.Scene:
    """Start over: nothing but a camera that sees `CAMERA_WIDTH` units from the front; the add-on stays enabled."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
    scene.render.fps = 12
    scene.frame_start, scene.frame_end = 1, 24
    drawing.new_camera(scene, CAMERA_WIDTH)
    return scene


def rectangle(left: float, bottom: float, right: float, top: float) -> list[drawing.Point]:
    return [(left, bottom), (right, bottom), (right, top), (left, top)]


def box(x: float, fill: str = PALETTE[0], *, size: float = 1.0, line: str | None = INK) -> Shape:
    """A filled square around (x, 0)."""
    return Shape(rectangle(x - size / 2, -size / 2, x + size / 2, size / 2), fill, line)


def new_object(
    scene: bpy.types.Scene, keys: dict[int, list[Shape]], *, name: str = "Art", layer: str = "Lines"
) -> bpy.types.Object:
    """A Grease Pencil object, active and selected, with one layer that holds these keys."""
    obj = drawing.new_object(scene, name)
    add_layer(obj, layer, keys)
    bpy.context.view_layer.objects.active = obj
    obj.select_set(True)
    return obj


def add_layer(obj: bpy.types.Object, name: str, keys: dict[int, list[Shape]]) -> bpy.types.GreasePencilLayer:
    layer = drawing.new_layer(obj, name)
    for frame, shapes in keys.items():
        drawing.draw(obj, layer, frame, shapes).select = False
    return layer


def moving_box(scene: bpy.types.Scene, *frames: int) -> bpy.types.Object:
    """An object with one key at each frame; the box moves to the right."""
    return new_object(scene, {frame: [box(-2 + index)] for index, frame in enumerate(frames)})


def palette_patches(colours: tuple[str, ...] = PALETTE) -> list[Shape]:
    """Squares without lines side by side, each one unit wide, from the left edge of the camera's view."""
    return [Shape(rectangle(-4 + index, -1, -3 + index, 1), fill, None) for index, fill in enumerate(colours)]


def picture(path: object) -> np.ndarray:
    """Return the PNG as (height, width, 4) or (height, width) numbers 0..255, top row first."""
    from PIL import Image  # part of the test environment, not of the add-on

    with Image.open(str(path)) as image:
        return np.asarray(image).copy()


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[index : index + 2], 16) for index in range(1, 7, 2))
