"""What is chosen for colouring, saved with the scene, beside its settings for all in-betweens."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import bpy
from bpy.props import EnumProperty, PointerProperty, StringProperty

from ..registering import on_every_scene

_WAYS = (
    ("strokes", "Fills", "A new layer of your object with the colours as fills, under your own lines"),
    ("reference", "Reference", "A picture behind your drawing in the camera's view"),
    ("strip", "Image Strip", "An image strip in the sequencer, to play and render"),
    ("none", "Nothing Yet", "Pictures stay in the job's folder until you import them from the list"),
)


_REFERENCES = (
    ("drawings", "Coloured Drawings", "As those of the drawings that have fills are coloured"),
    ("picture", "Picture", "As a picture shows one of the drawings"),
)


class ColouringSettings(bpy.types.PropertyGroup):
    """How the line drawings of a scene are coloured."""

    if TYPE_CHECKING:
        lines: str
        colours: str
        picture: bpy.types.Image | None
        show_as: str
    else:
        lines: StringProperty(
            name="Lines",
            description="The layer that holds the line drawings. Empty takes the active layer",
        )
        colours: EnumProperty(
            name="Colours From", description="What shows how to colour", items=_REFERENCES, default="drawings"
        )
        picture: PointerProperty(
            name="Picture",
            description="One of the drawings as it is coloured, seen as the camera sees it. It need not be exact: "
            "which drawing it shows is found out",
            type=bpy.types.Image,
        )
        show_as: EnumProperty(
            name="Show As", description="What the colours become in this scene", items=_WAYS, default="strokes"
        )


def colouring_settings_of(scene: bpy.types.Scene) -> ColouringSettings:
    """Return the scene's settings to be shown or changed."""
    return cast(ColouringSettings, scene.inbetween_colouring)  # type: ignore[attr-defined]


register, unregister = on_every_scene("inbetween_colouring", ColouringSettings)
