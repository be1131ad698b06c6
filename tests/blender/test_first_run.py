"""What is told once, and the keys that are there for those who want them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.interface import first_run, keymap
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import State, queue
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings import preferences

from tests.blender.jobs_on_disk import make_entry


@pytest.fixture
def untold(tmp_path: Any) -> Iterator[None]:
    """A draft job has just been drawn, and the diffusion engine cannot be used."""
    entry = make_entry(tmp_path / "a", 1, 3, engine="draft")
    entry.state = State.DONE
    before = queue.entries[:], queue.obstacles
    queue.entries[:], queue.obstacles = [entry], {"tooncrafter": "It needs its weights.", "draft": ""}
    first_run._told = False
    yield
    queue.entries[:], queue.obstacles = before
    first_run._told = False
    preferences.page().told_about_engines = False


def is_told() -> bool:
    """Whether the panel would tell it now."""
    told: list[str] = []
    layout = SimpleNamespace(box=lambda: told.append("told") or _Nothing())
    with contextlib.suppress(AssertionError):  # text is broken into lines by a region, which only windows have
        first_run.draw_first_run(layout, bpy.context)
    return bool(told)


class _Nothing:
    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: _Nothing()


def test_after_the_first_drawings_the_other_engine_is_told_about_once(untold: None) -> None:
    assert is_told() and is_told()
    assert bpy.ops.inbetween.dismiss() == {"FINISHED"}
    assert not is_told() and preferences.current().told_about_engines
    first_run._told = False  # another session
    assert not is_told()


def test_nobody_is_told_about_an_engine_that_can_be_used_or_before_anything_was_drawn(untold: None) -> None:
    queue.obstacles = {"tooncrafter": ""}
    assert not is_told()
    queue.obstacles = {"tooncrafter": "It needs its weights."}
    queue.entries[0].state = State.FAILED
    assert not is_told()


def test_every_key_calls_something_that_exists_and_none_is_on_by_itself() -> None:
    for entry in keymap._ENTRIES:
        assert getattr(bpy.ops.inbetween, entry.operator.partition(".")[2]).get_rna_type().name
    assert not any(item.active for _, item in keymap._made)
