"""`tooncrafter stills` and parts of films: the very frames that were asked for, from movies and pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av", reason="needs the extra `film`")

from backend.errors import UserError
from backend.film import open_film, write_movie

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 600
SIZE = (64, 48)


def shade(number: int) -> int:
    """The gray of a frame; it comes back only after 25 frames."""
    return 5 + 10 * (number % 25)


def shade_of(pixels: np.ndarray) -> int:
    return round((float(pixels[..., :3].mean()) - 5) / 10)


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stills") / "numbered é.mp4"
    frames = (np.full((SIZE[1], SIZE[0], 3), shade(number), np.uint8) for number in range(FRAMES))
    write_movie(path, frames, Fraction(24), SIZE)
    return path


def stills(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend", "stills", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


@pytest.mark.parametrize("first", [1, 2, 100, 401, 599])
def test_a_part_of_a_movie_begins_and_ends_with_the_frames_that_were_asked_for(movie: Path, first: int) -> None:
    last = min(first + 6, FRAMES)
    part = open_film(movie, frames=(first, last))
    assert part.count == last - first + 1
    assert [shade_of(pixels) for pixels in part.frames()] == [
        (number - 1) % 25 for number in range(first, last + 1)
    ]


def test_a_movie_without_the_frame_is_a_sentence(movie: Path) -> None:
    with pytest.raises(UserError, match="has no frame 900"):
        next(open_film(movie, frames=(900, 901)).frames())


def test_a_list_names_pictures_in_any_order_and_more_than_once(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("RGBA", SIZE, (shade(number),) * 3).save(tmp_path / f"{number}.png")
    (tmp_path / "list.txt").write_text(f"2.png\n2.png\n{tmp_path / '0.png'}\n", encoding="utf-8")
    film = open_film(tmp_path / "list.txt")
    assert [shade_of(pixels) for pixels in film.frames()] == [2, 2, 0]
    (tmp_path / "2.png").unlink()
    with pytest.raises(UserError, match=r"2\.png.* is not there"):
        open_film(tmp_path / "list.txt")


def test_stills_have_the_size_of_the_first_and_say_what_was_fitted(movie: Path, tmp_path: Path) -> None:
    picture = tmp_path / "wide.png"
    Image.new("RGB", (100, 20), (255, 0, 0)).save(picture)
    done = stills("-o", tmp_path / "keys", "--of", movie, "587", "--of", picture, "1", "--json")
    assert done.returncode == 0, done.stderr
    notice, facts = (json.loads(line) for line in done.stdout.splitlines())
    assert "wide.png" in notice["sentence"] and "64 × 48" in notice["sentence"]
    assert facts == {"event": "done", "width": 64, "height": 48}
    first, second = (np.asarray(Image.open(tmp_path / "keys" / f"000{number}.png")) for number in (1, 2))
    assert shade_of(first) == 586 % 25
    assert tuple(second[24, 32]) == (255, 0, 0, 255) and second[0].max() == 0


@pytest.mark.parametrize(
    ("of", "sentence"),
    [(("absent.mp4", "1"), "absent.mp4"), (("{movie}", "0"), "no number"), (("{movie}", "700"), "no frame 700")],
)
def test_a_still_that_is_not_there_is_a_sentence(
    movie: Path, tmp_path: Path, of: tuple[str, str], sentence: str
) -> None:
    done = stills("-o", tmp_path / "keys", "--of", of[0].format(movie=movie), of[1])
    assert done.returncode == 2
    assert sentence in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "keys").exists()
