"""`tooncrafter colour`: folders of line drawings through the real command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.test_colouring import RED, coloured, lines

ROOT = Path(__file__).resolve().parents[2]


def colour(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend", "colour", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    """Seven line drawings, and the coloured fourth beside the folder."""
    folder = tmp_path / "lines ü"
    folder.mkdir()
    for number in range(7):
        pixels = (lines(number * 10) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"shot_{number + 101:04d}.png")
    Image.fromarray(np.rint(coloured(30) * 255).astype(np.uint8)).save(tmp_path / "coloured.png")
    return folder


def test_a_sequence_is_coloured_in_both_directions_from_one_reference(drawings: Path, tmp_path: Path) -> None:
    done = colour(drawings, "--reference", f"104={tmp_path / 'coloured.png'}", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    made = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in made] == [f"shot_{number:04d}.png" for number in range(101, 108)]
    for number, path in enumerate(made):
        assert Image.open(path).convert("RGBA").getpixel((50 + number * 10, 100)) == (*RED, 255)
    assert not (tmp_path / "out_work").exists()


def test_a_blank_drawing_in_the_middle_stays_blank_and_the_next_keeps_its_colours(
    drawings: Path, tmp_path: Path
) -> None:
    Image.new("L", (200, 140), 255).save(drawings / "shot_0105.png")
    done = colour(drawings, "--reference", f"104={tmp_path / 'coloured.png'}", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    made = {path.stem: Image.open(path).convert("RGBA") for path in (tmp_path / "out").iterdir()}
    assert len(made) == 7 and not made["shot_0105"].getextrema()[3][1]
    assert made["shot_0106"].getpixel((100, 100)) == (*RED, 255)


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("9=coloured.png", "no line drawing with the number 9"),
        ("x=coloured.png", "must look like"),
        ("104=none.png", "is not there"),
    ],
)
def test_a_reference_that_does_not_fit_is_a_sentence_and_exit_code_2(
    drawings: Path, tmp_path: Path, reference: str, sentence: str
) -> None:
    number, _, name = reference.partition("=")
    done = colour(drawings, "--reference", f"{number}={tmp_path / name}", "-o", tmp_path / "out")
    assert (done.returncode, sentence in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()


def test_a_picture_that_is_there_is_not_replaced(drawings: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "shot_0103.png").write_bytes(b"mine")
    done = colour(drawings, "--reference", f"104={tmp_path / 'coloured.png'}", "-o", tmp_path / "out")
    assert done.returncode == 2 and "exists already" in done.stderr
    assert (tmp_path / "out" / "shot_0103.png").read_bytes() == b"mine"
