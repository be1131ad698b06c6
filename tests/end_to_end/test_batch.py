"""`tooncrafter batch`: a folder of jobs on this machine, with real processes, crashes and Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from backend.contract import messages
from backend.contract.result import State
from backend.errors import UserError
from backend.jobs.batch import ATTEMPTS, Outcome, Task, draw_all, find_tasks
from backend.jobs.batch_view import Tally, failures_table
from backend.jobs.drawing_process import DrawingProcess
from backend.machine.graphics_cards import environment_for, every_device, parse_devices
from tests.end_to_end.jobs import frames_of, make_job
from tests.farm.slow_jobs import make_slow_job
from tests.patience import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[2]


def batch(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "backend", "batch", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=PATIENCE_SECONDS)


def events_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Four jobs on two levels, one with a corrupt key, and a folder that only looks like one."""
    root = tmp_path / "Folge 1 – Schöner Tag"
    for name in ("act 1/shot_01", "act 1/shot_02", "act 2/shot_01", "act 2/shot_02"):
        make_job(root / name, engine="hold")
    (root / "act 2/shot_01/keys/0005.png").write_bytes(b"no picture")
    (root / "act 2/notes").mkdir()
    shutil.copytree(root / "act 1/shot_01", root / "act 1/shot_02/a copy inside a job")
    return root


def test_every_job_below_the_folder_is_drawn_and_the_failed_one_is_told(shots: Path) -> None:
    done = batch(shots)
    assert done.returncode == 1
    assert "3 of 4 jobs done" in done.stdout
    table = [line for line in done.stdout.splitlines() if line.startswith("act 2/shot_01")]
    assert len(table) == 1 and "0005.png” cannot be read" in table[0]
    assert "[4/4]" in done.stderr and "Traceback" not in done.stderr
    for name in ("act 1/shot_01", "act 1/shot_02", "act 2/shot_02"):
        assert len(frames_of(shots / name)) == 6
    assert not (shots / "act 1/shot_02/a copy inside a job/frames").exists()


def test_a_second_batch_makes_only_what_is_missing(shots: Path) -> None:
    first = events_of(batch(shots, "--json"))
    assert first[-1] == {"event": "batch", "done": 3, "failed": 1}
    before = frames_of(shots / "act 1/shot_02")
    (shots / "act 1/shot_02/frames/0003.png").unlink()
    shutil.copy(shots / "act 2/shot_02/keys/0005.png", shots / "act 2/shot_01/keys/0005.png")
    done = batch(shots, "--json", "--device", "cpu,cpu")
    settled = {event["name"]: event for event in events_of(done) if event["event"] == "settled"}
    assert done.returncode == 0
    assert {name: (event["made"], event["kept"]) for name, event in settled.items()} == {
        "act 1/shot_01": (0, 6),
        "act 1/shot_02": (1, 5),
        "act 2/shot_01": (6, 0),
        "act 2/shot_02": (0, 6),
    }
    assert frames_of(shots / "act 1/shot_02") == before


def test_bad_input_is_tried_once_and_damaged_job_files_are_told(shots: Path) -> None:
    (shots / "act 1/shot_01/job.json").write_text("{")
    settled = [event for event in events_of(batch(shots, "--json")) if event["event"] == "settled"]
    failed = {event["name"]: event for event in settled if event["state"] == "failed"}
    assert failed.keys() == {"act 1/shot_01", "act 2/shot_01"}
    assert {event["attempts"] for event in failed.values()} == {1}
    assert failed["act 1/shot_01"]["code"] == "job-unreadable"


def test_machines_that_divide_a_batch_draw_every_job_once(shots: Path) -> None:
    (shots / "act 1/shot_01/job.json").write_text("{")
    names: list[object] = []
    for share in ("1/2", "2/2"):
        settled = [event for event in events_of(batch(shots, "--share", share, "--json")) if "attempts" in event]
        names += [event["name"] for event in settled]
    assert sorted(map(str, names)) == ["act 1/shot_01", "act 1/shot_02", "act 2/shot_01", "act 2/shot_02"]
    assert len(frames_of(shots / "act 1/shot_02")) == len(frames_of(shots / "act 2/shot_02")) == 6


