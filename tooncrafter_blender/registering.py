"""What parts of this add-on register alike: modules one after another, and settings on every scene."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TypeAlias

import bpy
from bpy.props import PointerProperty

#: A module's `register` and `unregister`.
Both: TypeAlias = tuple[Callable[[], None], Callable[[], None]]


def in_order(*modules: ModuleType) -> Both:
    """Return what registers these modules, and what takes them away in the opposite order."""

    def register() -> None:
        for module in modules:
            module.register()

    def unregister() -> None:
        for module in reversed(modules):
            module.unregister()

    return register, unregister


def on_every_scene(name: str, settings: type[bpy.types.PropertyGroup]) -> Both:
    """Return what gives every scene settings under this name, and what takes them away.

    What files hold of them stays there.
    """

    def register() -> None:
        bpy.utils.register_class(settings)
        setattr(bpy.types.Scene, name, PointerProperty(type=settings))

    def unregister() -> None:
        delattr(bpy.types.Scene, name)
        bpy.utils.unregister_class(settings)

    return register, unregister
