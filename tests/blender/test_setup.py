"""The first job on a computer that has nothing: it waits for the environment, and is told what becomes of it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bl_ext.checkout.tooncrafter_blender.backend.environment import Level, Plan, core_plan, standing
from bl_ext.checkout.tooncrafter_blender.backend.environment.installer import platform_name
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import generate
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Queue, State
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings import preferences
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.setup import environment, reporting
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.setup.installation import Wish

from tests.blender.jobs_on_disk import ROOT, frames_of, make_entry


@pytest.fixture(scope="module", autouse=True)
def installer() -> None:
    """The installer that the extension carries."""
    subprocess.run([sys.executable, ROOT / "wheels" / "fetch.py", platform_name()], check=True, capture_output=True)


@pytest.fixture
def plan() -> Plan:
    """The core, on this Blender's Python."""
    return core_plan(ROOT, Path(sys.executable))


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue()
    yield queue
    queue.close()


def test_the_first_job_waits_for_the_environment_and_is_then_drawn(
    queue: Queue, plan: Plan, tmp_path: Path
) -> None:
    entry = make_entry(tmp_path / "job", 1, 5, engine="draft")
    stages: list[str] = []
    fractions: list[float] = []
    queue.setup.begin(Wish(plan, tmp_path / "home", online=True))
    queue.submit(entry, None)

    def listen(changed: object) -> None:
        stages.append(entry.stage)
        fractions.append(queue.setup.fraction)

    queue.wait(entry, listen)
    assert entry.state is State.DONE, entry.sentence
    assert len(frames_of(tmp_path / "job")) == 3
    assert any("MB" in stage for stage in stages)
    assert max(fractions) > 0.5
    assert standing(tmp_path / "home", plan, thorough=True).python
    again = make_entry(tmp_path / "again", 1, 5, engine="draft")
    queue.setup.begin(Wish(plan, tmp_path / "home", online=False))  # another Blender session, offline
    queue.submit(again, None)
    queue.wait(again)
    assert again.state is State.DONE


def test_a_job_whose_environment_cannot_be_made_is_told_why_and_can_be_tried_again(
    queue: Queue, plan: Plan, tmp_path: Path
) -> None:
    first, second = make_entry(tmp_path / "a", 1, 5), make_entry(tmp_path / "b", 1, 5)
    queue.setup.begin(Wish(plan, tmp_path / "home", online=False))
    queue.submit(first, None)
    queue.submit(second, None)
    queue.wait(second)
    for entry in (first, second):
        assert (entry.state, entry.code) == (State.FAILED, "online-access-off")
        assert "offline" in entry.sentence and "online access" in entry.hint
    assert queue.setup.refused[Level.CORE].code == "online-access-off"
    queue.setup.begin(Wish(plan, tmp_path / "home", online=False))
    queue.retry(first, None)
    queue.wait(first)
    assert first.state is State.FAILED


def test_cancelling_the_only_job_that_waits_also_ends_the_installation(
    queue: Queue, plan: Plan, tmp_path: Path
) -> None:
    entry = make_entry(tmp_path / "job", 1, 5)
    queue.setup.begin(Wish(plan, tmp_path / "home", online=True))
    queue.submit(entry, None)
    queue.poll()
    queue.cancel(entry)
    assert entry.state is State.CANCELLED
    while queue.setup.running:
        queue.poll(wait_seconds=0.1)
    assert standing(tmp_path / "home", plan).python is None
    assert not list((tmp_path / "home").glob("core-*"))


def test_cancelling_the_installation_cancels_the_jobs_that_wait(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    entry = make_entry(tmp_path / "job", 1, 5)
    queue.setup.begin(Wish(plan, tmp_path / "home", online=True))
    queue.submit(entry, None)
    queue.setup.cancel()
    queue.wait(entry)
    assert entry.state is State.CANCELLED


def test_an_unforeseen_fault_of_the_installation_is_a_sentence_too(
    queue: Queue, plan: Plan, tmp_path: Path
) -> None:
    entry = make_entry(tmp_path / "job", 1, 5)
    broken = dataclasses.replace(plan, lock=tmp_path / "missing.txt")
    queue.setup.begin(Wish(broken, tmp_path / "home", online=True))
    queue.submit(entry, None)
    queue.wait(entry)
    assert entry.state is State.FAILED and entry.sentence and entry.hint


def test_without_a_python_of_ones_own_the_private_one_is_used_and_toon_crafter_asks_to_be_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(environment.PYTHON_VARIABLE)
    chosen = preferences.current()
    assert environment.find_python(chosen, "draft") is None  # is to be made first
    with pytest.raises(generate.UserError) as caught:
        environment.find_python(chosen, "tooncrafter")
    assert caught.value.code == "backend-missing"


def test_the_report_says_what_a_maintainer_needs_and_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "margarethe")
    monkeypatch.setenv("HOME", "/home/margarethe")
    text = reporting.report(preferences.current())
    for wanted in ("Blender", "Python", "system", "online access", "environment core", "engine draft", "numpy"):
        assert wanted in text, wanted
    assert "margarethe" not in text and str(Path.home()) not in text
