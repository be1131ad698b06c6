"""Timing charts: how the drawings of one span are spaced, where that differs from the scene's easing.

A chart belongs to the drawn object and to the frame of the key that its span starts at, so it survives renaming,
goes where the object goes, and stays when the second key is moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import bpy
from bpy.props import CollectionProperty, EnumProperty, IntProperty

from ...backend.contract.job import FRAME_MAX, FRAME_MIN, Easing, Picture, Segment
from ...backend.contract.timing import Chart, charted, time_of
from .keyframes import Span

#: What a person chooses from: the scene's easing, or a chart.
BY_EASING = "by_easing"
CHOICES = (
    (BY_EASING, "As Easing", "Spaced like all others, by the scene's easing"),
    (Chart.EVEN, "Even", "All drawings are equally far apart"),
    (Chart.FAVOUR_START, "Favour Start", "Drawings crowd after the first key"),
    (Chart.FAVOUR_END, "Favour End", "Drawings crowd before the second key"),
    (Chart.HALVES, "Halves", "From the middle outwards, each drawing halves the way that is left to its key"),
    (Chart.THIRDS, "Thirds", "From the middle outwards, each drawing leaves a third of the way to its key"),
)


class SegmentChart(bpy.types.PropertyGroup):
    """The chart of the span that starts at the key at `start`."""

    if TYPE_CHECKING:
        start: int
        chart: str
    else:
        start: IntProperty(name="Start", description="Frame of the key", min=FRAME_MIN, max=FRAME_MAX)
        chart: EnumProperty(name="Chart", description="How the drawings are spaced", items=CHOICES)


def charts_of(obj: bpy.types.Object) -> Mapping[int, Chart]:
    """Return the object's charts by the frame that their span starts at."""
    return {one.start: Chart(one.chart) for one in _stored(obj) if one.chart != BY_EASING}


def set_chart(obj: bpy.types.Object, start: int, chart: Chart | None) -> None:
    """Give the span that starts at `start` a chart, or None: the scene's easing again."""
    stored = _stored(obj)
    for index in reversed(range(len(stored))):
        if stored[index].start == start:
            stored.remove(index)
    if chart is not None:
        one = stored.add()
        one.start, one.chart = start, chart


def places(span: Span, easing: Easing, chart: Chart | None) -> tuple[float, ...]:
    """Return where the drawings of the span lie between its first key (0) and its second (1)."""
    keys = Picture(span.start, ""), Picture(span.end, "")
    segment = Segment(*keys, span.wanted, (), *charted(len(span.wanted), easing, chart))
    return tuple(time_of(frame, segment) for frame in span.wanted)


def _stored(obj: bpy.types.Object) -> Any:
    return cast(Any, obj).inbetween_charts


def register() -> None:
    """Give every object room for charts."""
    bpy.utils.register_class(SegmentChart)
    bpy.types.Object.inbetween_charts = CollectionProperty(type=SegmentChart)  # type: ignore[attr-defined]


def unregister() -> None:
    """Take them away; what files hold of them stays there."""
    del bpy.types.Object.inbetween_charts  # type: ignore[attr-defined]
    bpy.utils.unregister_class(SegmentChart)
