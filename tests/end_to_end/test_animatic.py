"""`tooncrafter animatic`: storyboards through the real command."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.film import open_film
from tests.rough_panels import darkness, roughness, write_panels

ROOT = Path(__file__).resolve().parents[2]
#: Where the figure is in each panel, in pixels; after the third there is a cut.
PLACES = ((70, 80), (110, 70), (150, 80), (250, 60), (215, 66))


def animatic(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend", "animatic", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


def place_of(path: Path) -> float:
    """Where the figure's head is, in pixels from the left."""
    above = darkness(path)[:110]
    return float(np.average(np.arange(above.shape[1]), weights=above.sum(0)))


def blacker_than_paper(path: Path) -> float:
    return float(darkness(path).sum())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board of two shots, five panels, and what became of it in out/."""
    place = tmp_path_factory.mktemp("board ü")
    write_panels(place / "panels", PLACES)
    (place / "board.txt").write_text(
        "[Arrival]\npanels/panel_1.png 8\npanels/panel_2.png 6\npanels/panel_3.png 4\n"
        "[The “look”]\npanels/panel_4.png 0.25s\npanels/panel_5.png\n",
        encoding="utf-8",
    )
    arguments = ["-o", place / "out", "--move", "4", "--panel", "5", "--film", place / "out" / "board.mp4"]
    done = animatic(place / "board.txt", *arguments)
    assert done.returncode == 0, done.stderr
    assert "2 shots of 5 panels, 29 frames, 12 drawn" in done.stdout
    return place


def test_every_shot_is_a_folder_that_lasts_as_long_as_its_panels(made: Path) -> None:
    folders = sorted(path for path in (made / "out").iterdir() if path.is_dir())
    assert [path.name for path in folders] == ["001_Arrival", "002_The_look"]
    assert [len(list(path.iterdir())) for path in folders] == [18, 11]
    assert not (made / "out_work").exists()


def test_panels_are_held_pixel_by_pixel_and_seen_at_their_own_frame(made: Path) -> None:
    shots = (("001_Arrival", {1: 1, 4: 1, 9: 2, 10: 2, 15: 3, 18: 3}), ("002_The_look", {1: 4, 2: 4, 7: 5, 11: 5}))
    for shot, panels in shots:
        for frame, panel in panels.items():
            with Image.open(made / "out" / shot / f"{frame:04d}.png") as image:
                given = Image.open(made / "panels" / f"panel_{panel}.png")
                assert np.array_equal(np.asarray(image.convert("RGB")), np.asarray(given)), (shot, frame)


def test_the_figure_moves_between_panels_of_a_shot_and_never_across_the_cut(made: Path) -> None:
    first = [place_of(path) for path in sorted((made / "out" / "001_Arrival").iterdir())]
    assert all(later > earlier - 1.5 for earlier, later in pairwise(first)), first
    assert first[4] < first[6] < first[8] and max(first) < first[-1] + 3
    second = [place_of(path) for path in sorted((made / "out" / "002_The_look").iterdir())]
    assert min(second) > max(first) + 30, "the second shot begins where its own panel is"


def test_rough_lines_stay_rough(made: Path) -> None:
    """Grain and lines drawn over several times are neither smoothed away nor thinned out."""
    keys = [made / "panels" / f"panel_{number}.png" for number in (1, 2)]
    drawn = [made / "out" / "001_Arrival" / f"{frame:04d}.png" for frame in (5, 6, 7, 8)]
    for path in drawn:
        assert roughness(path) > 0.8 * min(map(roughness, keys)), path.name
        assert blacker_than_paper(path) > 0.75 * min(map(blacker_than_paper, keys)), path.name


def test_the_film_is_the_whole_board(made: Path) -> None:
    film = open_film(made / "out" / "board.mp4")
    assert (film.count, film.rate, film.size) == (29, 24, (320, 180))


def test_a_movie_for_each_shot_and_what_is_there_is_not_replaced(made: Path, tmp_path: Path) -> None:
    words = [f"{made / 'panels' / 'panel_1.png'}:3", f"{made / 'panels' / 'panel_2.png'}:3", "cut"]
    words.append(f"{made / 'panels' / 'panel_4.png'}:2")
    arguments = [*words, "-o", tmp_path, "--movies", "mp4", "--engine", "hold", "--fps", "12"]
    done = animatic(*arguments)
    assert done.returncode == 0, done.stderr
    assert [open_film(path).count for path in sorted(tmp_path.glob("*.mp4"))] == [6, 2]
    again = animatic(*arguments)
    assert again.returncode == 2 and "001.mp4” exists already" in again.stderr
    assert animatic(*arguments, "--overwrite").returncode == 0
    (tmp_path / "2024 notes").mkdir()
    shorter = animatic(*words[:2], *arguments[len(words) :], "--overwrite")
    assert shorter.returncode == 0
    assert "still holds shots of an earlier board: “002.mp4” (1)." in shorter.stdout + shorter.stderr
    assert (tmp_path / "002.mp4").exists(), "nobody's film is deleted"


def test_killed_the_same_command_goes_on_and_a_shorter_one_tells_what_is_left_of_a_longer(
    made: Path, tmp_path: Path
) -> None:
    panels = [made / "panels" / f"panel_{number}.png" for number in (1, 2, 3)]
    arguments = [*map(str, panels), "-o", tmp_path / "out", "--panel", "8"]
    command = [sys.executable, "-m", "backend", "animatic", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(tmp_path.glob("out_work/*/frames/*.png")):
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "out").exists(), "killed before the end"
    assert list(tmp_path.glob("out_work/*/frames/*.png")), "what was drawn is kept"
    assert animatic(*arguments).returncode == 0
    assert animatic(*arguments[:3], "-o", tmp_path / "whole", "--panel", "8").returncode == 0
    resumed, whole = (
        {path.name: np.asarray(Image.open(path)).tobytes() for path in (tmp_path / name / "001").iterdir()}
        for name in ("out", "whole")
    )
    assert resumed == whole and len(whole) == 24

    shorter = animatic(*panels, "-o", tmp_path / "out", "--panel", "5", "--overwrite")
    assert shorter.returncode == 0
    assert "of an earlier, longer result, from “0016.png” on (9)" in shorter.stdout + shorter.stderr
    assert len(list((tmp_path / "out" / "001").iterdir())) == 24, "nobody's pictures are deleted"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["none.png:3", "b.png"], "none.png” is not there"),
        (["board.txt"], "There is no board"),
        (["{made}/panels/panel_1.png", "cut", "{made}/panels/panel_2.png"], "nothing to draw"),
        (["{made}/panels", "--move", "0"], "at least one frame"),
        (["{made}/panels", "--film", "x.avi"], "must end in"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_exit_code_2(
    made: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    done = animatic(*(word.format(made=made) for word in words), "-o", tmp_path / "out")
    assert (done.returncode, sentence in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()
