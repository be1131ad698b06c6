"""The texts that farms read, run for real as far as each farm's own tools go, down to strips in a scene."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.jobs import frames_of, make_job

ROOT = Path(__file__).resolve().parents[2]
FARM = ROOT / "farm"
NODE = shutil.which("node")
OPENJD = shutil.which(
    "openjd", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
)

needs_node = pytest.mark.skipif(NODE is None, reason="needs Node")
needs_openjd = pytest.mark.skipif(OPENJD is None, reason="needs openjd-cli")


def blender_python() -> Path | None:
    """A Python with the `bpy` module, as `tasks.py test` makes it."""
    inside = Path("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    return next(
        (python for folder in sorted(ROOT.glob(".venv-blender-*")) if (python := folder / inside).exists()), None
    )


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """`blender` and `tooncrafter` as programs of one word each, as farms start them."""
    python = blender_python()
    if python is None or sys.platform == "win32":
        pytest.skip("needs an environment with the bpy module, and shell scripts")
    place = tmp_path_factory.mktemp("programs")
    lines = {
        "blender": f'exec "{python}" "{ROOT}/tests/farm/blender_module.py" "$@"',
        "tooncrafter": f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m backend "$@"',
    }
    for name, line in lines.items():
        (place / name).write_text(f"#!/bin/sh\n{line}\n")
        (place / name).chmod(0o755)
    return {name: str(place / name) for name in lines}


@pytest.fixture
def shot(programs: dict[str, str], tmp_path: Path) -> Path:
    file = tmp_path / "shot ä 1.blend"
    subprocess.run([programs["blender"], "--make", file], check=True, capture_output=True)
    return file


def strips(programs: dict[str, str], file: Path) -> list[list[int]]:
    shown = subprocess.run([programs["blender"], "--strips", file], check=True, capture_output=True, text=True)
    line = next(line for line in shown.stdout.splitlines() if line.startswith("strips:"))
    return sorted(json.loads(line.removeprefix("strips:")))


def compile_job(**settings: object) -> dict[str, Any]:
    """What Flamenco Manager would make of a job with these settings."""
    submitted = {"name": "shot", "created": "2026-01-02_030405", "settings": settings}
    command = [
        NODE or "",
        ROOT / "tests/farm/flamenco_manager.js",
        FARM / "flamenco_inbetween.js",
        json.dumps(submitted),
    ]
    compiled = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(compiled.stdout)
    return result


@needs_node
def test_flamenco_captures_draws_and_imports_in_that_order() -> None:
    compiled = compile_job(
        ranges="1-48, 60-96", blendfile="/s/shot.flamenco.blend", storage="/s/jobs/", object="Art"
    )
    tasks = {task["number"]: task for task in compiled["tasks"]}
    waits = {task["name"]: {tasks[number]["name"] for number in task["dependencies"]} for task in tasks.values()}
    assert waits == {
        "capture-f1-48": set(),
        "draw-f1-48": {"capture-f1-48"},
        "capture-f60-96": set(),
        "draw-f60-96": {"capture-f60-96"},
        "import": {"draw-f1-48", "draw-f60-96"},
    }
    commands = {task["name"]: task["commands"] for task in tasks.values()}
    assert all(len(listed) == 1 and listed[0]["name"] == "exec" for listed in commands.values())
    assert all(isinstance(word, str) for (one,) in commands.values() for word in one["parameters"]["args"])
    assert commands["draw-f60-96"][0]["parameters"] == {
        "exe": "{tooncrafter}",
        "args": ["batch", "/s/jobs/shot-2026-01-02_030405/f60-96"],
    }
    capture = commands["capture-f1-48"][0]["parameters"]
    assert capture["exe"] == "{blender}" and "--frames=1-48" in capture["args"] and "Art" in capture["args"]
    assert compiled["settings"]["result"] == "/s/jobs/shot-2026-01-02_030405/shot-inbetweens.blend"


@needs_node
@pytest.mark.parametrize("ranges", ["", "12", "9-1", "1-48,", "all"])
def test_flamenco_refuses_what_is_no_range_with_a_sentence(ranges: str) -> None:
    assert "range" in compile_job(ranges=ranges, blendfile="/s/a.blend", storage="/s")["error"]


@needs_node
def test_what_flamenco_compiles_runs_from_keys_to_strips(
    programs: dict[str, str], shot: Path, tmp_path: Path
) -> None:
    compiled = compile_job(
        ranges="1-5, 5-9", blendfile=str(shot), storage=str(tmp_path / "storage"), engine="draft"
    )
    done: set[int] = set()
    for task in compiled["tasks"]:
        assert set(task["dependencies"]) <= done, "in the order of adding, every task's needs are met"
        for command in task["commands"]:
            exe = command["parameters"]["exe"].format(**programs)
            subprocess.run([exe, *command["parameters"]["args"]], check=True, capture_output=True)
        done.add(task["number"])
    assert strips(programs, Path(compiled["settings"]["result"])) == [[1, 6], [5, 10]]


@needs_openjd
def test_the_openjd_template_is_valid() -> None:
    subprocess.run([OPENJD or "", "check", FARM / "inbetween.openjd.yaml"], check=True, capture_output=True)


@needs_openjd
def test_the_openjd_template_runs_from_keys_to_strips(programs: dict[str, str], shot: Path, tmp_path: Path) -> None:
    jobs, result = tmp_path / "jobs", tmp_path / "result.blend"
    parameters = {
        "BlendFile": shot,
        "Jobs": jobs,
        "Result": result,
        "Frames": "1-9",
        "Machines": 2,
        "Blender": programs["blender"],
        "Tooncrafter": programs["tooncrafter"],
    }
    given = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
    template = FARM / "inbetween.openjd.yaml"
    ran = subprocess.run(
        [OPENJD or "", "run", template, *given, "--step", "Import", "--run-dependencies"],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    (folder,) = jobs.iterdir()
    assert len(frames_of(folder)) == 6
    assert strips(programs, result) == [[1, 10]]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_the_slurm_script_draws_every_job_once_over_all_array_tasks(tmp_path: Path) -> None:
    tool = tmp_path / "tooncrafter"
    tool.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m backend "$@"\n')
    tool.chmod(0o755)
    for index in range(5):
        make_job(tmp_path / f"jobs/shot_{index}", (1, 3), engine="hold")
    drawn = []
    for index in (1, 2):
        environment = os.environ | {
            "SLURM_ARRAY_TASK_ID": str(index),
            "SLURM_ARRAY_TASK_COUNT": "2",
            "TOONCRAFTER": str(tool),
        }
        script = ["sh", str(FARM / "slurm.sh"), str(tmp_path / "jobs")]
        ran = subprocess.run(script, env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        drawn.append(sum(bool(frames_of(folder)) for folder in (tmp_path / "jobs").iterdir()))
    assert drawn == [3, 5]
    assert (FARM / "slurm.sh").read_text().splitlines()[5].startswith("#SBATCH "), "directives come before commands"
