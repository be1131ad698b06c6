"""Storyboards as people keep them: a text file, a folder for each shot, or words on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..errors import UserError
from ..film import open_film

#: The word between two panels of which the second begins a new shot.
CUT = "cut"
_MOST_FRAMES = 100_000
_DURATION = re.compile(r"(\d{1,6})f?|(\d{1,6}(?:\.\d{1,6})?)s")
_SHOT = re.compile(r"\[(.*)\]")


@dataclass(frozen=True)
class BoardPanel:
    """A picture file and how many frames it lasts."""

    picture: Path
    frames: int


@dataclass(frozen=True)
class BoardShot:
    """Panels between two cuts. name: "" where it has none."""

    name: str
    panels: tuple[BoardPanel, ...]


@dataclass(frozen=True)
class Lasting:
    """How long panels last. frames: those that do not say it. rate: frames a second."""

    frames: int = 24
    rate: Fraction = Fraction(24)

    def of(self, text: str) -> int | None:
        """Return the frames that "36", "36f" or "1.5s" mean; None for what is no duration.

        Raises UserError("duration-invalid") for one that no panel can have.
        """
        match = _DURATION.fullmatch(text.strip())
        if match is None:
            return None
        frames = int(match[1]) if match[1] else round(Fraction(match[2]) * self.rate)
        if not 1 <= frames <= _MOST_FRAMES:
            raise UserError(
                "duration-invalid", f"A panel cannot last “{text}”; it is seen for 1 to {_MOST_FRAMES} frames."
            )
        return frames


def read_board(words: Sequence[str], lasting: Lasting) -> tuple[BoardShot, ...]:
    """Return the shots of a board, which is one of:

    - a text file: "[NAME]" begins a shot, every other line is a picture, with its duration after a space if it has
      one ("arrive 2.png 36", "face.png 1.5s"); "#" begins a remark; names of pictures are relative to the file;
    - a folder that holds one folder of numbered pictures for each shot, or the pictures of a single shot;
    - pictures, each as PICTURE or PICTURE:DURATION, with the word "cut" where a new shot begins.

    Raises UserError: "board-missing", "board-unreadable", "board-empty", "duration-invalid".
    """
    if len(words) == 1 and (place := Path(words[0])).suffix.lower() == ".txt":
        shots = _in_file(place, lasting)
    elif len(words) == 1 and place.is_dir():
        shots = _in_folder(place, lasting)
    else:
        shots = _in_words(words, lasting)
    found = tuple(shot for shot in shots if shot.panels)
    if not found:
        raise UserError("board-empty", f"There is no panel in “{' '.join(words)}”.", "Name some pictures.")
    return found


def _in_file(file: Path, lasting: Lasting) -> list[BoardShot]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise UserError("board-missing", f"There is no board “{file}”.", "Choose another one.") from error
    except (OSError, ValueError) as error:
        raise UserError(
            "board-unreadable", f"The board “{file}” cannot be read: {error}.", "Write it as UTF-8 text."
        ) from error
    shots = [BoardShot("", ())]
    for line in map(str.strip, lines):
        if not line or line.startswith("#"):
            continue
        if match := _SHOT.fullmatch(line):
            shots.append(BoardShot(match[1].strip(), ()))
            continue
        name, _, last = line.rpartition(" ")
        frames = lasting.of(last) if name else None
        picture = file.parent / (name.strip() if frames else line)
        shots[-1] = _with(shots[-1], BoardPanel(picture, frames or lasting.frames))
    return shots


def _in_folder(folder: Path, lasting: Lasting) -> list[BoardShot]:
    within = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [
        BoardShot(
            place.name if within else "", tuple(BoardPanel(path, lasting.frames) for path in _pictures(place))
        )
        for place in within or [folder]
    ]


def _pictures(folder: Path) -> Iterable[Path]:
    try:
        return open_film(folder).pictures
    except UserError as error:
        if error.code == "film-empty":  # folders may hold other things
            return ()
        raise


def _in_words(words: Sequence[str], lasting: Lasting) -> list[BoardShot]:
    shots = [BoardShot("", ())]
    for word in words:
        if word == CUT:
            shots.append(BoardShot("", ()))
            continue
        name, _, last = word.rpartition(":")
        frames = lasting.of(last) if name else None
        shots[-1] = _with(shots[-1], BoardPanel(Path(name if frames else word), frames or lasting.frames))
    return shots


def _with(shot: BoardShot, panel: BoardPanel) -> BoardShot:
    return BoardShot(shot.name, (*shot.panels, panel))
