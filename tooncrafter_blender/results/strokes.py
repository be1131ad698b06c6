"""The result as strokes: a new layer of the same object, with a generated key for each in-between.

Places on the canvas go back through the camera onto the plane that the artist drew on. Colours come from the
object's own materials where these have them. The artist's own drawings and keys do not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import bpy
import numpy as np

from ...backend.contract.job import Job
from ...backend.contract.strokes import KNOT, Drawing, read_drawing, strokes_path
from ...backend.errors import UserError
from ..timeline import grease_pencil, guides
from .drawing_plane import Easel, easel_of, stands_still
from .materials import Materials
from .stroke_data import fills_belong_to_strokes, write
from .traced_layers import (
    colour_layers,
    let_held_keys_step_back,
    mark_layer,
    remember_sources,
    sources,
    traced_layers,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Where Blender's renderer smooths edges it takes this much off the width of every line and off the rim of every
#: fill, in pixels (measured on discs and lines of known size). What was drawn is so much larger than what is seen.
_OFF_LINES, _OFF_FILLS = (0.45, 0.4) if bpy.app.version >= (5, 0, 0) else (0.27, 0.31)
#: A curve is shown as straight bits of about this length, in pixels.
_BIT, _MOST_BITS = 3.0, 64
_FREE = 0
_LAYER, _COLOURS = "In-betweens", "Colours"
#: Entry of `Job.source`: the artist's layer whose line drawings the job colours.
LINES = "lines"


def read_drawings(job: Job, folder: Path) -> tuple[Traced, ...]:
    """Return the traced drawings in the job folder, ready to be written. Needs nothing of Blender's data.

    Raises UserError("strokes-missing") when there is none, and what `read_drawing` raises.
    """
    frames = [frame for frame in job.wanted if strokes_path(folder, frame).is_file()]
    if not frames:
        raise UserError(
            "strokes-missing",
            f"The job folder “{folder}” holds no strokes yet.",
            "Choose to show it as strokes and retry the job: its drawings are kept and only traced.",
        )
    return tuple(read_traced(folder, frame) for frame in frames)


def read_traced(folder: Path, frame: int) -> Traced:
    """Return the traced drawing at a frame, ready to be written. Raises what `read_drawing` raises."""
    return _gather(read_drawing(folder, frame))


def add_strokes(scene: bpy.types.Scene, job: Job, drawings: Sequence[Traced]) -> tuple[str, ...]:
    """Show the drawings on a layer of the object that the job was made from; return the layer's name.

    The layer of an earlier import is taken again: only drawings whose picture has changed since are replaced, so
    that what the artist drew on the others stays. At the keys of the job the layer is empty; in between, what other
    layers hold steps back. Raises UserError: "no-object", "object-linked", "no-camera".
    """
    obj = _object(scene, job)
    layer = next((one for one in traced_layers(obj, job.id) if not grease_pencil.is_locked(one)), None)
    before = sources(obj, job.id) if layer else {}
    if layer is None:
        layer = _new_layer(obj, job)
    layer.hide = False
    changed = [drawing for drawing in drawings if before.get(drawing.frame) != drawing.source]
    keys = {key.frame_number for key in layer.frames}
    for drawing in changed:
        if drawing.frame in keys:
            layer.frames.remove(drawing.frame)
    draw_on(scene, obj, layer, changed, "GENERATED")
    remember_sources(obj, job.id, {drawing.frame: drawing.source for drawing in drawings})
    if job.settings.colouring:
        _hide_earlier_colours(obj, layer)
    let_held_keys_step_back(obj)
    return (layer.name,)


def draw_on(
    scene: bpy.types.Scene,
    obj: bpy.types.Object,
    layer: bpy.types.GreasePencilLayer,
    drawings: Sequence[Traced],
    kind: Literal["KEYFRAME", "GENERATED"],
) -> None:
    """Draw on a layer of the object, each drawing at a key of its own, where the layer has none yet."""
    materials = Materials(obj)
    for drawing, easel in zip(drawings, _easels(scene, obj, layer, [one.frame for one in drawings]), strict=True):
        key = layer.frames.new(drawing.frame)
        key.keyframe_type = kind
        assert key.drawing
        _draw(key.drawing, drawing, easel, materials)


def strokes_are_shown(scene: bpy.types.Scene, job_id: str) -> bool:
    """Tell whether a layer in the scene shows the job."""
    objects = (obj for obj in scene.objects if grease_pencil.is_grease_pencil(obj))
    return any(grease_pencil.is_shown(layer) for obj in objects for layer in traced_layers(obj, job_id))


def hide_strokes(scene: bpy.types.Scene, job: Job) -> None:
    """Hide the layers that show the job, on which the artist may have drawn, and bring back what stepped back."""
    show_strokes(scene, job, False)


def show_strokes(scene: bpy.types.Scene, job: Job, shown: bool) -> None:
    """Show or hide the layers that show the job, and have what is held under them step back or come back."""
    for obj in scene.objects:
        if grease_pencil.is_grease_pencil(obj) and (layers := traced_layers(obj, job.id)):
            for layer in layers:
                layer.hide = not shown
            let_held_keys_step_back(obj)


def _object(scene: bpy.types.Scene, job: Job) -> bpy.types.Object:
    name = job.source.get("object", "")
    obj = scene.objects.get(name)
    if obj is None or not grease_pencil.is_grease_pencil(obj):
        raise UserError(
            "no-object",
            f"The Grease Pencil object “{name}” of these drawings is not in the scene “{scene.name}”.",
            "Bring it back, or import the result as a strip or reference.",
        )
    refuse_linked(obj)
    if scene.camera is None or scene.camera.type != "CAMERA":
        raise UserError(
            "no-camera",
            "Strokes are placed as the camera saw them, but the scene has no camera.",
            "Add the camera again, or import the result as a strip.",
        )
    return obj


def refuse_linked(obj: bpy.types.Object) -> None:
    """Raise UserError("object-linked") when the object belongs to another file: what is drawn here is not saved."""
    if not (obj.is_editable and obj.data and obj.data.is_editable):
        raise UserError(
            "object-linked",
            f"“{obj.name}” is linked from another file, so nothing can be drawn on it here.",
            "Make it local, or import the result as a strip or reference.",
        )


def _new_layer(obj: bpy.types.Object, job: Job) -> bpy.types.GreasePencilLayer:
    """Return a new layer under the guides that is empty at the keys of the job."""
    data = cast(bpy.types.GreasePencil, obj.data)
    of_colours, active = job.settings.colouring, data.layers.active
    name = f"{_COLOURS if of_colours else _LAYER} {job.segments[0].first}–{job.segments[-1].last}"
    layer = data.layers.new(name)
    layer.use_lights = False  # the pictures hold the light already
    mark_layer(obj, layer, job.id, of_colours=of_colours)
    if of_colours:
        _put_under(obj, layer, job.source.get(LINES, ""))
        data.layers.active = active  # the artist goes on drawing lines
    elif guide := guides.guide_layer(obj):
        data.layers.move_top(guide)
    keys = {key.frame: key for segment in job.segments for key in (segment.start, segment.end)}
    for key in keys.values():
        if not key.stands_in:
            layer.frames.new(key.frame).keyframe_type = "GENERATED"
    return layer


def _put_under(obj: bpy.types.Object, layer: bpy.types.GreasePencilLayer, lines: str) -> None:
    """Move a new layer right below the artist's lines; to the bottom when these are gone."""
    data = cast(bpy.types.GreasePencil, obj.data)
    above = data.layers.get(lines)
    if above is None:
        data.layers.move_bottom(layer)
        return
    if above.parent_group:
        data.layers.move_to_layer_group(layer, above.parent_group)
    data.layers.move_top(layer)
    steps = 0
    order = grease_pencil.layers(obj)
    while order.index(layer) > order.index(above) and steps < len(order):
        data.layers.move(layer, "DOWN")
        order, steps = grease_pencil.layers(obj), steps + 1


