"""Runs in a Python with the bpy wheel: Blender's own Interpolate Sequence between two drawings.

stdin: {"frames": 16, "scenes": {name: [strokes of the first key, strokes of the last key]}}, a stroke being
{"points": [[x, y]…], "closed": bool} in pixels. The last line of stdout: {name: {frame: [[[x, y]…]…]}}.
"""

from __future__ import annotations

import json
import sys

import bpy
import numpy as np

PIXELS_PER_UNIT = 64.0


def interpolate(keys: list[list[dict]], frames: int) -> dict[int, list[list[list[float]]]]:
    """Return the points of every stroke on every frame between the keys."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    old = hasattr(bpy.data, "grease_pencils_v3")
    collection = bpy.data.grease_pencils_v3 if old else bpy.data.grease_pencils
    obj = bpy.data.objects.new("Art", collection.new("Art"))
    bpy.context.scene.collection.objects.link(obj)
    material = bpy.data.materials.new("Line")
    bpy.data.materials.create_gpencil_data(material)
    obj.data.materials.append(material)
    layer = obj.data.layers.new("Art")
    for number, strokes in zip((1, frames), keys, strict=True):
        drawing = layer.frames.new(number).drawing
        drawing.add_strokes([len(stroke["points"]) for stroke in strokes])
        points = np.concatenate([np.array(stroke["points"], np.float32) for stroke in strokes]) / PIXELS_PER_UNIT
        position = np.column_stack([points[:, 0], np.zeros(len(points)), -points[:, 1]]).astype(np.float32)
        drawing.attributes["position"].data.foreach_set("vector", position.ravel())
        cyclic = drawing.attributes.get("cyclic") or drawing.attributes.new("cyclic", "BOOLEAN", "CURVE")
        cyclic.data.foreach_set("value", [stroke["closed"] for stroke in strokes])
        drawing.tag_positions_changed()
    bpy.context.view_layer.objects.active = obj
    obj.select_set(True)
    obj.data.layers.active = layer
    bpy.context.scene.frame_set(frames // 2)
    bpy.ops.object.mode_set(mode="EDIT")
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.grease_pencil.interpolate_sequence(step=1, layers="ACTIVE")
    bpy.ops.object.mode_set(mode="OBJECT")
    result = {}
    for frame in layer.frames:
        result[frame.frame_number] = [
            [[p.position[0] * PIXELS_PER_UNIT, -p.position[2] * PIXELS_PER_UNIT] for p in stroke.points]
            for stroke in frame.drawing.strokes
        ]
    return result


if __name__ == "__main__":
    task = json.load(sys.stdin)
    made = {name: interpolate(keys, task["frames"]) for name, keys in task["scenes"].items()}
    print(json.dumps(made))
