"""The settings on the page beside those in Blender's tab."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

gr = pytest.importorskip("gradio", reason="needs the extra `web`")

from backend.contract.job import Settings  # noqa: E402
from backend.web.panel import build_panel, settings_of  # noqa: E402

BLENDERS = Path(__file__).resolve().parents[2] / "tooncrafter_blender" / "settings" / "properties.py"
#: What Blender's timeline says there, and where a guide lies.
OWN = {"In-betweens", "Frame Rate", "Guide at"}


@pytest.fixture(scope="module")
def fields() -> dict[str, Any]:
    with gr.Blocks():
        return build_panel()


def blenders_settings() -> dict[str, dict[str, Any]]:
    """The names of the settings in Blender, and what else is said about each as a plain value."""
    found = {}
    for call in ast.walk(ast.parse(BLENDERS.read_text("utf-8"))):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "").endswith("Property"):
            said = {item.arg: item.value.value for item in call.keywords if isinstance(item.value, ast.Constant)}
            if "name" in said:
                found[said["name"]] = said
    return found


def test_every_setting_has_its_name_in_blender_and_its_limits(fields: dict[str, Any]) -> None:
    known = blenders_settings()
    names = {field.label for field in fields.values()}
    assert names - set(known) == OWN
    assert {"Engine", "Exposure", "Easing", "Quality", "Seed", "Guide Strength", "Arcs", "Flat Colours"} <= names
    for field in fields.values():
        limits = known.get(field.label, {})
        for side in ("minimum", "maximum"):
            limit = limits.get(f"soft_{side[:3]}", limits.get(side[:3]))
            if limit is not None and getattr(field, side, None) is not None and field.label != "Steps":
                assert getattr(field, side) == limit, (field.label, side)


def test_untouched_settings_are_those_of_a_job(fields: dict[str, Any]) -> None:
    assert settings_of({name: field.value for name, field in fields.items()}) == Settings()
