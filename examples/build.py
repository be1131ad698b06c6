"""Build the example shots as .blend files, for the Blender that runs this.

    python examples/build.py FOLDER              with the `bpy` wheel
    blender -b -P examples/build.py -- FOLDER    with Blender

They are built instead of kept because an older Blender cannot open the file of a newer one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bpy

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from examples import bounce, drawing, penguin  # noqa: E402 - found through the line above
from examples.drawing import Shape  # noqa: E402

SHOTS = ("bounce", "penguin")
GUIDE_LAYER_NAME = "In-between Guide"  # by this name the add-on knows guides
CAMERA_WIDTH = 8.0
WIDTH, HEIGHT, FPS = 640, 360, 12


def build(name: str) -> tuple[bpy.types.Scene, bpy.types.Object]:
    """Replace the open file by the shot `name`; return its scene and the object that is to be in-betweened."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    assert scene is not None
    _set_up(scene)
    if name == "bounce":
        obj = _shot(
            scene,
            "Ball",
            {"Shadow": bounce.shadow, "Ball": bounce.ball, "Outline": bounce.outline},
            bounce.KEYS,
            bounce.guide,
            bounce.GUIDES,
            bounce.background(),
        )
    elif name == "penguin":
        obj = _shot(
            scene, "Penguin", penguin.LAYERS, penguin.KEYS, penguin.guide, penguin.GUIDES, penguin.background()
        )
    else:
        raise ValueError(f"there is no shot “{name}”; there are {', '.join(SHOTS)}")
    return scene, obj


def save(name: str, path: Path) -> None:
    """Build the shot `name` and save it at `path`, which is replaced."""
    build(name)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)


def _set_up(scene: bpy.types.Scene) -> None:
    drawing.new_camera(scene, CAMERA_WIDTH)
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.fps = FPS
    settings: Any = scene.view_settings
    settings.view_transform = "Standard"  # colours on the screen as in the palette


def _shot(
    scene: bpy.types.Scene,
    name: str,
    layers: Mapping[str, Callable[[Any], list[Shape]]],
    keys: Mapping[int, Any],
    guide: Callable[[Any], list[Shape]],
    guides: Mapping[int, Any],
    background: list[Shape],
) -> bpy.types.Object:
    scene.frame_start, scene.frame_end = min(keys), max(keys)
    behind = drawing.new_object(scene, "Background")
    behind.location.y = 1.0
    drawing.draw(behind, drawing.new_layer(behind, "Background"), min(keys), background)
    obj = drawing.new_object(scene, name)
    for layer_name, shapes in layers.items():
        layer = drawing.new_layer(obj, layer_name)
        for frame, pose in keys.items():
            drawing.draw(obj, layer, frame, shapes(pose)).select = True
    layer = drawing.new_layer(obj, GUIDE_LAYER_NAME)
    layer.viewlayer_render = "(never rendered)"
    for frame, pose in guides.items():
        drawing.draw(obj, layer, frame, guide(pose)).select = False
    _make_active(obj)
    scene.frame_set(min(keys))
    return obj


def _make_active(obj: bpy.types.Object) -> None:
    view_layer = bpy.context.view_layer
    assert view_layer is not None
    view_layer.objects.active = obj
    obj.select_set(True)


def main(folder: Path) -> None:
    """Save every shot in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHOTS:
        save(name, folder / f"{name}.blend")
        print(folder / f"{name}.blend")


if __name__ == "__main__":
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    main(Path(arguments[0]) if arguments else ROOT / "demo" / "examples")
