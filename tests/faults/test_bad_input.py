"""Every command refuses bad input with exit code 2 and a sentence, as a real process, and leaves nothing behind."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.cli import _parser
from backend.pictures import write_picture
from tests.end_to_end.driving import ROOT
from tests.end_to_end.jobs import ball, make_job

#: What is typed after `tooncrafter` -> what the refusal says. A word ending in ! needs an extra or loads a large
#: library first, which takes long.
TABLE: dict[str, str] = {
    "": "required: COMMAND",
    "dance": "invalid choice: 'dance'",
    "inbetween picture.png nothing.png -o out": "nothing.png” is not there.",
    "inbetween folder picture.png -o out": "“folder” cannot be read: it is no ordinary file.",
    "inbetween picture.png picture.png --engine hold -o text.png": "“text.png” cannot be written",
    "run": "required: JOBDIR",
    "run nothing": "There is no job.json in “nothing”.",
    "run folder": "There is no job.json in “folder”.",
    "run text.png": "There is no job.json in “text.png”.",
    "run damaged": "job.json” cannot be read",
    "run later": "is written for contract version 99",
    "run keyless": "0004.png” is not there.",
    "run job --device tpu": "invalid choice: 'tpu'",
    "run heavy --weights nothing.safetensors !": "There are no weights of the model at “nothing.safetensors”.",
    "run heavy --weights text.ckpt !": "“text.ckpt” was not made by `tooncrafter weights import`.",
    "run heavy --lora show@strong !": "“strong” is not a strength.",
    "trace nothing": "There is no job.json in “nothing”.",
    "trace damaged": "job.json” cannot be read",
    "preview nothing --sheet out.png": "There is no job.json in “nothing”.",
    "preview job": "Neither a sheet nor a video is asked for.",
    "preview job --video out.avi": "must end in .mp4 or .gif.",
    "preview keyless --sheet out.png": "0004.png” is not there.",
    "batch nothing": "There is no folder “nothing”.",
    "batch folder": "There are no job folders in",
    "batch job --share 3/2": "“3/2” must look like 2/3",
    "batch job --device gpu9": "“gpu9” is not a device.",
    "worker now": "unrecognized arguments: now",
    "doctor now": "unrecognized arguments: now",
    "weights": "required: ACTION",
    "weights status now": "unrecognized arguments: now",
    "weights import folder": "There is no ToonCrafter checkpoint in “folder”.",
    "weights import folder folder": "A folder is searched alone.",
    "weights import nothing.ckpt !": "There is no file “nothing.ckpt”.",
    "weights import text.ckpt !": "is no checkpoint of a kind that is known here.",
    "weights import text.ckpt --variant nothing.yaml !": "“nothing.yaml” cannot be read",
    "weights import text.ckpt --variant text.yaml !": "“text.yaml” is not a configuration of this model",
    "weights download everything": "There is nothing called everything.",
    "weights download --mirror ftp://a/b": "“ftp://a/b” is no web address.",
    "dataset": "required: ACTION",
    "dataset build nothing out": "There is no folder “nothing”.",
    "dataset build folder out": "is nothing to cut clips from.",
    "dataset build folder text.png": "“text.png” is there already.",
    "dataset build folder out --size 5x5": "“5x5” is not a size such as 512x320",
    "dataset build folder out --held-out nan": "--held-out at least 0 and below 1.",
    "dataset show nothing": "There is no dataset in “nothing”.",
    "dataset show damaged": "index.json”, the file must be a JSON object.",
    "train dance text.yaml": "invalid choice: 'dance'",
    "train rectify text.yaml --steps some": "invalid int value: 'some'",
    "train rectify nothing.yaml !": "“nothing.yaml” cannot be read as the description of a training",
    "train rectify text.yaml !": "“text.yaml” cannot be read as the description of a training",
    "train rectify number.yaml !": "it holds no names with values.",
    "train rectify folder !": "“folder” cannot be read as the description of a training: it is no ordinary file.",
    "smooth nothing.mp4 -o out": "There is no movie and no folder “nothing.mp4”.",
    "smooth text.mp4 -o out": "The movie “text.mp4” cannot be read",
    "smooth job/keys -o out --frames 9-1": "Frames 9 to 1 are no part of a film.",
    "smooth job/keys -o out --fps 1/0": "“1/0” is no frame rate",
    "smooth job/keys -o out --source-fps fast": "“fast” is no frame rate",
    "smooth job/keys -o out.avi": "“out.avi” must end in .mp4, .mov, .mkv, .webm",
    "smooth job/keys -o job/keys": "0001.png” exists already; nothing was drawn.",
    "colour nothing --reference picture.png -o out": "There is no folder “nothing”.",
    "colour folder --reference picture.png -o out": "There are no pictures in “folder”.",
    "colour job/keys --reference text.png -o out": "“text.png” cannot be read",
    "colour job/keys --reference 99=picture.png -o out": "There is no line drawing with the number 99",
    "colour job/keys -o out": "required: --reference",
    "animatic nothing -o out": "“nothing” is not there.",
    "animatic folder -o out": "There is no panel in “folder”.",
    "animatic job/keys -o out --panel soon": "“soon” must look like 36 (frames) or 1.5s.",
    "animatic job/keys -o out --fps x2": "a board has no rate of its own.",
    "animatic text.png:5 picture.png:5 -o out": "“text.png” cannot be read",
    "animatic picture.png:0 picture.png:5 -o out": "A panel cannot last “0”",
    "stills -o out": "No picture is asked for.",
    "stills -o out --of picture.png 2": "it has no frame 2.",
    "stills -o out --of text.mp4 1": "The movie “text.mp4” cannot be read",
    "stills -o out --list text.png": "is no number of a frame; the first is 1.",
    "web --port one": "invalid int value: 'one'",
    "web --port 99999 !": "--port 99999: a port is a number from 1 to 65535.",
    "web --host 203.0.113.9 !": "The page cannot be served at 203.0.113.9",
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the table names, whole and damaged."""
    folder = tmp_path_factory.mktemp("bad input ü")
    for name in ("text.png", "text.mp4", "text.yaml", "text.ckpt"):
        (folder / name).write_text("hello: [world")
    write_picture(folder / "picture.png", ball(30))
    (folder / "number.yaml").write_text("0")
    (folder / "folder").mkdir()
    for name in ("job", "damaged", "later", "keyless", "heavy"):
        make_job(folder / name, (1, 4), engine="tooncrafter" if name == "heavy" else "hold")
    (folder / "damaged/job.json").write_text('{"version": 1')
    (folder / "damaged/index.json").write_text("[]")
    later = json.loads((folder / "later/job.json").read_text()) | {"version": 99}
    (folder / "later/job.json").write_text(json.dumps(later))
    (folder / "keyless/keys/0004.png").unlink()
    return folder


