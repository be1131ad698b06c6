"""Sentences in panels: Blender draws labels of one line, so a sentence becomes as many as the width asks for."""

from __future__ import annotations

from typing import Any

import blf
import bpy

#: Pixels of a panel's width that are not for text: margins and a box; an icon takes its own.
_MARGIN = 76
_ICON = 24
_FONT_SIZE = 11


def draw_text(
    layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: Any = "NONE", *, width: float = 0
) -> None:
    """Draw a sentence in as many lines as there must be; the icon stands before the first.

    width: of the text in unscaled pixels; 0 takes what the region leaves.
    """
    if not text:
        return
    text = bpy.app.translations.pgettext_iface(text)
    assert context.preferences and context.region
    scale = context.preferences.system.ui_scale
    blf.size(0, _FONT_SIZE * scale)
    taken = _MARGIN if icon == "NONE" else _MARGIN + _ICON
    room = width * scale or context.region.width - taken * scale
    for index, line in enumerate(_lines(text, room)):
        layout.label(
            translate=False, text=line, icon=icon if index == 0 else ("NONE" if icon == "NONE" else "BLANK1")
        )


def _lines(text: str, width: float) -> list[str]:
    """Break the text between words into lines of at most `width` pixels in the present font size."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and blf.dimensions(0, longer)[0] <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
