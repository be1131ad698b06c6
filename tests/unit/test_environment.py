"""The private environment: made, found again, repaired. A package index on this computer has tiny packages."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from backend.environment import Level, Plan, Silent, ensure, remove, standing
from backend.environment.stamp import read_stamp
from tests.unit.conftest import Shop


def make(shop: Shop, plan: Plan, *, online: bool = True, anew: bool = False) -> Path:
    return ensure(plan, shop.home, Silent(), online=online, anew=anew)


def says(python: Path, code: str) -> str:
    return subprocess.run([python, "-P", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def environments(shop: Shop) -> list[str]:
    return sorted(path.name for path in shop.home.glob("core-*"))


def test_an_environment_is_made_on_demand_and_holds_what_the_lock_says(shop: Shop) -> None:
    plan = shop.plan()
    assert standing(shop.home, plan).python is None
    python = make(shop, plan)
    assert says(python, "import tiny; print(tiny.number)") == "7"
    assert standing(shop.home, plan, thorough=True).python == python
    assert not list(shop.home.rglob("*.tmp"))


def test_an_environment_that_is_ready_is_used_without_asking_anybody(shop: Shop) -> None:
    plan = shop.plan()
    python = make(shop, plan)
    asked = len(shop.web.requests)
    assert make(shop, plan) == python
    assert len(shop.web.requests) == asked


def test_what_was_downloaded_before_serves_without_a_network(shop: Shop) -> None:
    plan = shop.plan()
    first = make(shop, plan)
    asked = len(shop.web.requests)
    second = make(shop, plan, online=False, anew=True)
    assert second != first and says(second, "import tiny; print(tiny.number)") == "7"
    assert len(shop.web.requests) == asked


def test_nothing_of_the_persons_own_python_reaches_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    stray = shop.folder / "stray"
    (stray / "tiny").mkdir(parents=True)
    (stray / "tiny" / "__init__.py").write_text("number = 13")
    monkeypatch.setenv("PYTHONPATH", str(stray))
    monkeypatch.setenv("VIRTUAL_ENV", str(stray))
    monkeypatch.setenv("CONDA_PREFIX", str(stray))
    python = make(shop, shop.plan())
    assert python.is_relative_to(shop.home)


def test_a_new_lock_makes_a_new_environment_and_the_old_one_goes_only_afterwards(shop: Shop) -> None:
    old = shop.plan()
    old_python = make(shop, old)
    line = shop.offer("tiny", "2.0", {"tiny/__init__.py": b"number = 8\n"})
    new = shop.plan(line, proof="import tiny; assert tiny.number == 8")
    assert "other packages" in standing(shop.home, new).reason

    broken = dataclasses.replace(new, proof=("-c", "raise SystemExit('no')"))
    with pytest.raises(Exception, match="does not run"):
        make(shop, broken)
    assert standing(shop.home, old, thorough=True).python == old_python

    python = make(shop, new)
    assert says(python, "import tiny; print(tiny.number)") == "8"
    assert environments(shop) == [python.parent.parent.name]


def test_a_new_version_of_the_addon_with_the_same_lock_keeps_the_environment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = shop.plan()
    python = make(shop, plan)
    monkeypatch.setattr("backend.environment.build.__version__", "99.0.0")
    assert make(shop, plan) == python


@pytest.mark.parametrize("damage", ["missing", "emptied", "no-python"])
def test_a_damaged_environment_is_noticed_and_repaired(shop: Shop, damage: str) -> None:
    plan = shop.plan()
    python = make(shop, plan)
    module = next(shop.home.glob("core-*/**/tiny/__init__.py"))
    match damage:
        case "missing":
            module.unlink()
        case "emptied":
            module.unlink()  # else the cache's copy, which may be the same file, is emptied too
            module.touch()
        case "no-python":
            python.unlink()
    found = standing(shop.home, plan, thorough=True)
    assert found.python is None and ("missing" in found.reason or "damaged" in found.reason)
    repaired = make(shop, plan, online=False)
    assert says(repaired, "import tiny; print(tiny.number)") == "7"


def test_a_moved_folder_keeps_working(shop: Shop) -> None:
    plan = shop.plan()
    make(shop, plan)
    elsewhere = shop.folder / "moved" / "elsewhere"
    elsewhere.parent.mkdir()
    shutil.move(shop.home, elsewhere)
    found = standing(elsewhere, plan, thorough=True)
    assert found.python and found.python.is_relative_to(elsewhere)
    assert says(found.python, "import tiny; print(tiny.number)") == "7"


@pytest.mark.skipif(os.name == "nt", reason="a copied python.exe does not find its library on Windows")
def test_an_interpreter_that_went_with_an_old_blender_is_replaced(shop: Shop) -> None:
    plans = []
    for version in ("5.0", "5.1"):
        folder = shop.folder / f"blender-{version}" / "python"
        (folder / "bin").mkdir(parents=True)
        own = Path(sys.executable).resolve()
        shutil.copy2(own, folder / "bin" / own.name)
        library = Path(sysconfig.get_path("stdlib"))
        (folder / "lib").mkdir()
        (folder / "lib" / library.name).symlink_to(library)
        plans.append(shop.plan(interpreter=folder / "bin" / own.name))
    python = make(shop, plans[0])
    assert says(python, "import sys; print(sys._base_executable)").startswith(str(shop.folder / "blender-5.0"))
    shutil.rmtree(shop.folder / "blender-5.0")
    found = standing(shop.home, plans[1])
    assert found.python is None and "is gone" in found.reason
    repaired = make(shop, plans[1], online=False)
    assert says(repaired, "import tiny; print(tiny.number)") == "7"
    assert not python.exists()


@pytest.mark.parametrize("name", ["with spaces & (brackets)", "Füße – 中間割り", "quote's %TEMP% $HOME"])
def test_any_folder_name_will_do(shop: Shop, name: str) -> None:
    shop.home = shop.folder / name / "home"
    python = make(shop, shop.plan())
    assert says(python, "import tiny; print(tiny.number)") == "7"


@pytest.mark.parametrize("years", [-30, 30])
def test_a_wrong_clock_does_no_harm(shop: Shop, years: int) -> None:
    shop.web.clock_seconds = years * 365 * 86400.0
    plan = shop.plan()
    python = make(shop, plan)
    then = time.time() + years * 365 * 86400
    for path in [*shop.home.rglob("*"), shop.home]:
        os.utime(path, (then, then), follow_symlinks=False)
    assert standing(shop.home, plan, thorough=True).python == python
    again = make(shop, plan, online=False, anew=True)
    assert says(again, "import tiny; print(tiny.number)") == "7"


@pytest.mark.parametrize(
    "rubbish",
    ["", "{", "[]", '{"version": 1}', '{"version": 2, "folder": "core-1"}', "\0" * 100, "[" * 100_000],
)
def test_a_stamp_that_cannot_be_read_means_not_installed(shop: Shop, rubbish: str) -> None:
    plan = shop.plan()
    (shop.home / "core.json").write_text(rubbish)
    assert standing(shop.home, plan).python is None


@pytest.mark.parametrize("folder", ["../elsewhere", "core-1/../..", "/", "diffusion-1", ""])
def test_a_stamp_never_points_outside_its_folder(shop: Shop, folder: str) -> None:
    plan = shop.plan()
    make(shop, plan)
    stamp = shop.home / "core.json"
    good = read_stamp(shop.home, Level.CORE)
    assert good
    stamp.write_text(stamp.read_text().replace(good.folder, folder))
    assert read_stamp(shop.home, Level.CORE) is None


def test_a_level_can_be_removed(shop: Shop) -> None:
    plan = shop.plan()
    make(shop, plan)
    remove(shop.home, Level.CORE)
    assert standing(shop.home, plan).python is None
    assert environments(shop) == []


def test_an_updated_addon_finds_only_whole_environments_whatever_lies_around(shop: Shop) -> None:
    (shop.home / "core-unfinished" / "bin").mkdir(parents=True)
    (shop.home / "core-unfinished" / "bin" / "python").write_text("not a program")
    python = make(shop, shop.plan())
    assert environments(shop) == [python.parent.parent.name]


def test_what_a_killed_update_left_beside_a_ready_environment_is_cleared_away(shop: Shop) -> None:
    plan = shop.plan()
    python = make(shop, plan)
    (shop.home / "core-leftover").mkdir()
    (shop.home / "core-leftover" / "large").write_bytes(bytes(1000))
    assert make(shop, plan, online=False) == python
    assert environments(shop) == [python.parent.parent.name]


def test_progress_ends_at_what_was_expected_and_never_runs_backwards(shop: Shop) -> None:
    heard: list[tuple[int, int]] = []
    stages: list[str] = []

    class Follower:
        def stage(self, sentence: str) -> None:
            stages.append(sentence)

        def progress(self, done_bytes: int, of_bytes: int) -> None:
            heard.append((done_bytes, of_bytes))

    shop.web.pause_seconds, shop.web.block = 0.05, 100_000
    big = shop.offer("big", "1.0", {"big.py": b"#" + os.urandom(3_000_000).hex().encode()})
    plan = shop.plan(big, proof="import big", unpacked_bytes=6_000_000)
    ensure(plan, shop.home, Follower(), online=True)
    done = [part for part, _ in heard]
    assert done == sorted(done) and done[-1] > 5_000_000
    assert all(part <= whole for part, whole in heard)
    assert len(set(done)) > 2
    assert stages[0] == "Preparing" and stages[-1] == "Trying it out"