def _hide_earlier_colours(obj: bpy.types.Object, layer: bpy.types.GreasePencilLayer) -> None:
    """Hide what earlier jobs made of the same frames; it is kept."""
    frames = {key.frame_number for key in layer.frames}
    for other in colour_layers(obj):
        if other != layer and frames & {key.frame_number for key in other.frames}:
            other.hide = True


def _easels(
    scene: bpy.types.Scene, obj: bpy.types.Object, layer: bpy.types.GreasePencilLayer, frames: Sequence[int]
) -> Iterable[Easel]:
    """Yield where the canvas stands at each frame."""
    if stands_still(scene, obj):
        easel = easel_of(scene, obj, layer)
        yield from (easel for _ in frames)
        return
    now, fraction = scene.frame_current, scene.frame_subframe
    try:
        for frame in frames:
            scene.frame_set(frame)
            yield easel_of(scene, obj, layer)
    finally:
        scene.frame_set(now, subframe=fraction)


@dataclass(frozen=True)
class Traced:
    """All strokes of a drawing side by side: `knots` (points, 6) in pixels; the others (strokes,) unless said.

    width, height: of the canvas in pixels. source: fingerprint of the picture that was traced.
    """

    frame: int
    width: int
    height: int
    source: str
    knots: NDArray[Any]
    sizes: NDArray[Any]
    widths: NDArray[Any]  # (points,)
    opacities: NDArray[Any]  # (points,)
    closed: NDArray[Any]
    colours: tuple[str, ...]
    fill_ids: NDArray[Any]
    resolutions: NDArray[Any]


