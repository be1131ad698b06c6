"""Translations: a module for each language, by context ("*" for labels, "Operator") and English text.

A new language is a new module here and a line in `TEXTS`. Tests tell when a text is not used any more, or has lost
one of its values.
"""

from . import german

__all__ = ["TEXTS"]

#: As Blender wants them: locale -> (context, English) -> text.
TEXTS = {"de_DE": german.TEXTS}
