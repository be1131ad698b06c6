"""The Blender half of the tracing benchmark: renders the clips, and what was traced of them.

    python benchmarks/tracing_clips/in_blender.py draw FOLDER EVERY      CLIP/frames/0001.png …
    python benchmarks/tracing_clips/in_blender.py redraw FOLDER EVERY    CLIP/strokes -> CLIP/redrawn/0001.png …

Needs the `bpy` wheel, or Blender with the same arguments after `--`. Prints one JSON line for each clip.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import bpy

ROOT = Path(__file__).resolve().parents[2]
# The checkout is itself a package, the extension; its parts find each other through it.
sys.path[:0] = [str(ROOT), str(ROOT.parent)]

from benchmarks.tracing_clips import FRAMES, HEIGHT, WIDTH  # noqa: E402
from benchmarks.tracing_clips.drawn import CAMERA_WIDTH, CLIPS, background  # noqa: E402
from examples import drawing  # noqa: E402


def build(name: str) -> tuple[Any, Any]:
    """Replace the open file by a clip with every frame drawn; return its scene and object."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    assert scene
    drawing.new_camera(scene, CAMERA_WIDTH)
    render = scene.render
    render.engine = "BLENDER_WORKBENCH"
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, 100
    render.dither_intensity = 0
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    scene.view_settings.view_transform = "Standard"
    obj = drawing.new_object(scene, name)
    behind, art = drawing.new_layer(obj, "Background"), drawing.new_layer(obj, "Art")
    drawing.draw(obj, behind, 1, background())
    for frame in range(1, FRAMES + 1):
        drawing.draw(obj, art, frame, CLIPS[name]((frame - 1) / (FRAMES - 1)))
    return scene, obj


def render_frames(scene: Any, folder: Path, every: int = 1) -> None:
    """Render every so many frames into the folder."""
    for frame in range(1, FRAMES + 1, every):
        scene.frame_set(frame)
        scene.render.filepath = str(folder / f"{frame:04d}.png")
        bpy.ops.render.render(write_still=True)


def points(layer: Any, frame: int) -> int:
    """Return how many points the layer shows at a frame."""
    return sum(len(stroke.points) for stroke in layer.get_frame_at(frame).drawing.strokes)


def redraw(name: str, folder: Path, every: int) -> dict[str, object]:
    """Bring the traced strokes of a clip in as the add-on does, and render them alone."""
    import importlib

    job = importlib.import_module(f"{ROOT.name}.backend.contract.job")
    strokes = importlib.import_module(f"{ROOT.name}.tooncrafter_blender.results.strokes")
    scene, obj = build(name)
    keys = job.Picture(0, "keys/0000.png"), job.Picture(FRAMES + 1, "keys/0017.png")
    frames = tuple(range(1, FRAMES + 1))
    source = {"object": obj.name}
    canvas = job.Canvas(WIDTH, HEIGHT, 12)
    told = job.Job(name, "draft", canvas, (job.Segment(*keys, frames),), source=source)
    begun = time.perf_counter()
    (layer_name,) = strokes.add_strokes(scene, told, strokes.read_drawings(told, folder / name))
    seconds = time.perf_counter() - begun
    own = [layer for layer in obj.data.layers if layer.name != layer_name]
    traced = obj.data.layers[layer_name]
    for layer in own:
        layer.hide = True
    render_frames(scene, folder / name / "redrawn", every)
    return {
        "clip": name,
        "import_seconds": round(seconds, 3),
        "points": sum(points(traced, frame) for frame in frames) / FRAMES,
        "drawn_points": sum(points(layer, frame) for layer in own for frame in frames) / FRAMES,
    }


if __name__ == "__main__":
    what, place, step = sys.argv[-3:]
    for clip in CLIPS:
        if what == "draw":
            render_frames(build(clip)[0], Path(place) / clip / "frames")
        else:
            print("RESULT " + json.dumps(redraw(clip, Path(place), int(step))), flush=True)
