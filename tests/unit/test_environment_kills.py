"""Whoever installs may be killed at any moment: nothing broken is ever shown, and a plain re-run mends all."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.environment import Plan, Silent, TorchBuild, core_plan, diffusion_plan, ensure, standing
from backend.environment.turn import my_turn
from backend.errors import Cancelled
from tests.unit.conftest import ROOT, Shop
from tests.unit.web import Web
from wheels.fetch import find_pip

#: What a Blender does that installs, as a process of its own. Arguments: the plan as JSON, the home, "anew" or not.
INSTALLING = """
import json, sys
from pathlib import Path
from backend.environment import Level, Plan, Silent, TorchBuild, ensure
values = json.loads(sys.argv[1])
for name in ("lock", "pins", "interpreter", "root"):
    values[name] = Path(values[name]) if values[name] else None
values |= {"level": Level(values["level"]), "torch_build": TorchBuild(values["torch_build"])}
values["proof"] = tuple(values["proof"])
print(ensure(Plan(**values), Path(sys.argv[2]), Silent(), online=True, anew=sys.argv[3] == "anew"))
"""

posix_only = pytest.mark.skipif(os.name == "nt", reason="process groups are killed as POSIX has them")


def start(plan: Plan, home: Path, *, anew: bool) -> subprocess.Popen[str]:
    values = dataclasses.asdict(plan) | {"pins": str(plan.pins) if plan.pins else ""}
    text = json.dumps(values, default=str)
    command = [sys.executable, "-c", INSTALLING, text, str(home), "anew" if anew else "plain"]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, text=True)


def complaint_of(plan: Plan, python: Path) -> str:
    """What an environment that should work says when it does not; nothing when it does."""
    variables = os.environ | {"PYTHONPATH": str(plan.root)}
    done = subprocess.run([python, "-P", *plan.proof], env=variables, capture_output=True, text=True)
    return f"exit code {done.returncode}: {done.stderr[-500:]}" if done.returncode else ""


def kill_and_run_again(plan: Plan, home_of: Callable[[int], Path], kills: int) -> dict[str, int]:
    """Kill an installation at `kills` moments spread over its length, each time run it again; count what was seen.

    Every other time only the installing process dies and its child lives on as an orphan. Asserts that whatever is
    shown as ready right after a kill works, and that what is there after the re-run works and is alone.
    """
    lengths = {}
    for state in ("cold", "warm"):
        began = time.monotonic()
        assert start(plan, home_of(0), anew=True).wait() == 0
        lengths[state] = time.monotonic() - began
    seen = {"killed while at work": 0, "shown at the kill": 0, "broken": 0}
    for number in range(kills):
        home = home_of(number)
        state = "warm" if (home / "cache").exists() else "cold"
        process = start(plan, home, anew=True)
        began = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(lengths[state] * (number + 0.5) / kills)
            lengths[state] = time.monotonic() - began  # it came to its end: the machine is less busy than it was
        seen["killed while at work"] += process.poll() is None
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL) if number % 2 else os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shown = standing(home, plan, thorough=True).python
        if shown:
            seen["shown at the kill"] += 1
            seen["broken"] += bool(complaint := complaint_of(plan, shown))
            print(number, "at the kill", complaint or "works")
        python = ensure(plan, home, Silent(), online=True)
        now = standing(home, plan, thorough=True)
        complaint = complaint_of(plan, python) or ("" if now.python == python else now.reason)
        seen["broken"] += bool(complaint)
        print(number, "after the next run", complaint or "works")
    folders = [path for path in home_of(0).glob(f"{plan.level}-*") if path.is_dir()]
    assert len(folders) == 1
    return seen


@posix_only
def test_killed_installations_leave_nothing_broken(shop: Shop) -> None:
    shop.web.pause_seconds, shop.web.block = 0.05, 100_000
    noise = {f"tiny/part{index}.py": b"#" + os.urandom(40_000).hex().encode() for index in range(30)}
    plan = shop.plan(shop.offer("tiny", "1.0", {"tiny/__init__.py": b"number = 7\n", **noise}))
    seen = kill_and_run_again(plan, lambda number: shop.home.with_name(f"home{number}"), 6)
    assert seen["broken"] == 0 and seen["killed while at work"] >= 4, seen


@posix_only
def test_two_blenders_that_install_at_once_share_one_environment(shop: Shop) -> None:
    shop.web.pause_seconds, shop.web.block = 0.1, 100_000
    noise = {"tiny/noise": os.urandom(1_000_000)}
    plan = shop.plan(shop.offer("tiny", "1.0", {"tiny/__init__.py": b"number = 7\n", **noise}))
    both = [start(plan, shop.home, anew=False) for _ in range(2)]
    answers = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(answers) == 1
    assert complaint_of(plan, Path(answers.pop())) == ""
    assert shop.web.paths().count("/files/tiny-1.0-py3-none-any.whl") == 1


def test_whoever_waits_for_another_installation_is_told_so_and_may_give_up(shop: Shop) -> None:
    heard: list[str] = []

    class Follower:
        def stage(self, sentence: str) -> None:
            heard.append(sentence)
            if len(heard) == 3:
                raise Cancelled

        def progress(self, done_bytes: int, of_bytes: int) -> None:
            assert (done_bytes, of_bytes) == (0, 0)

    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with my_turn(shop.home / "lock", lambda: None):
            held.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with pytest.raises(Cancelled):
        ensure(shop.plan(), shop.home, Follower(), online=True)
    done.set()
    holder.join()
    assert set(heard) == {"Waiting for another Blender that is installing"}


@pytest.fixture(scope="session")
def core_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of the core for this Python, fetched once from the real index."""
    folder = tmp_path_factory.mktemp("core-wheels")
    with find_pip() as pip:
        wanted = ["--require-hashes", "--requirement", str(ROOT / "requirements" / "core.txt")]
        command = [
            *pip,
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            *wanted,
            "--dest",
            str(folder),
        ]
        subprocess.run(command, check=True)
    return folder


