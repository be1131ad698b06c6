"""From a Grease Pencil timeline to the spans that are to be in-betweened.

Which frames are keys
    Every layer that is shown, not locked and not the guide layer says where its keys are; the object has a key
    wherever at least one of them has. A hidden layer is not seen and a locked one is not being worked on: neither
    says anything (drawings of locked layers are still in the pictures: they are seen).
    Keys of all types count (also extremes, moving holds and jitter), with two exceptions: generated keys count only
    when selected, and breakdowns do not count when the artist chose to ignore them.

Which keys are taken, by the first rule that applies
    1. An explicit range: the keys from its first to its last frame, both included.
    2. Two or more keys selected in the dope sheet: these.
    3. The preview range, when it is on: the keys in it.
    4. The keys around the current frame: the one at or before it and the next one. On the last key: the last two.

What is left out, with a remark
    Neighbours, between which no frame lies or none is drawn at this exposure; holds, where every layer shows the
    same drawing at both keys, nothing is animated and no guide says otherwise: Grease Pencil holds them already.

What is kept, with a remark
    A key at which nothing is drawn: the drawing appears from nothing or vanishes. A key between two selected ones
    that is not selected itself: it gets an in-between like any frame. Guides on a hidden guide layer: not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import bpy

from ...backend.contract.timing import exposed_frames
from ...backend.errors import UserError
from . import grease_pencil, guides, held

Breakdowns = Literal["key", "ignore"]


@dataclass(frozen=True)
class Span:
    """Two keys on the timeline, the frames wanted between them, and the frames between them that have a guide."""

    start: int
    end: int
    wanted: tuple[int, ...]
    guides: tuple[int, ...]


@dataclass(frozen=True)
class Spans:
    """What is to be done, what the artist should know about it (sentences), and which rule chose the keys."""

    spans: tuple[Span, ...]
    remarks: tuple[str, ...]
    origin: str


def find_spans(
    obj: bpy.types.Object | None,
    scene: bpy.types.Scene,
    *,
    exposure: int = 1,
    breakdowns: Breakdowns = "key",
    frames: tuple[int, int] | None = None,
) -> Spans:
    """Return the spans of `obj` by the rules of this module; there is at least one.

    exposure: frames that a drawing is held (1: on ones). breakdowns: whether breakdown keys count.
    frames: explicit range, first and last frame.
    Raises UserError: "no-grease-pencil", "no-working-layer", "no-keys", "range-reversed", "too-few-keys",
    "not-between-keys", "nothing-between".
    """
    obj, chosen, remarks, origin = _choose(obj, scene, breakdowns, frames)
    guided = guides.guide_frames(obj)
    spans, neighbours, holds = [], [], []
    for start, end in pairwise(chosen):
        wanted = exposed_frames(start, end, exposure)
        steering = tuple(frame for frame in guided if start < frame < end)
        if not wanted:
            neighbours.append((start, end))
        elif not steering and _is_hold(obj, scene, start, end):
            holds.append((start, end))
        else:
            spans.append(Span(start, end, wanted, steering))
    if neighbours:
        on = {1: "", 2: " on twos", 3: " on threes"}.get(exposure, f" at an exposure of {exposure} frames")
        remarks.append(f"There is nothing to draw{on} between {_pairs(neighbours)}.")
    if holds:
        remarks.append(f"The drawing is held between {_pairs(holds)}: nothing moves, so nothing is drawn.")
    if not spans:
        raise UserError(
            "nothing-between",
            remarks[-1],
            "Choose keys that show different drawings and have frames between them.",
        )
    remarks += _remarks_on_empty_keys(obj, spans)
    if _has_hidden_guides(obj, spans):
        remarks.append("The guide layer is hidden, so its guides are not used.")
    return Spans(tuple(spans), tuple(remarks), origin)


def why_not(
    obj: bpy.types.Object | None,
    scene: bpy.types.Scene,
    *,
    exposure: int = 1,
    breakdowns: Breakdowns = "key",
    frames: tuple[int, int] | None = None,
) -> str:
    """Return "" when there is something to in-between, else the sentence that says why not.

    Cheap enough for every redraw of a panel: it does not look into drawings, so only `find_spans` notices holds.
    """
    try:
        _, chosen, _, _ = _choose(obj, scene, breakdowns, frames)
    except UserError as error:
        return str(error.sentence)
    if not any(exposed_frames(start, end, exposure) for start, end in pairwise(chosen)):
        return f"There is nothing to draw between {_pairs(list(pairwise(chosen)))}."
    return ""


def keys_around(obj: bpy.types.Object, frame: int) -> tuple[int, int] | None:
    """Return the keys of the object between which `frame` strictly lies, or None; all types of keys count.

    Cheap enough for every redraw. Hidden and locked layers say nothing, and generated keys only when selected.
    """
    try:
        keys, _ = _key_frames(obj, "key")
    except UserError:
        return None
    before, after = [key for key in keys if key <= frame], [key for key in keys if key > frame]
    return (before[-1], after[0]) if before and after and before[-1] < frame else None


def _choose(
    obj: bpy.types.Object | None,
    scene: bpy.types.Scene,
    breakdowns: Breakdowns,
    frames: tuple[int, int] | None,
) -> tuple[bpy.types.Object, list[int], list[str], str]:
    """Return the object, two or more key frames, remarks, and which rule chose them."""
    obj = grease_pencil.checked(obj, "Select the Grease Pencil object whose keys you want to in-between.")
    if frames is not None and frames[0] > frames[1]:
        raise UserError(
            "range-reversed",
            f"The range of frames {frames[0]} to {frames[1]} ends before it starts.",
            "Put the smaller frame number first.",
        )
    keys, selected = _key_frames(obj, breakdowns)
    if frames is not None:
        return obj, _within(obj, keys, frames, "range"), [], f"frames {frames[0]} to {frames[1]}"
    if len(selected) >= 2:
        passed = [frame for frame in keys if selected[0] < frame < selected[-1] and frame not in selected]
        remarks = []
        if passed:
            remarks.append(f"{_listing(passed)} will be drawn over: between selected keys, but not selected.")
        return obj, selected, remarks, "selected keys"
    if scene.use_preview_range:
        preview = scene.frame_preview_start, scene.frame_preview_end
        return obj, _within(obj, keys, preview, "preview range"), [], "preview range"
    return obj, _around(obj, keys, scene.frame_current), [], "keys around the current frame"


def _key_frames(obj: bpy.types.Object, breakdowns: Breakdowns) -> tuple[list[int], list[int]]:
    """Return the frames of all keys that count, and of those selected, both ascending."""
    guide = guides.guide_layer(obj)
    art = [layer for layer in grease_pencil.layers(obj) if layer != guide]
    working = [layer for layer in art if grease_pencil.is_shown(layer) and not grease_pencil.is_locked(layer)]
    if art and not working:
        raise UserError(
            "no-working-layer",
            f"All layers of “{obj.name}” are hidden or locked.",
            "Show and unlock the layers whose keys you want to in-between.",
        )
    ignored = {"BREAKDOWN"} if breakdowns == "ignore" else set()
    keys, selected = set(), set()
    for layer in working:
        for key in layer.frames:
            if key.keyframe_type in ignored or (key.keyframe_type == "GENERATED" and not key.select):
                continue
            keys.add(key.frame_number)
            if key.select:
                selected.add(key.frame_number)
    if not keys:
        raise UserError("no-keys", f"“{obj.name}” has no keys.", "Draw at least two keys at different frames.")
    return sorted(keys), sorted(selected)


def _within(obj: bpy.types.Object, keys: list[int], limits: tuple[int, int], what: str) -> list[int]:
    chosen = [frame for frame in keys if limits[0] <= frame <= limits[1]]
    if len(chosen) < 2:
        count = "only one key" if chosen else "no key"
        raise UserError(
            "too-few-keys",
            f"“{obj.name}” has {count} in the {what} {limits[0]} to {limits[1]}.",
            f"Its keys are at {_listing(keys, '')}; choose two or more of them.",
        )
    return chosen


def _around(obj: bpy.types.Object, keys: list[int], current: int) -> list[int]:
    if len(keys) < 2:
        raise UserError(
            "too-few-keys",
            f"“{obj.name}” has only one key, at frame {keys[0]}.",
            "Draw a second key at another frame.",
        )
    if not keys[0] <= current <= keys[-1]:
        raise UserError(
            "not-between-keys",
            f"The current frame {current} does not lie between two keys of “{obj.name}”.",
            f"Move to a frame from {keys[0]} to {keys[-1]}, or select two or more keys in the dope sheet.",
        )
    if current == keys[-1]:
        return keys[-2:]
    return [max(frame for frame in keys if frame <= current), min(frame for frame in keys if frame > current)]


def _is_hold(obj: bpy.types.Object, scene: bpy.types.Scene, start: int, end: int) -> bool:
    """Tell whether nothing moves from `start` to `end`."""
    guide = guides.guide_layer(obj)
    seen = [layer for layer in grease_pencil.layers(obj) if layer != guide and grease_pencil.is_shown(layer)]
    return not _is_animated(obj, scene) and all(
        grease_pencil.same_drawing(grease_pencil.drawing_at(layer, start), grease_pencil.drawing_at(layer, end))
        for layer in seen
    )


def _is_animated(obj: bpy.types.Object, scene: bpy.types.Scene) -> bool:
    """Tell whether anything but drawings could move the picture: object, camera, or what they hang on."""
    hanging: list[bpy.types.Object | None] = [obj, scene.camera]
    hanging += [layer.parent for layer in grease_pencil.layers(obj)]
    if any(marker.camera for marker in scene.timeline_markers):
        return True
    while hanging:
        thing = hanging.pop()
        if thing is None:
            continue
        if thing.constraints or any(owner is not None and held.is_animated(owner) for owner in (thing, thing.data)):
            return True
        hanging.append(thing.parent)
    return not all(guides.leaves_out_guides(modifier) for modifier in obj.modifiers)


def _remarks_on_empty_keys(obj: bpy.types.Object, spans: list[Span]) -> list[str]:
    guide = guides.guide_layer(obj)
    seen = [layer for layer in grease_pencil.layers(obj) if layer != guide and grease_pencil.is_shown(layer)]

    def is_empty(frame: int) -> bool:
        return not any(grease_pencil.stroke_count(grease_pencil.drawing_at(layer, frame)) for layer in seen)

    remarks = []
    for frame in sorted({frame for span in spans for frame in (span.start, span.end)}):
        if is_empty(frame):
            remarks.append(
                f"Nothing is drawn at the key at frame {frame}: the drawing appears from nothing or vanishes."
            )
    return remarks


def _has_hidden_guides(obj: bpy.types.Object, spans: list[Span]) -> bool:
    guide = guides.guide_layer(obj)
    if guide is None or grease_pencil.is_shown(guide):
        return False
    return any(
        span.start < key.frame_number < span.end and grease_pencil.stroke_count(key.drawing)
        for span in spans
        for key in guide.frames
    )


def _pairs(pairs: list[tuple[int, int]]) -> str:
    """Return "frames 1 and 2, 5 and 6": what comes after "between"."""
    return "frames " + _some([f"{start} and {end}" for start, end in pairs])


def _listing(frames: list[int], subject: str = "Key") -> str:
    """Return "Key at frame 3" or "Keys at frames 3, 5 and 9"; without `subject` only the frames."""
    plural = "s" if len(frames) > 1 else ""
    before = f"{subject}{plural} at " if subject else ""
    return f"{before}frame{plural} {_some([str(frame) for frame in frames])}"


def _some(words: list[str]) -> str:
    shown = words if len(words) <= 6 else [*words[:5], f"{len(words) - 5} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
