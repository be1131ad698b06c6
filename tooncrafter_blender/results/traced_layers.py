"""Layers that hold traced drawings: which job each shows, what was traced, and what must not show under them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

import bpy
import numpy as np

from ..timeline import grease_pencil, guides, held

#: On each layer a number made from the id of the job that it shows, 0 on the artist's own. Layers have no custom
#: properties, but attributes; of texts on layers Blender 5.2 loses track when layers are moved.
_JOB = "inbetween_job"
#: On each layer 1 when it shows the colours of the artist's lines and nothing else.
_COLOURS = "inbetween_colours"
#: On the object's data: of each job which picture, by fingerprint, the drawing at each frame was traced from.
_SOURCES = "inbetween_traced"
_LAST = 2**20


def mark_layer(
    obj: bpy.types.Object, layer: bpy.types.GreasePencilLayer, job_id: str, *, of_colours: bool = False
) -> None:
    """Write on the layer that it shows the job; of_colours: nothing but the colours of the artist's lines."""
    for name, value in ((_JOB, _number(job_id)), (_COLOURS, int(of_colours))):
        data = cast(Any, obj.data)
        marks = data.attributes.get(name) or data.attributes.new(name, "INT", "LAYER")
        marks.data[grease_pencil.layers(obj).index(layer)].value = value


def _number(job_id: str) -> int:
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:4]) >> 1 or 1


def jobs_of_layers(obj: bpy.types.Object) -> list[int]:
    """Return for each layer, the bottom one first, the number of the job that it shows; 0 for the artist's own."""
    return _marks(obj, _JOB)


def _marks(obj: bpy.types.Object, name: str) -> list[int]:
    """Return a number for each layer, the bottom one first; 0 where nothing is written."""
    layers = grease_pencil.layers(obj)
    marks = cast(Any, obj.data).attributes.get(name)
    if marks is None or marks.data_type != "INT" or len(marks.data) != len(layers):
        return [0] * len(layers)
    return [mark.value for mark in marks.data]


def artists_layers(obj: bpy.types.Object) -> list[bpy.types.GreasePencilLayer]:
    """Return the artist's own layers, the bottom one first: neither guides nor results."""
    guide = guides.guide_layer(obj)
    layers = zip(grease_pencil.layers(obj), jobs_of_layers(obj), strict=True)
    return [layer for layer, job in layers if not job and layer != guide]


def colour_layers(obj: bpy.types.Object) -> list[bpy.types.GreasePencilLayer]:
    """Return the layers that show the colours of the artist's lines, made by jobs."""
    layers = zip(grease_pencil.layers(obj), jobs_of_layers(obj), _marks(obj, _COLOURS), strict=True)
    return [layer for layer, job, of_colours in layers if job and of_colours]


def traced_layers(obj: bpy.types.Object, job_id: str) -> list[bpy.types.GreasePencilLayer]:
    """Return the layers that show the job."""
    layers, number = grease_pencil.layers(obj), _number(job_id)
    return [layer for layer, job in zip(layers, jobs_of_layers(obj), strict=True) if job == number]


def has_traced_layers(obj: bpy.types.Object) -> bool:
    """Tell whether any layer of the object shows a job."""
    return grease_pencil.is_grease_pencil(obj) and any(jobs_of_layers(obj))


def sources(obj: bpy.types.Object, job_id: str) -> dict[int, str]:
    """Return which picture, by fingerprint, the job's drawing at each frame was traced from when it came in."""
    found = _all_sources(obj).get(job_id, {})
    return {int(frame): source for frame, source in found.items()}


def remember_sources(obj: bpy.types.Object, job_id: str, sources: Mapping[int, str]) -> None:
    """Write down what `sources` returns."""
    kept = _all_sources(obj) | {job_id: {str(frame): source for frame, source in sources.items()}}
    cast(Any, obj.data)[_SOURCES] = json.dumps(kept)


def _all_sources(obj: bpy.types.Object) -> dict[str, dict[str, str]]:
    try:
        found = json.loads(cast(Any, obj.data).get(_SOURCES, "{}"))
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def let_held_keys_step_back(obj: bpy.types.Object) -> None:
    """Hide what the artist's layers hold while traced drawings are shown, and show it where none are any more.

    A layer that holds nothing when the traced drawings begin, such as one for cleaning up, goes on being shown.
    Under mere colours, lines of any layer stay, and so does what has a key of its own there.
    """
    of_colours = colour_layers(obj)
    shown = zip(grease_pencil.layers(obj), jobs_of_layers(obj), strict=True)
    covered = [
        (stretch, layer in of_colours)
        for layer, job in shown
        if job and grease_pencil.is_shown(layer)
        for stretch in _drawn(layer)
    ]
    for layer in artists_layers(obj):
        hidden = []
        for (start, end), by_colours in covered:
            key = layer.get_frame_at(start)
            if key and not (by_colours and (key.frame_number == start or not has_fills(obj, key.drawing))):
                hidden.append((start, end))
        held.hide_during(obj, layer, hidden)


def has_fills(obj: bpy.types.Object, drawing: bpy.types.GreasePencilDrawing | None) -> bool:
    """Tell whether anything in the drawing is filled."""
    count = grease_pencil.stroke_count(drawing)
    if drawing is None or not count:
        return False
    materials = [slot.material for slot in obj.material_slots]
    slots = grease_pencil.attribute(drawing, "material_index", count, 0).astype(int)
    styles = [
        material.grease_pencil if 0 <= slot < len(materials) and (material := materials[slot]) else None
        for slot in slots
    ]
    return bool(np.any(grease_pencil.fill_groups(drawing, styles) > 0))


def _drawn(layer: bpy.types.GreasePencilLayer) -> list[held.Stretch]:
    """Return through which frames each drawing of the layer is seen; empty ones are not seen."""
    keys = sorted(layer.frames, key=lambda key: key.frame_number)
    ends = [key.frame_number for key in keys[1:]] + [_LAST]
    return [
        (key.frame_number, end)
        for key, end in zip(keys, ends, strict=True)
        if grease_pencil.stroke_count(key.drawing)
    ]
