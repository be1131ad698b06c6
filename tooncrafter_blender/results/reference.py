"""The result as pictures in the camera's view: on an empty before the camera, or as the camera's own background.

What a picture shows when is written on the image itself, so that how it is shown can be changed at any time, by
whoever finds it in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, cast

import bpy
from mathutils import Matrix

from ...backend.contract.job import Job
from ...backend.errors import UserError
from .mark import mark, marked
from .shown import Run, Shown

_FACTS = "inbetween_reference"
#: Where an image stands: 0 in the camera's frame, else so many frames to the right of it, each with a gap.
_SLOT, _BESIDE = "inbetween_slot", 1.04
#: On the images of neighbours, how many frames later they show what is seen now.
_SHIFT = "inbetween_shift"
#: Each neighbour is so much fainter than the one nearer to the current frame,
_FAINTER = 0.45
#: and so much further away, in shares of the distance, so that nearer ones are drawn over it.
_BEHIND = 1e-3


@dataclass(frozen=True)
class Look:
    """How references look.

    place: on an empty of their own, or as backgrounds of the camera. opacity: 0..1. in_front: of the artist's
    drawings instead of behind them. neighbours: how many drawings before and after the current one show through,
    each fainter than the one before, as onion skins do.
    """

    place: Literal["empty", "camera"] = "empty"
    opacity: float = 1.0
    in_front: bool = False
    neighbours: int = 0


@dataclass(frozen=True)
class _Facts:
    """What an image shows. offset: of the first frame's file from the first file. step: frames of one drawing."""

    first: int
    last: int
    offset: int
    step: int
    width: int
    height: int
    object: str


@dataclass(frozen=True)
class _Layer:
    """One of the pictures that make up a reference. shift: how many frames later it shows what is seen now."""

    shift: int
    opacity: float
    depth: int


def add_references(
    scene: bpy.types.Scene, job: Job, shown: Shown, runs: tuple[Run, ...], look: Look
) -> tuple[str, ...]:
    """Show one image for each run during its frames only; return the images' names.

    Those of this job that are there already are refreshed instead. Raises UserError("no-camera").
    """
    _camera(scene)
    images = references(scene, job.id)
    for image in images:
        for one in _group(image):
            one.reload()
    if not images:
        images = [_load(scene, job, shown, run) for run in runs]
    for image in images:
        _place(scene, image, look)
    return tuple(image.name for image in images)


def restyle(scene: bpy.types.Scene, look: Look) -> None:
    """Have all references of the scene look like this. Without a camera they stay as they are."""
    if _has_camera(scene):
        for image in references(scene):
            _place(scene, image, look)


def remove_references(scene: bpy.types.Scene, job: Job) -> None:
    """Take the references of the job out of the scene; their files stay."""
    for image in references(scene, job.id):
        _take_down(scene, image)
        for one in _group(image):
            if not one.users:
                bpy.data.images.remove(one)


def stand_beside(scene: bpy.types.Scene, job_id: str, slot: int) -> None:
    """Have the references of the job stand in the camera's frame (slot 0) or so many frames to the right of it."""
    for image in references(scene, job_id):
        for one in _group(image):
            cast(Any, one)[_SLOT] = slot
        facts = _facts(image)
        for empty in _empties(scene, image):
            _stand_empty(empty, facts, slot)
        for camera in _cameras(scene):
            for background in _backgrounds(camera, image):
                background.offset = (slot * _BESIDE, 0.0)


def is_beside(scene: bpy.types.Scene, job_id: str) -> bool:
    """Tell whether the references of the job stand beside the camera's frame."""
    return any(_slot(image) > 0 for image in references(scene, job_id))


def references(scene: bpy.types.Scene, job_id: str | None = None) -> list[bpy.types.Image]:
    """Return the images that are references of the job, or of any, in the scene."""
    images = [
        image for image in bpy.data.images if _facts_on(image) and not _shift(image) and _standing(scene, image)
    ]
    return images if job_id is None else marked(images, job_id)


def _camera(scene: bpy.types.Scene) -> bpy.types.Object:
    if not _has_camera(scene):
        raise UserError(
            "no-camera",
            "A reference fills the camera's view, but the scene has no camera.",
            "Add a camera, or import the result as a strip.",
        )
    assert scene.camera
    return scene.camera


def _has_camera(scene: bpy.types.Scene) -> bool:
    return scene.camera is not None and isinstance(scene.camera.data, bpy.types.Camera)


def _load(scene: bpy.types.Scene, job: Job, shown: Shown, run: Run) -> bpy.types.Image:
    image = bpy.data.images.load(str(shown.file(run.first)), check_existing=False)
    image.name = f"In-betweens {run.first}–{run.last}"
    image.source = "SEQUENCE"
    image.alpha_mode = "STRAIGHT"
    assert image.colorspace_settings
    image.colorspace_settings.name = "sRGB"  # type: ignore[assignment]
    drawn = [run.first, *(frame for frame in job.wanted if run.first < frame < run.last), run.last]
    facts = _Facts(
        run.first,
        run.last,
        run.first - shown.first,
        min(after - before for before, after in pairwise(drawn)),
        job.canvas.width,
        job.canvas.height,
        job.source.get("object", ""),
    )
    cast(Any, image)[_FACTS] = json.dumps(asdict(facts))
    mark(image, job.id)
    return image


