"""Artist's layers that step back for a while: what they hold would show under the traced drawings.

A key is held until the layer's next one, so it is seen through the gaps of every drawing between the two. A driver
on the layer's opacity takes it away during those frames. Drawings and keys stay as they are, the eye in the list of
layers stays the artist's, files look the same without the add-on, and all there is to undo is the driver.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias, cast

import bpy

from ...backend.contract.job import FRAME_MIN

#: Frames from the first to before the last.
Stretch: TypeAlias = tuple[int, int]

#: The driver's value is the frame; its curve says how opaque the layer is then. Expressions as simple as this need
#: no permission to run scripts.
_EXPRESSION = "frame"


def hide_during(obj: bpy.types.Object, layer: bpy.types.GreasePencilLayer, stretches: Iterable[Stretch]) -> None:
    """Make the layer invisible during the stretches and as opaque as it was at all other frames.

    A layer whose opacity the artist animates is left alone.
    """
    data = cast(bpy.types.GreasePencil, obj.data)
    path = _path(layer)
    ours = _driver(data, path)
    if ours is not None:
        opaque = ours.keyframe_points[0].co[1]
        layer.driver_remove("opacity")
        layer.opacity = opaque
        if (left := data.animation_data) and not left.drivers and not is_animated(data):
            data.animation_data_clear()
    hidden = _joined(stretches)
    if not hidden or _is_animated(data, path):
        return
    opaque = layer.opacity
    levels = [(FRAME_MIN, opaque), *(level for start, end in hidden for level in ((start, 0.0), (end, opaque)))]
    curve = cast(bpy.types.FCurve, layer.driver_add("opacity"))
    assert curve.driver
    curve.driver.type, curve.driver.expression = "SCRIPTED", _EXPRESSION
    for modifier in list(curve.modifiers):
        curve.modifiers.remove(modifier)
    curve.keyframe_points.clear()
    curve.keyframe_points.add(len(levels))
    for point, level in zip(curve.keyframe_points, levels, strict=True):
        point.co = level
        point.interpolation = "CONSTANT"
    curve.update()


def is_animated(owner: Any) -> bool:
    """Tell whether anything moves or changes the owner over time, drivers of this module left aside."""
    found: bpy.types.AnimData | None = owner.animation_data
    if found is None:
        return False
    return bool(found.action or found.nla_tracks or any(not _is_ours(curve) for curve in found.drivers))


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    apart: list[Stretch] = []
    for start, end in sorted(stretches):
        if apart and start <= apart[-1][1]:
            apart[-1] = apart[-1][0], max(end, apart[-1][1])
        else:
            apart.append((start, end))
    return apart


def _path(layer: bpy.types.GreasePencilLayer) -> str:
    return f'layers["{bpy.utils.escape_identifier(layer.name)}"].opacity'


def _driver(data: bpy.types.GreasePencil, path: str) -> bpy.types.FCurve | None:
    """Return this module's driver on that path."""
    curves = data.animation_data.drivers if data.animation_data else ()
    return next((curve for curve in curves if curve.data_path == path and _is_ours(curve)), None)


def _is_ours(curve: bpy.types.FCurve) -> bool:
    driver = curve.driver
    return bool(
        driver
        and curve.data_path.startswith("layers[")
        and curve.data_path.endswith("].opacity")
        and driver.type == "SCRIPTED"
        and driver.expression == _EXPRESSION
        and len(curve.keyframe_points)
    )


def _is_animated(data: bpy.types.GreasePencil, path: str) -> bool:
    """Tell whether the artist drives or animates that path."""
    found = data.animation_data
    if found is None:
        return False
    if any(curve.data_path == path for curve in found.drivers):
        return True
    actions = [found.action, *(strip.action for track in found.nla_tracks for strip in track.strips)]
    return any(
        curve.data_path == path
        for action in actions
        if action
        for layer in action.layers
        for strip in layer.strips
        for bag in getattr(strip, "channelbags", ())
        for curve in bag.fcurves
    )