def offer_wheels(web: Web, folder: Path) -> None:
    """Put wheels on the index."""
    for path in sorted(folder.glob("*.whl")):
        content = path.read_bytes()
        web.files[f"/files/{path.name}"] = content
        name = re.sub(r"[-_.]+", "-", path.name.partition("-")[0]).lower()
        line = f'<a href="/files/{path.name}#sha256={hashlib.sha256(content).hexdigest()}">{path.name}</a>\n'
        web.files[f"/simple/{name}/"] = web.files.get(f"/simple/{name}/", b"") + line.encode()


@posix_only
@pytest.mark.long
@pytest.mark.timeout(3600)
def test_forty_kills_over_the_core_leave_nothing_broken(
    core_wheels: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other time with a cold cache; files are copied, as between two disks, which takes longest."""
    offer_wheels(shop.web, core_wheels)
    shop.web.block, shop.web.pause_seconds = 1 << 20, 0.02
    monkeypatch.setenv("UV_LINK_MODE", "copy")
    plan = core_plan(ROOT, Path(sys.executable).resolve())

    def home_of(number: int) -> Path:
        if number % 4 < 2:
            return shop.home
        cold = shop.folder / f"cold{number}"
        shutil.rmtree(shop.folder / f"cold{number - 4}", ignore_errors=True)
        return cold

    seen = kill_and_run_again(plan, home_of, 40)
    print(seen)
    assert seen["broken"] == 0 and seen["killed while at work"] >= 30, seen


@posix_only
@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_kills_over_the_diffusion_level_leave_nothing_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a build of PyTorch without CUDA, from a folder that PIP_FIND_LINKS names."""
    folder = Path(os.environ.get("PIP_FIND_LINKS", ""))
    found = sorted(folder.glob("torch-*+cpu-*.whl"))
    if not found:
        pytest.skip("PIP_FIND_LINKS names no folder with a build of PyTorch for the CPU")
    monkeypatch.setenv("UV_LINK_MODE", "copy")
    pins = tmp_path / "torch.txt"
    pins.write_text(f"torch=={found[-1].name.split('-')[1].partition('+')[0]}\n")
    plan = diffusion_plan(ROOT, Path(sys.executable).resolve(), TorchBuild.REGISTRY)
    plan = dataclasses.replace(plan, pins=pins, unpacked_bytes=1_000_000_000)
    seen = kill_and_run_again(plan, lambda number: tmp_path / "home", 10)
    print(seen)
    assert seen["broken"] == 0 and seen["killed while at work"] >= 8, seen