def _slot(image: bpy.types.Image) -> int:
    return int(cast(Any, image).get(_SLOT, 0))


def _stand_empty(empty: bpy.types.Object, facts: _Facts, slot: int) -> None:
    """Move an empty from the slot where it stands to another; a move of the artist's stays in it."""
    width = empty.scale.x * facts.width / max(facts.width, facts.height)
    empty.location.x += (slot - int(cast(Any, empty).get(_SLOT, 0))) * width * _BESIDE
    cast(Any, empty)[_SLOT] = slot


def _facts(image: bpy.types.Image) -> _Facts:
    return _Facts(**json.loads(_facts_on(image)))


def _facts_on(image: bpy.types.Image) -> str:
    return str(cast(Any, image).get(_FACTS, ""))


def _shift(image: bpy.types.Image) -> int:
    return int(cast(Any, image).get(_SHIFT, 0))


def _group(image: bpy.types.Image) -> list[bpy.types.Image]:
    """Return the image and those of its neighbours, the nearest first."""
    job = cast(Any, image).get("inbetween_job")
    images = [one for one in marked(bpy.data.images, job) if _facts_on(one) == _facts_on(image)]
    return sorted(images, key=lambda one: (abs(_shift(one)), -_shift(one)))


def _shifted(image: bpy.types.Image, shift: int) -> bpy.types.Image:
    """Return the image itself, or its copy for a neighbour: one image shows one of its frames at a time only."""
    found = next((one for one in _group(image) if _shift(one) == shift), None)
    if found is None:
        found = cast(bpy.types.Image, image.copy())
        found.name = f"{image.name} {-shift:+d}"
        cast(Any, found)[_SHIFT] = shift
    return found


def _layers(facts: _Facts, look: Look) -> list[_Layer]:
    """Return the pictures that make up a reference: what is seen now, then its neighbours by distance."""
    layers = [_Layer(0, look.opacity, 0)]
    for distance in range(1, look.neighbours + 1):
        faint = look.opacity * _FAINTER**distance
        layers += [_Layer(sign * distance * facts.step, faint, distance) for sign in (1, -1)]
    return layers


def _place(scene: bpy.types.Scene, image: bpy.types.Image, look: Look) -> None:
    """Put the image up as it is to look; what stands already is changed where that is enough."""
    facts = _facts(image)
    layers = _layers(facts, look)
    if look.place == "camera":
        _place_in_camera(scene, image, facts, layers, look)
    else:
        _place_on_empties(scene, image, facts, layers, look)
    for one in _group(image):
        if not one.users:
            bpy.data.images.remove(one)


def _standing(scene: bpy.types.Scene, image: bpy.types.Image) -> bool:
    return bool(_empties(scene, image)) or any(_backgrounds(camera, image) for camera in _cameras(scene))


def _take_down(scene: bpy.types.Scene, image: bpy.types.Image) -> None:
    _remove_empties(_empties(scene, image))
    for camera in _cameras(scene):
        for background in reversed(_backgrounds(camera, image)):
            background.image = None  # Blender goes on counting it as a user of the image otherwise
            camera.background_images.remove(background)


# --- on empties -----------------------------------------------------------------------------------------------


def _place_on_empties(
    scene: bpy.types.Scene, image: bpy.types.Image, facts: _Facts, layers: list[_Layer], look: Look
) -> None:
    empties = _empties(scene, image)
    if len(empties) != len(layers):
        images = [_shifted(image, layer.shift) for layer in layers]
        _take_down(scene, image)
        empties = [_new_empty(scene, one, facts, layer) for one, layer in zip(images, layers, strict=True)]
    for empty, layer in zip(empties, layers, strict=True):
        empty.empty_image_depth = "FRONT" if look.in_front else "BACK"
        empty.color = (1.0, 1.0, 1.0, layer.opacity)  # type: ignore[assignment]


def _empties(scene: bpy.types.Scene, image: bpy.types.Image) -> list[bpy.types.Object]:
    """Return the empties that show the image and its neighbours, in the order of `_layers`."""
    images = _group(image)
    found = [obj for obj in scene.objects if obj.type == "EMPTY" and cast(Any, obj.data) in images]
    return sorted(found, key=lambda obj: images.index(cast(Any, obj.data)))


def _remove_empties(empties: Iterable[bpy.types.Object]) -> None:
    for empty in empties:
        action = empty.animation_data.action if empty.animation_data else None
        bpy.data.objects.remove(empty)
        if action and not action.users:
            bpy.data.actions.remove(action)


