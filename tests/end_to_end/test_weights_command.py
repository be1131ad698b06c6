"""`tooncrafter weights …` as people type it, against a web server on this computer."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.commands.weights import _groups
from backend.errors import UserError
from tests.unit.web import Web, serve

ROOT = Path(__file__).resolve().parents[2]
PATH = "/Doubiiu/ToonCrafter/resolve/main/model.ckpt"


def tooncrafter(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"TOONCRAFTER_WEIGHTS": str(folder), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "backend", "weights", *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, encoding="utf-8")


def test_status_says_what_is_missing_and_how_large_it_is(tmp_path: Path) -> None:
    told = tooncrafter(tmp_path, "status")
    assert told.returncode == 0 and "missing" in told.stdout and "10.5 GB" in told.stdout
    facts = json.loads(tooncrafter(tmp_path, "status", "--json").stdout)
    assert facts["kinds"]["model"]["installed"] is False


def test_a_download_that_turns_out_to_be_something_else_is_refused_with_what_it_is(tmp_path: Path) -> None:
    page = b"<!DOCTYPE html><html>Please log in</html>" * 1000
    stated = {"X-Linked-Etag": f'"{hashlib.sha256(page).hexdigest()}"'}
    with serve(Web(files={PATH: page}, headers={PATH: stated})) as web:
        told = tooncrafter(tmp_path, "download", "--mirror", web.address, "--json")
    assert told.returncode == 2
    events = [json.loads(line) for line in told.stdout.splitlines()]
    assert events and events[-1]["done"] == events[-1]["of"] == len(page)
    assert "web page" in told.stderr and "Traceback" not in told.stderr
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_download_that_cannot_be_had_is_a_sentence_and_an_exit_code(tmp_path: Path) -> None:
    with serve() as web:
        told = tooncrafter(tmp_path, "download", "sketch-encoder", "--mirror", web.address)
    assert told.returncode == 2
    assert "does not have “sketch_encoder.ckpt”" in told.stderr and "Traceback" not in told.stderr
    assert tooncrafter(tmp_path, "download", "nonsense").returncode == 2


def test_a_folder_of_models_is_searched_for_what_belongs_together(tmp_path: Path) -> None:
    names = (
        "checkpoints/dynamicrafter/tooncrafter_512_interp-fp16.safetensors",
        "clip/stable-diffusion-2-1-clip-fp16.safetensors",
        "clip_vision/CLIP-ViT-H-fp16.safetensors",
        "controlnet/sketch_encoder.ckpt",
        "checkpoints/sd15.safetensors",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    model, sketch = _groups([tmp_path])
    assert [path.name for path in model] == [Path(name).name for name in names[:3]]
    assert [path.name for path in sketch] == ["sketch_encoder.ckpt"]
    (tmp_path / "model.ckpt").touch()
    assert _groups([tmp_path])[0] == [tmp_path / "model.ckpt"]


def test_a_folder_without_a_checkpoint_says_which_names_are_known(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        _groups([tmp_path])
    assert "model.ckpt" in caught.value.hint
