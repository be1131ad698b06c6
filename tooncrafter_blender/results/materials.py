"""The object's own materials by colour; new ones only for colours that none of them has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import bpy
import numpy as np

from .stroke_data import fills_belong_to_strokes

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Colours this close are the same, in 1/255 of sRGB in any channel: noise and edges must not make a new material.
_SAME = 14.0


class Materials:
    """Finds, or makes, the material slot that draws a colour."""

    def __init__(self, obj: bpy.types.Object) -> None:
        self._data = cast(bpy.types.GreasePencil, obj.data)
        self._styles = [_style(slot.material) for slot in obj.material_slots]
        self._fills: dict[str, int] = {}
        self._lines: dict[str, int] = {}

    def for_fill(self, colour: str) -> int:
        """Return the slot whose fill is nearest to "#rrggbbaa"; only the fill of it is to be shown."""
        if colour not in self._fills:
            found = self._nearest(colour, fill=True)
            self._fills[colour] = self._new(colour, fill=True) if found is None else found
        return self._fills[colour]

    def for_line(self, colour: str) -> int:
        """Return the slot whose line is nearest to "#rrggbbaa"; only the line of it is to be shown."""
        if colour not in self._lines:
            found = self._nearest(colour, fill=False)
            self._lines[colour] = self._new(colour, fill=False) if found is None else found
        return self._lines[colour]

    def _nearest(self, colour: str, *, fill: bool) -> int | None:
        """Return the slot that draws the colour, rather one that draws nothing else."""
        wanted = _bytes(colour)
        candidates = []
        for slot, style in enumerate(self._styles):
            if style is None or style.hide or style.lock:
                continue
            draws, draws_more = _draws(style, fill=fill)
            distance = float(np.abs(_shown(np.array(style.fill_color if fill else style.color)) - wanted).max())
            if draws and distance <= _SAME:
                candidates.append((round(distance / 4), draws_more, slot))
        return min(candidates)[2] if candidates else None

    def _new(self, colour: str, *, fill: bool) -> int:
        kind = "fill" if fill else "line"
        material = bpy.data.materials.new(f"In-between {kind} {colour[:7]}")
        bpy.data.materials.create_gpencil_data(material)
        style = material.grease_pencil
        assert style
        if not fills_belong_to_strokes():
            style.show_fill, style.show_stroke = fill, not fill
        rgba = _linear(_bytes(colour))
        if fill:
            style.fill_color = rgba  # type: ignore[assignment]
        else:
            style.color = rgba  # type: ignore[assignment]
        self._data.materials.append(material)
        self._styles.append(style)
        return len(self._styles) - 1


def _style(material: bpy.types.Material | None) -> bpy.types.MaterialGPencilStyle | None:
    """Return the Grease Pencil side of a plain material; one with a texture or gradient has no colour to go by."""
    style = None if material is None else material.grease_pencil
    if style is None or style.fill_style != "SOLID" or style.stroke_style != "SOLID" or style.mode != "LINE":
        return None
    return style


def _draws(style: bpy.types.MaterialGPencilStyle, *, fill: bool) -> tuple[bool, bool]:
    """Tell whether a material draws fills (or lines), and whether it draws the other as well."""
    if fills_belong_to_strokes():
        return True, False
    shown = style.show_fill, style.show_stroke
    return shown if fill else shown[::-1]


def _bytes(colour: str) -> NDArray[Any]:
    return np.array([int(colour[index : index + 2], 16) for index in (1, 3, 5, 7)], float)


def _linear(colour: NDArray[Any]) -> list[float]:
    """Return sRGB bytes as scene-linear RGBA, which is how Grease Pencil stores colours."""
    share = colour / 255
    share[:3] = np.where(share[:3] <= 0.04045, share[:3] / 12.92, ((share[:3] + 0.055) / 1.055) ** 2.4)
    return [float(value) for value in share]


def _shown(linear: NDArray[Any]) -> NDArray[Any]:
    """Return scene-linear RGBA as sRGB bytes, unrounded."""
    rgb = np.clip(linear[:3], 0, 1)
    shown = np.where(rgb <= 0.0031308, rgb * 12.92, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return np.append(shown, np.clip(linear[3], 0, 1)) * 255