def _draw(target: bpy.types.GreasePencilDrawing, strokes: Traced, easel: Easel, materials: Materials) -> None:
    """Write a traced drawing into an empty one of Blender, in bulk."""
    if not len(strokes.sizes):
        return
    target.add_strokes(strokes.sizes.tolist())
    target.set_types(type="BEZIER", indices=range(len(strokes.sizes)))
    places = easel.places(strokes.knots.reshape(-1, 2), strokes.width, strokes.height).reshape(-1, 3, 3)
    scale = easel.units_per_pixel(strokes.knots[:, :2], strokes.width, strokes.height)
    radii = np.where(strokes.widths > 0, (strokes.widths + _OFF_LINES) / 2 * scale, scale)
    is_fill = strokes.fill_ids > 0
    slots = [
        materials.for_fill(colour) if fill else materials.for_line(colour)
        for colour, fill in zip(strokes.colours, is_fill, strict=True)
    ]
    points = len(strokes.knots)
    write(target, "position", "FLOAT_VECTOR", "POINT", places[:, 0])
    write(target, "handle_left", "FLOAT_VECTOR", "POINT", places[:, 1])
    write(target, "handle_right", "FLOAT_VECTOR", "POINT", places[:, 2])
    write(target, "handle_type_left", "INT8", "POINT", np.full(points, _FREE))
    write(target, "handle_type_right", "INT8", "POINT", np.full(points, _FREE))
    write(target, "radius", "FLOAT", "POINT", radii)
    write(target, "opacity", "FLOAT", "POINT", strokes.opacities)
    write(target, "cyclic", "BOOLEAN", "CURVE", strokes.closed)
    write(target, "material_index", "INT", "CURVE", np.array(slots))
    write(target, "resolution", "INT", "CURVE", strokes.resolutions)
    write(target, "fill_opacity", "FLOAT", "CURVE", is_fill)
    if fills_belong_to_strokes():
        write(target, "fill_id", "INT", "CURVE", strokes.fill_ids)
        write(target, "hide_stroke", "BOOLEAN", "CURVE", is_fill)
    target.tag_positions_changed()


