"""Translations: used, complete, and seen by whoever chose the language."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import language, languages

ROOT = Path(__file__).resolve().parents[2] / "tooncrafter_blender"


def texts_in_code() -> set[str]:
    """Every text that stands in the add-on's code, translations apart; joined as Python joins it."""
    found: set[str] = set()
    for path in [path for path in ROOT.rglob("*.py") if "languages" not in path.parts]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def engine_labels() -> set[str]:
    from bl_ext.checkout.tooncrafter_blender.backend.engines import ENGINES

    return {line.split(": ", 1)[0] for line in ENGINES.values()}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_translated_text_is_one_that_the_add_on_shows() -> None:
    ours = texts_in_code() | engine_labels()
    for locale, texts in languages.TEXTS.items():
        assert {english for _, english in texts if english not in ours} == set(), locale


def test_no_translation_loses_or_invents_a_value() -> None:
    for texts in languages.TEXTS.values():
        assert [english for (_, english), text in texts.items() if fields(english) != fields(text)] == []


def test_every_text_that_is_put_together_can_be_translated() -> None:
    """What goes through `say` is a text as it stands, not one that was put together before."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                assert isinstance(node.args[0], ast.Constant), f"{path.name}:{node.lineno}"


@pytest.fixture
def in_german() -> Iterator[None]:
    view = bpy.context.preferences.view
    before = view.language, view.use_translate_interface
    try:
        view.language = "de_DE"
    except TypeError:
        pytest.skip("this Blender was built without languages")
    view.use_translate_interface = True
    yield
    view.language, view.use_translate_interface = before


def test_a_german_reads_german(in_german: None) -> None:
    if bpy.app.translations.locale != "de_DE":
        pytest.skip("this Blender was built without languages")
    assert language.say("Draw Guide at Frame {frame}", frame=7) == "Hilfslinie bei Bild 7 zeichnen"
    assert bpy.app.translations.pgettext("Generate In-betweens", "Operator") == "Zwischenbilder zeichnen"


def test_what_nobody_has_translated_stays_as_it_is() -> None:
    assert language.say("{count} oddities", count=3) == "3 oddities"


def test_values_may_have_any_name() -> None:
    assert language.say("{text} · {time} left", text="3 of 7", time="5 s") == "3 of 7 · 5 s left"
