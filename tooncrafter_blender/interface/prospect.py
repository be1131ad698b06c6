"""What Generate would draw right now, in words: cheap enough to be asked at every redraw.

Looking for spans compares drawings, so the answer is kept until the keys, the settings or a drawing change.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import bpy

from ...backend.errors import UserError
from ..language import say
from ..settings.properties import Choice
from ..timeline import grease_pencil, keyframes
from ..timeline.keyframes import Span
from ..timeline.remembered import Remembered


@dataclass(frozen=True)
class Prospect:
    """lines: what would be drawn. remarks: what to know about it. refusal: why nothing would be, else None.

    spans: the same for whoever draws it in detail.
    """

    lines: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    refusal: UserError | None = None
    spans: tuple[Span, ...] = ()


_remembered: Remembered[Prospect] = Remembered()


def prospect(obj: bpy.types.Object | None, scene: bpy.types.Scene, choice: Choice, *, playing: bool) -> Prospect:
    """Return what Generate would do with `obj`. While the animation plays, what was last known."""
    if playing and (known := _remembered.known):
        return known
    return _remembered.ask(_state(obj, scene, choice), lambda: _look(obj, scene, choice))


def _look(obj: bpy.types.Object | None, scene: bpy.types.Scene, choice: Choice) -> Prospect:
    try:
        found = keyframes.find_spans(obj, scene, exposure=choice.exposure, breakdowns=choice.breakdowns)
    except UserError as error:
        return Prospect(refusal=error)
    spans = found.spans
    count = sum(len(span.wanted) for span in spans)
    guides = sum(len(span.guides) for span in spans)
    keys = len({frame for span in spans for frame in (span.start, span.end)})
    origin = found.origin[0].upper() + found.origin[1:]
    where = say("{keys} keys, frames {first} to {last}", keys=keys, first=spans[0].start, last=spans[-1].end)
    return Prospect((f"{origin}:", where, _drawings(count, guides)), found.remarks, spans=spans)


def _drawings(count: int, guides: int) -> str:
    if not guides:
        return say("1 drawing") if count == 1 else say("{count} drawings", count=count)
    steered = say("1 guide") if guides == 1 else say("{count} guides", count=guides)
    if count == 1:
        return say("1 drawing, {guides}", guides=steered)
    return say("{count} drawings, {guides}", count=count, guides=steered)


def _state(obj: bpy.types.Object | None, scene: bpy.types.Scene, choice: Choice) -> Hashable:
    """Return a value that changes whenever the answer could, drawings excepted."""
    if obj is None or not grease_pencil.is_grease_pencil(obj):
        return (obj.name if obj else None,)
    layers = tuple(
        (
            layer.name,
            grease_pencil.is_shown(layer),
            grease_pencil.is_locked(layer),
            tuple((key.frame_number, key.select, key.keyframe_type) for key in layer.frames),
        )
        for layer in grease_pencil.layers(obj)
    )
    preview = scene.use_preview_range and (scene.frame_preview_start, scene.frame_preview_end)
    return obj.session_uid, scene.frame_current, preview, choice.exposure, choice.breakdowns, layers