def _gather(drawing: Drawing) -> Traced:
    knots, widths, closed, colours, fill_ids = [], [], [], [], []
    grouped = fills_belong_to_strokes()
    for number, fill in enumerate(drawing.fills, 1):
        outlines = [
            _grown(np.array(outline).reshape(-1, KNOT), -_OFF_FILLS if is_hole else _OFF_FILLS)
            for is_hole, outline in enumerate(fill.outlines)
        ]
        for outline in outlines if grouped else [_with_slits(outlines)]:
            knots.append(outline)
            widths.append(np.zeros(len(outline)))
            closed.append(True)
            colours.append(fill.colour)
            fill_ids.append(number)
    for line in drawing.lines:
        knots.append(np.array(line.knots).reshape(-1, KNOT))
        widths.append(np.array(line.widths))
        closed.append(line.closed)
        colours.append(line.colour)
        fill_ids.append(0)
    sizes = np.array([len(part) for part in knots], np.int32)
    places = np.concatenate(knots) if knots else np.zeros((0, KNOT))
    ids = np.array(fill_ids, np.int32)
    return Traced(
        drawing.frame,
        drawing.width,
        drawing.height,
        drawing.source,
        places,
        sizes,
        np.concatenate(widths) if widths else np.zeros(0),
        np.repeat(np.where(ids > 0, 0.0, 1.0), sizes),
        np.array(closed, bool),
        tuple(colours),
        ids,
        _resolutions(places, sizes, np.array(closed, bool)),
    )


def _grown(outline: NDArray[Any], by: float) -> NDArray[Any]:
    """Return a closed outline (n, 6) moved outwards by so many pixels; inwards when negative."""
    place, arriving, leaving = outline[:, :2], outline[:, :2] - outline[:, 2:4], outline[:, 4:] - outline[:, :2]
    side = 1.0 if _turns_right(outline) else -1.0
    before, after = (
        side * np.stack([way[:, 1], -way[:, 0]], axis=1) / np.maximum(np.linalg.norm(way, axis=1), 1e-9)[:, None]
        for way in (arriving, leaving)
    )
    # At a corner both sides move out, so that the corner itself moves further.
    middle = before + after
    shift = by * middle / np.maximum((middle * middle).sum(1) / 2, 0.7)[:, None]
    return np.concatenate([place + shift, outline[:, 2:4] + shift, outline[:, 4:] + shift], axis=1)


def _with_slits(outlines: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return an outline (n, 6) with its holes led into it by slits without width, the nearest hole first.

    Before Blender 5.2 a fill is one closed stroke; this is how it can have holes.
    """
    outer, *holes = outlines
    while holes:
        gaps = [np.linalg.norm(outer[:, None, :2] - hole[None, :, :2], axis=2) for hole in holes]
        nearest = min(range(len(holes)), key=lambda index: float(gaps[index].min()))
        at, start = np.unravel_index(int(gaps[nearest].argmin()), gaps[nearest].shape)
        hole = np.roll(holes.pop(nearest), -int(start), axis=0)
        if _turns_right(hole) == _turns_right(outer):
            hole = np.roll(hole[::-1][:, [0, 1, 4, 5, 2, 3]], 1, axis=0)
        out, back = outer[at].copy(), outer[at].copy()
        into, from_ = hole[0].copy(), hole[0].copy()
        out[4:], into[2:4] = out[:2], into[:2]  # the slit is straight: handles lie on their points
        from_[4:], back[2:4] = from_[:2], back[:2]
        outer = np.concatenate([outer[:at], [out, into], hole[1:], [from_, back], outer[at + 1 :]])
    return outer


def _turns_right(outline: NDArray[Any]) -> bool:
    x, y = outline[:, 0], outline[:, 1]
    return bool(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0)


def _resolutions(knots: NDArray[Any], sizes: NDArray[Any], closed: NDArray[Any]) -> NDArray[Any]:
    """Return in how many straight bits each piece of each stroke is shown: (strokes,)."""
    if not len(sizes):
        return np.zeros(0, np.int32)
    places = knots[:, :2]
    lengths = np.linalg.norm(np.roll(places, -1, axis=0) - places, axis=1)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    lengths[ends - 1] = np.where(closed, np.linalg.norm(places[starts] - places[ends - 1], axis=1), 0)
    bits: NDArray[Any] = np.clip(np.ceil(np.maximum.reduceat(lengths, starts) / _BIT), 2, _MOST_BITS)
    return bits.astype(np.int32)