def test_a_batch_also_traces_strokes(tmp_path: Path) -> None:
    make_job(tmp_path / "shot", (1, 4), engine="hold")
    assert batch(tmp_path, "--strokes").returncode == 0
    assert len(list((tmp_path / "shot").glob("strokes/*"))) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{empty}"], "no job folders"),
        (["{empty}/nothing"], "no folder"),
        (["{shots}", "--device", "gpu"], "is not a device"),
        (["{shots}", "--device", "cpu,"], "is not a device"),
        (["{shots}", "--device", "cuda:99"], "no cuda:99"),
        (["{shots}", "--device", "cpu", "--scheduler", "x"], "not allowed with"),
        (["{shots}", "--share", "3/2"], "must look like"),
        (["{shots}", "--share", "0/2"], "must look like"),
        (["{shots}", "--share", "half"], "must look like"),
    ],
)
def test_what_cannot_begin_is_a_sentence_and_exit_code_2(
    shots: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    refused = batch(*(item.format(empty=tmp_path / "empty", shots=shots) for item in arguments))
    assert refused.returncode == 2
    assert words in refused.stderr and "Traceback" not in refused.stderr
    assert not list(shots.rglob("frames"))


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_control_c_stops_all_and_keeps_finished_drawings(tmp_path: Path) -> None:
    for index in range(3):
        make_slow_job(tmp_path / f"shot_{index}", seed=index, frames=200)
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", "batch", str(tmp_path), "--device", "cpu,cpu"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: sum(1 for _ in tmp_path.rglob("frames/*.png")) >= 4)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130 and "cancelled" in said and "Traceback" not in said
    kept = sum(1 for _ in tmp_path.rglob("frames/*.png"))
    assert 4 <= kept < 400
    assert not list(tmp_path.rglob("drawing")), "all have let go of their jobs"
    time.sleep(0.5)
    assert sum(1 for _ in tmp_path.rglob("frames/*.png")) == kept, "nobody draws on"


@pytest.mark.skipif(sys.platform == "win32", reason="/proc is asked for the children")
def test_a_drawing_process_that_is_killed_costs_one_more_try(tmp_path: Path) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("/proc is asked for the children")
    make_slow_job(tmp_path / "whole", seed=7, frames=20)
    batch(tmp_path / "whole")
    make_slow_job(tmp_path / "jobs/shot", seed=7, frames=20)
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", "batch", str(tmp_path / "jobs"), "--json", "--device", "cpu"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    said: list[dict[str, object]] = []
    for line in process.stdout:
        said.append(json.loads(line))
        if [event["event"] for event in said].count("frame") == 3 and said[-1]["event"] == "frame":
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for thread in Path(f"/proc/{process.pid}/task").iterdir():
                children += (thread / "children").read_text().split()
            for child in set(children):
                os.kill(int(child), signal.SIGKILL)
    process.stdout.close()
    assert process.wait() == 0
    settled = [event for event in said if event["event"] == "settled"]
    assert [(event["state"], event["again"], event["attempts"]) for event in settled] == [
        ("failed", True, 1),
        ("done", False, 2),
    ]
    assert "signal 9" in str(settled[0]["sentence"])
    frames = [event["frame"] for event in said if event["event"] == "frame"]
    assert len(frames) == len(set(frames)), "nothing was drawn twice"
    assert frames_of(tmp_path / "jobs/shot") == frames_of(tmp_path / "whole")


def test_a_drawing_process_serves_again_after_it_died(tmp_path: Path) -> None:
    make_job(tmp_path, (1, 3), engine="hold")
    process = DrawingProcess()
    try:
        assert process.run("job-1", tmp_path, lambda event: None) == messages.Done("job-1", 1, 0)
        process.kill()
        died = process.run("job-1", tmp_path, lambda event: None)
        assert isinstance(died, messages.Failed) and not died.bad_input
        assert process.run("job-1", tmp_path, lambda event: None) == messages.Done("job-1", 0, 1)
    finally:
        process.close()


class ScriptedCrew:
    """Settles tasks as it is told, and remembers what it was asked."""

    def __init__(self, again: dict[str, int], hopeless: Sequence[str] = ()) -> None:
        self.asked: list[tuple[list[str], dict[str, str]]] = []
        self._again, self._hopeless = dict(again), hopeless

    def draw(self, tasks, avoid, hear) -> Iterator[Outcome]:
        self.asked.append(([task.name for task in tasks], {folder.name: who for folder, who in avoid.items()}))
        for task in tasks:
            if task.name in self._hopeless:
                yield Outcome(task, State.FAILED, where="one", sentence="Bad.")
            elif self._again.get(task.name, 0) > 0:
                self._again[task.name] -= 1
                yield Outcome(task, State.FAILED, where="one", sentence="Crashed.", again=True)
            else:
                yield Outcome(task, State.DONE, made=1, seconds=1.0, where="two")

    def cancel(self) -> None: ...

    def close(self) -> None: ...


def tasks_called(*names: str) -> list[Task]:
    return [Task(Path(name), name, f"job-{name}", "hold", (4, 4)) for name in names]


class Silence:
    def heard(self, task: Task, event: messages.Event) -> None: ...

    def settled(self, outcome: Outcome) -> None: ...


def test_what_may_pass_is_tried_again_elsewhere_but_not_for_ever() -> None:
    crew = ScriptedCrew({"b": 1, "c": 99}, hopeless=["d"])
    failed = draw_all(tasks_called("a", "b", "c", "d"), crew, Silence())
    assert crew.asked == [
        (["a", "b", "c", "d"], {}),
        (["b", "c"], {"b": "one", "c": "one"}),
        (["c"], {"b": "one", "c": "one"}),
    ]
    assert [(outcome.task.name, outcome.attempts) for outcome in failed] == [("c", ATTEMPTS), ("d", 1)]
    table = failures_table(failed).splitlines()
    assert table[1].split() == ["c", "3", "Crashed."] and table[2].split() == ["d", "1", "Bad."]


def test_the_tally_counts_jobs_in_part_and_what_time_they_need() -> None:
    one, two, three = tasks_called("one", "two", "three")
    tally = Tally(3)
    assert tally.seconds_left == -1
    tally.heard(one, messages.Stage(one.job, "Looking"))
    tally.settled(Outcome(one, State.DONE, made=8, seconds=10))
    tally.heard(two, messages.Progress(two.job, segment=1, step=1, of=2))
    assert tally.jobs == 1.75
    assert tally.seconds_left == pytest.approx(12.5)
    tally.heard(two, messages.FrameReady(two.job, 2, "frames/0002.png"))
    assert tally.jobs == 1.75, "never backwards"
    tally.settled(Outcome(two, State.FAILED, again=True))
    assert (tally.jobs, tally.failed) == (1, 0)
    tally.settled(Outcome(two, State.FAILED))
    tally.settled(Outcome(three, State.DONE, kept=8, seconds=0.01))
    assert (tally.jobs, tally.failed, tally.seconds_left) == (3, 1, 0)


def test_jobs_are_found_in_order_and_never_inside_a_job(shots: Path) -> None:
    tasks, refused = find_tasks(shots)
    assert [task.name for task in tasks] == ["act 1/shot_01", "act 1/shot_02", "act 2/shot_01", "act 2/shot_02"]
    assert refused == [] and tasks[0].sizes == (3, 3)
    (only,), _ = find_tasks(shots / "act 1/shot_01")
    assert only.name == "shot_01"


def test_devices_become_what_a_process_may_see() -> None:
    assert environment_for("cuda:1", {}) == {"CUDA_VISIBLE_DEVICES": "1", "TOONCRAFTER_DEVICE": "cuda"}
    assert environment_for("cuda:1", {"CUDA_VISIBLE_DEVICES": "4,7"})["CUDA_VISIBLE_DEVICES"] == "7"
    assert environment_for("cpu", {}) == {"CUDA_VISIBLE_DEVICES": "-1", "TOONCRAFTER_DEVICE": "cpu"}
    assert environment_for("auto", {"CUDA_VISIBLE_DEVICES": "4"}) == {}
    assert parse_devices("cpu, auto,cpu") == ("cpu", "auto", "cpu")
    assert every_device(heavy=False) == ("auto",)
    with pytest.raises(UserError, match="is not a device"):
        parse_devices("cuda:-1")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
def test_on_a_terminal_bars_come_and_go_and_the_table_stays(shots: Path) -> None:
    import pty

    leader, follower = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "PYTHONUTF8": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", "batch", str(shots)],
        env=environment,
        stdout=follower,
        stderr=follower,
        stdin=follower,
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # the terminal is gone when the last process has closed it
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    assert process.wait() == 1
    text = shown.decode("utf-8")
    assert "of 4 jobs" in text and "3 of 4 jobs done" in text and "act 2/shot_01" in text
    assert "Traceback" not in text