def everything_in(folder: Path) -> dict[str, bytes]:
    """The files in a folder but for what the jobs themselves note down."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in ("log.txt", "result.json"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(*row, id=row[0], marks=[pytest.mark.long] if row[0].endswith("!") else [])
        for row in TABLE.items()
    ],
)
def test_a_command_refuses_it_with_exit_code_2_and_a_sentence(
    place: Path, tmp_path: Path, words: str, sentence: str
) -> None:
    if words.startswith(("smooth", "animatic", "stills")):
        pytest.importorskip("av", reason="needs the extra `film`")
    before = everything_in(place)
    environment = {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "XDG_DATA_HOME": str(tmp_path)}
    environment["LOCALAPPDATA"] = str(tmp_path)
    refused = subprocess.run(
        [sys.executable, "-m", "backend", *words.removesuffix("!").split()],
        cwd=place,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    said = refused.stderr.strip()
    assert refused.returncode == 2, said
    assert sentence in said and "Traceback" not in said
    assert refused.stdout == "", "whoever reads its output takes no complaint for a result"
    last = said.splitlines()[-1]
    assert last.startswith("tooncrafter"), said
    if " error: " not in last:  # which is how the reader of options puts it
        assert last.startswith("tooncrafter: ") and last.endswith("."), "whole sentences"
    assert everything_in(place) == before, "nothing is left and nothing is changed"


def test_no_command_is_left_out() -> None:
    asked = {tuple(words.removesuffix("!").split()) for words in TABLE}
    left_out = [path for path in _commands(_parser()) if not any(words[: len(path)] == path for words in asked)]
    assert left_out == []


def _commands(parser: argparse.ArgumentParser, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and action that can be typed."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield (*before, name)
                yield from _commands(inner, (*before, name))