def _new_empty(scene: bpy.types.Scene, image: bpy.types.Image, facts: _Facts, layer: _Layer) -> bpy.types.Object:
    camera = _camera(scene)
    empty = bpy.data.objects.new(image.name, None)
    empty.empty_display_type = "IMAGE"
    empty.data = image  # type: ignore[assignment]
    empty.use_empty_image_alpha = True
    empty.hide_select = True  # it fills the view and would be picked instead of what is drawn on it
    _play(empty.image_user, scene, facts, layer)
    scene.collection.objects.link(empty)
    empty.parent = camera
    empty.matrix_parent_inverse = Matrix.Identity(4)
    _fit(empty, scene, camera, facts, _distance(scene, camera, facts.object) * (1 + _BEHIND * layer.depth))
    first, last = facts.first + max(0, layer.shift), facts.last + min(0, layer.shift)
    _show_during(empty, first, last, scene.frame_current)
    mark(empty, cast(Any, image)["inbetween_job"])
    _stand_empty(empty, facts, _slot(image))
    return empty


def _play(user: bpy.types.ImageUser, scene: bpy.types.Scene, facts: _Facts, layer: _Layer) -> None:
    """Have the image show its drawings at their frames, so many frames later."""
    length = facts.last - facts.first + 1
    user.frame_start = facts.first + layer.shift
    user.frame_duration = length
    user.frame_offset = facts.offset
    user.use_auto_refresh = True
    # Blender works this out when the frame changes next; until then it would look for picture number 0.
    user.frame_current = facts.offset + min(max(scene.frame_current - user.frame_start + 1, 1), length)


def _fit(
    empty: bpy.types.Object, scene: bpy.types.Scene, camera: bpy.types.Object, facts: _Facts, distance: float
) -> None:
    """Make the picture fill the camera's frame exactly, at `distance` in front of it (in the camera's units).

    `view_frame` gives the frame's corners in the camera's own space, lens shift and sensor fit included. In
    perspective they lie on rays from the camera; in orthographic view their width is the same at every depth.
    """
    data = camera.data
    assert isinstance(data, bpy.types.Camera)
    corners = [corner.copy() for corner in data.view_frame(scene=scene)]
    if data.type != "ORTHO":
        corners = [corner * (distance / -corner.z) for corner in corners]
    left, right = min(c.x for c in corners), max(c.x for c in corners)
    bottom, top = min(c.y for c in corners), max(c.y for c in corners)
    # Blender draws the longer side of the picture `empty_display_size` long and the other in proportion.
    longer = max(facts.width, facts.height)
    empty.empty_display_size = 1.0
    empty.location = ((left + right) / 2, (bottom + top) / 2, -distance)
    empty.scale = ((right - left) * longer / facts.width, (top - bottom) * longer / facts.height, 1.0)


def _distance(scene: bpy.types.Scene, camera: bpy.types.Object, name: str) -> float:
    """Return how far in front of the camera the drawn object lies, in the camera's units, within its clipping."""
    data = camera.data
    assert isinstance(data, bpy.types.Camera)
    nearest, farthest = data.clip_start * 1.01, data.clip_end * 0.99
    drawn = scene.objects.get(name)
    if drawn is None:
        return min(max(10.0, nearest), farthest)
    depth = -(camera.matrix_world.inverted_safe() @ drawn.matrix_world.translation).z
    return min(max(depth, nearest), farthest)


def _show_during(empty: bpy.types.Object, first: int, last: int, now: int) -> None:
    """Hide the picture outside of its frames, where an image sequence goes on showing its first or last file."""
    for frame, hidden in ((first - 1, True), (first, False), (last + 1, True)):
        empty.hide_viewport = hidden
        empty.keyframe_insert("hide_viewport", frame=frame)
    empty.hide_viewport = not first <= now <= last


# --- in the camera --------------------------------------------------------------------------------------------


def _place_in_camera(
    scene: bpy.types.Scene, image: bpy.types.Image, facts: _Facts, layers: list[_Layer], look: Look
) -> None:
    camera = cast(bpy.types.Camera, _camera(scene).data)
    backgrounds = _backgrounds(camera, image)
    if len(backgrounds) != len(layers):
        images = [_shifted(image, layer.shift) for layer in layers]
        _take_down(scene, image)
        backgrounds = [
            _new_background(scene, camera, one, facts, layer)
            for one, layer in zip(reversed(images), reversed(layers), strict=True)
        ]
    for background, layer in zip(backgrounds, reversed(layers), strict=True):
        background.display_depth = "FRONT" if look.in_front else "BACK"
        background.alpha = layer.opacity
    camera.show_background_images = True


def _cameras(scene: bpy.types.Scene) -> list[bpy.types.Camera]:
    return [obj.data for obj in scene.objects if isinstance(obj.data, bpy.types.Camera)]


def _backgrounds(camera: bpy.types.Camera, image: bpy.types.Image) -> list[bpy.types.CameraBackgroundImage]:
    images = _group(image)
    return [background for background in camera.background_images if background.image in images]


def _new_background(
    scene: bpy.types.Scene, camera: bpy.types.Camera, image: bpy.types.Image, facts: _Facts, layer: _Layer
) -> bpy.types.CameraBackgroundImage:
    background = camera.background_images.new()
    background.image = image
    background.frame_method = "STRETCH"  # the picture was captured through this frame
    background.show_expanded = False
    background.offset = (_slot(image) * _BESIDE, 0.0)
    _play(background.image_user, scene, facts, layer)
    return background
