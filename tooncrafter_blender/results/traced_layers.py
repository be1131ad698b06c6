"""Layers that hold traced drawings: which job each shows, what was traced, and what must not show under them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

import bpy

from .. import grease_pencil, guides, held

#: On each layer a number made from the id of the job that it shows, 0 on the artist's own. Layers have no custom
#: properties, but attributes; of texts on layers Blender 5.2 loses track when layers are moved.
_JOB = "inbetween_job"
#: On the object's data: of each job which picture, by fingerprint, the drawing at each frame was traced from.
_SOURCES = "inbetween_traced"
_LAST = 2**20


def mark_layer(obj: bpy.types.Object, layer: bpy.types.GreasePencilLayer, job_id: str) -> None:
    """Write on the layer that it shows the job."""
    data = cast(Any, obj.data)
    marks = data.attributes.get(_JOB) or data.attributes.new(_JOB, "INT", "LAYER")
    marks.data[grease_pencil.layers(obj).index(layer)].value = _number(job_id)


def _number(job_id: str) -> int:
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:4]) >> 1 or 1


def jobs_of_layers(obj: bpy.types.Object) -> list[int]:
    """Return for each layer, the bottom one first, the number of the job that it shows; 0 for the artist's own."""
    layers = grease_pencil.layers(obj)
    marks = cast(Any, obj.data).attributes.get(_JOB)
    if marks is None or marks.data_type != "INT" or len(marks.data) != len(layers):
        return [0] * len(layers)
    return [mark.value for mark in marks.data]


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
    """
    layers, jobs = grease_pencil.layers(obj), jobs_of_layers(obj)
    covered = [
        stretch
        for layer, job in zip(layers, jobs, strict=True)
        if job and grease_pencil.is_shown(layer)
        for stretch in _drawn(layer)
    ]
    guide = guides.guide_layer(obj)
    for layer, job in zip(layers, jobs, strict=True):
        if not job and layer != guide:
            held.hide_during(obj, layer, [(start, end) for start, end in covered if layer.get_frame_at(start)])


def _drawn(layer: bpy.types.GreasePencilLayer) -> list[held.Stretch]:
    """Return through which frames each drawing of the layer is seen; empty ones are not seen."""
    keys = sorted(layer.frames, key=lambda key: key.frame_number)
    ends = [key.frame_number for key in keys[1:]] + [_LAST]
    return [
        (key.frame_number, end)
        for key, end in zip(keys, ends, strict=True)
        if grease_pencil.stroke_count(key.drawing)
    ]
