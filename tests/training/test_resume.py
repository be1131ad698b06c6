"""A run that was killed goes on as if nothing had happened; one that diverges harms nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from backend.errors import UserError
from backend.training.configuration import TrainingConfiguration
from backend.training.loop import STATES
from backend.training.run_state import newest_state, write_state
from backend.training.stages import train

from . import small

ROOT = Path(__file__).resolve().parents[2]


def states(out: Path) -> list[Path]:
    return sorted((out / STATES).glob("state-*.pt"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(("stage", "precision"), [("rectify", "no"), ("decoder", "bf16")])
def test_a_run_killed_at_any_moment_ends_with_the_very_weights_of_one_that_was_not(
    model: Path, dataset: Path, tmp_path: Path, stage: str, precision: str
) -> None:
    def told(name: str) -> TrainingConfiguration:
        return small.told(dataset, model, tmp_path / name, steps=7, precision=precision, accumulation=2)

    (whole,) = train(stage, told("whole"), lambda line: None)

    command = [sys.executable, "-m", "backend", "train", stage]
    command.append(str(small.write_told(tmp_path / "killed.yaml", told("killed"))))
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not states(tmp_path / "killed"):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "model.safetensors").exists()

    said: list[str] = []
    (gone_on,) = train(stage, told("killed"), said.append)
    assert any(line.startswith("going on after step") for line in said)
    one, other = load_file(whole), load_file(gone_on)
    assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_state_that_is_cut_short_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    write_state(tmp_path, 2, {"numbers": torch.arange(3)})
    newer = write_state(tmp_path, 4, {"numbers": torch.arange(3)})
    newer.write_bytes(newer.read_bytes()[:200])
    state = newest_state(tmp_path)
    assert state is not None and state["step"] == 2
    (tmp_path / "state-00000002.pt").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        newest_state(tmp_path)
    assert caught.value.code == "training-state-damaged"


def test_only_the_newest_states_are_kept(tmp_path: Path) -> None:
    for step in range(1, 6):
        write_state(tmp_path, step, {})
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["state-00000004.pt", "state-00000005.pt"]


def test_a_run_does_not_go_on_with_another_dataset_or_seed(model: Path, dataset: Path, tmp_path: Path) -> None:
    told = small.told(dataset, model, tmp_path / "run", steps=2)
    train("rectify", told, lambda line: None)
    told.seed += 1
    with pytest.raises(UserError) as caught:
        train("rectify", told, lambda line: None)
    assert caught.value.code == "training-state-foreign" and "seed" in caught.value.sentence


def test_numbers_that_are_not_finite_change_no_weight_and_end_the_run_in_a_sentence(
    model: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss is NaN from the third step on: the weights stay those of the second, and the state too."""
    from backend.training import rectify_stage

    true_loss, calls = rectify_stage.velocity_loss, 0

    def sometimes(predicted: torch.Tensor, noised: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        loss = true_loss(predicted, noised)  # type: ignore[arg-type]
        return loss * float("nan") if calls > 2 else loss

    monkeypatch.setattr(rectify_stage, "velocity_loss", sometimes)
    told = small.told(dataset, model, tmp_path / "run", steps=100, average=0.0)
    with pytest.raises(UserError) as caught:
        train("rectify", told, lambda line: None)
    assert caught.value.code == "training-diverged" and not caught.value.bad_input
    state = newest_state(tmp_path / "run" / STATES)
    assert state is not None
    first = torch.load(states(tmp_path / "run")[0], weights_only=True)
    for saved in (first, state):
        assert all(torch.isfinite(numbers).all() for numbers in saved["players"]["prior"])
    assert all(
        torch.equal(one, other)
        for one, other in zip(first["players"]["prior"], state["players"]["prior"], strict=True)
    )


def test_progress_is_written_for_tensorboard(model: Path, dataset: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train("rectify", small.told(dataset, model, tmp_path / "run", steps=3), lambda line: None)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("training/velocity")] == [1, 2, 3]
    assert [event.step for event in events.Scalars("held-out/velocity")] == [3]
    assert events.Images("held-out")
