"""What `tasks.py` does with what it finds in the checkout, and with what it starts."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import tasks
from tests.end_to_end.driving import ROOT, is_alive
from tests.patience import PATIENCE_SECONDS, wait_until

#: Stands for tasks.py: says what it was asked for, which is kept in a folder; fails or stays where it is told to.
TASKS = """
import os, pathlib, subprocess, sys, time
asked = "_".join(sys.argv[1:])
print("this is", asked, flush=True)
here = pathlib.Path(__file__).parent
if (here / f"stay_{asked}").exists():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    for process in (os.getpid(), child.pid):
        (here / f"{asked}_{process}.pid").touch()
    child.wait()
sys.exit((here / f"fail_{asked}").exists())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_to_an_environment_that_is_gone_makes_room_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "living").symlink_to(tmp_path / "real")
    (tmp_path / "dead").symlink_to(tmp_path / "gone")
    for name in ("real", "living", "dead", "never"):
        tasks._remove_dead_link(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["living", "real"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "tasks.py").write_text(TASKS)
    return tmp_path


def check(checkout: Path) -> subprocess.Popen[str]:
    """`python tasks.py check` in a checkout whose other tasks are our own."""
    code = "import pathlib, sys, tasks; tasks.ROOT = pathlib.Path(sys.argv[1]); sys.exit(tasks.main(['check']))"
    return subprocess.Popen(
        [sys.executable, "-c", code, str(checkout)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_check_does_all_there_is_and_shows_what_was_said(checkout: Path) -> None:
    checking = check(checkout)
    said, _ = checking.communicate(timeout=PATIENCE_SECONDS)
    assert checking.returncode == 0 and "All of it holds." in said
    for asked in ("demo", "lint", "test_--blender_5.0", "test_--blender_4.5", "gui"):
        assert said.count(f"this is {asked}\n") == 1


@pytest.mark.parametrize("failing", ["demo", "lint", "test_--blender_5.0", "test_--blender_4.5", "gui"])
def test_whatever_fails_in_a_check_is_named_at_the_end_and_the_rest_is_done_too(
    checkout: Path, failing: str
) -> None:
    (checkout / f"fail_{failing}").touch()
    checking = check(checkout)
    said, _ = checking.communicate(timeout=PATIENCE_SECONDS)
    assert checking.returncode == 1 and f"Failed: {failing.replace('_', ' ')}." in said
    assert said.count("this is ") == 5


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_leaves_no_process_behind(checkout: Path, interruption: signal.Signals) -> None:
    for step in ("gui", "lint"):
        (checkout / f"stay_{step}").touch()
    checking = check(checkout)
    wait_until(lambda: len(list(checkout.glob("*.pid"))) == 4)
    checking.send_signal(interruption)
    checking.communicate(timeout=PATIENCE_SECONDS)
    assert checking.returncode == 130
    processes = [int(path.stem.rpartition("_")[2]) for path in checkout.glob("*.pid")]
    wait_until(lambda: not any(map(is_alive, processes)))
