"""What people read, in the language that Blender speaks to them, where somebody has translated it.

Names and tooltips of buttons and settings Blender translates by itself, and so it does with labels as they stand in
the code. Whatever is put together from words and numbers goes through `say`, whose text is translated before the
numbers come in. Texts are in `languages/`, one module for each; sentences of errors stay English, because they come
from both halves and are looked up by their words.
"""

from __future__ import annotations

import bpy

from . import languages


def say(text: str, /, **values: object) -> str:
    """Return the text in the person's language, with the values in place of their names in braces."""
    return bpy.app.translations.pgettext_iface(text).format(**values)


def register() -> None:
    """Teach Blender our languages."""
    bpy.app.translations.register(__name__, languages.TEXTS)


def unregister() -> None:
    """Let it forget them."""
    bpy.app.translations.unregister(__name__)
