"""A private copy of the artist's scene to capture in, so that the artist's own is left alone.

The copy shares objects and collections with the original and has settings, a current frame and a render result of
its own. Removing it is all there is to restore, apart from the few things that only the shared objects can say.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import bpy

from ...backend.errors import UserError
from ..timeline import grease_pencil, guides

#: Types of objects that Grease Pencil's own drawing does not need a render engine of the artist's choice for.
_DRAWN_BY_ANY_ENGINE = {"GREASEPENCIL", "CAMERA", "EMPTY", "LIGHT", "LIGHT_PROBE", "SPEAKER", "ARMATURE", "LATTICE"}


@contextmanager
def private_scene(
    scene: bpy.types.Scene, obj: bpy.types.Object, frame: int, size: tuple[int, int], *, whole_scene: bool
) -> Iterator[bpy.types.Scene]:
    """Yield a scene at `frame` that shows `obj` alone on nothing or all of `scene`.

    size: (width, height) in pixels of its render. Raises UserError("colour-management").
    """
    view_layer_name = view_layer_of(scene).name
    private = cast(bpy.types.Scene, scene.copy())
    try:
        if whole_scene:
            _keep_view_layer(private, private.view_layers[view_layer_name])
        else:
            _show_alone(private, obj)
        _set_up_render(private, size)
        private.frame_set(frame)
        yield private
    finally:
        bpy.data.scenes.remove(private)


def view_layer_of(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    """Return the view layer that the artist looks at, or the scene's first when the scene is not on screen."""
    context = bpy.context
    return context.view_layer if context.scene == scene and context.view_layer else scene.view_layers[0]


def _show_alone(private: bpy.types.Scene, obj: bpy.types.Object) -> None:
    contents = private.collection
    for child in list(contents.children):
        contents.children.unlink(child)
    for other in list(contents.objects):
        contents.objects.unlink(other)
    contents.objects.link(obj)
    # A new view layer: the artist's may leave Grease Pencil out or replace materials.
    _keep_view_layer(private, private.view_layers.new("Capture"))
    private.render.film_transparent = True
    private.render.use_freestyle = False
    private.render.use_motion_blur = False


def _keep_view_layer(private: bpy.types.Scene, kept: bpy.types.ViewLayer) -> None:
    kept.use = True
    for view_layer in list(private.view_layers):
        if view_layer != kept:
            private.view_layers.remove(view_layer)


def _set_up_render(private: bpy.types.Scene, size: tuple[int, int]) -> None:
    render = private.render
    if all(other.hide_render or other.type in _DRAWN_BY_ANY_ENGINE for other in private.objects):
        cast(Any, render).engine = "BLENDER_WORKBENCH"  # the same drawing, without waiting for shaders
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.dither_intensity = 0.0  # flat colours stay one colour
    render.use_border = False
    render.use_compositing = False
    render.use_sequencer = False
    render.use_multiview = False
    render.use_stamp = False
    render.use_file_extension = True
    render.use_overwrite = True
    render.use_placeholder = False
    image = render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"  # since 5.0 it decides which file formats can be chosen at all
    image.file_format = "PNG"
    image.color_mode = "RGBA"
    image.color_depth = "8"
    image.color_management = "FOLLOW_SCENE"
    try:
        _show_colours_as_painted(private)
    except TypeError as error:
        raise UserError(
            "colour-management",
            f"Blender's colour management here has no plain sRGB display ({error}).",
            "Start Blender with its own OpenColorIO configuration.",
        ) from error


def _show_colours_as_painted(private: bpy.types.Scene) -> None:
    display, view = cast(Any, private.display_settings), cast(Any, private.view_settings)
    display.display_device = "sRGB"
    view.view_transform = "Standard"
    view.look = "None"
    view.exposure, view.gamma = 0.0, 1.0
    view.use_curve_mapping = False
    view.use_white_balance = False


@contextmanager
def empty_scene(frame: int) -> Iterator[bpy.types.Scene]:
    """Yield a scene at `frame` that holds nothing."""
    empty = bpy.data.scenes.new("Capture")
    try:
        empty.frame_current = frame
        yield empty
    finally:
        bpy.data.scenes.remove(empty)


@contextmanager
def as_drawn(scene: bpy.types.Scene, obj: bpy.types.Object) -> Iterator[None]:
    """For a moment: guide layers hidden, no layer lit by lamps (colours as painted), and `obj` rendered at all."""
    changes: list[tuple[Any, str, bool]] = [(obj, "hide_render", False)]
    for other in scene.objects:
        if grease_pencil.is_grease_pencil(other):
            changes += [(layer, "use_lights", False) for layer in grease_pencil.layers(other)]
            guide = guides.guide_layer(other)
            if guide is not None:
                changes.append((guide, "hide", True))
    with ExitStack() as restored:
        for owner, name, value in changes:
            before = getattr(owner, name)
            if before != value:
                restored.callback(setattr, owner, name, before)
                setattr(owner, name, value)
        yield
