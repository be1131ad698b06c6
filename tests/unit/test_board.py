"""Storyboards: which panels belong to one shot, how long each is held, and where nothing is ever drawn."""

from __future__ import annotations

import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from backend.animatic.board import Panel, Shot, Timing, board_segments, shot_names, shots_as_source
from backend.animatic.board_file import BoardShot, Lasting, read_board
from backend.contract.fingerprint import next_segment, previous_segment
from backend.contract.job import Canvas, Easing, Job, Segment, parse_job
from backend.errors import UserError

LASTING = Lasting(24, Fraction(24))


def shot(name: str, start: int, *frames: int) -> Shot:
    return Shot(name, start, tuple(Panel(f"keys/{name}{n}.png", frame) for n, frame in enumerate(frames, 1)))


def seen(segments: tuple[Segment, ...]) -> dict[int, str]:
    """What is seen at each frame: a panel, "·" for a drawing of its own."""
    frames: dict[int, str] = {}
    for segment in segments:
        for frame in range(segment.first, segment.last + 1):
            frames[frame] = "·" if frame in segment.wanted else frames.get(frame - 1, "")
            for key in (segment.start, segment.end):
                if key.frame == frame and not key.stands_in:
                    frames[frame] = key.image.removeprefix("keys/").removesuffix(".png")
    return frames


def test_a_panel_is_held_then_moves_and_the_next_one_begins_on_its_frame() -> None:
    segments = board_segments([shot("a", 1, 6, 5)], Timing(move=3))
    assert list(seen(segments).values()) == ["a1", "a1", "a1", "·", "·", "·", "a2", "a2", "a2", "a2", "a2"]
    assert segments[1].easing is Easing.EASE_BOTH


def test_nothing_is_drawn_across_a_cut_and_no_shot_looks_at_another() -> None:
    shots = [shot("a", 1, 3, 2), shot("b", 6, 4), shot("c", 10, 2, 3)]
    job = Job("board", "draft", Canvas(64, 64, 24.0), board_segments(shots, Timing(move=8)))
    assert " ".join(seen(job.segments).values()) == "a1 · · a2 a2 b1 b1 b1 b1 c1 · c2 c2 c2"
    names = [{segment.start.image[5], segment.end.image[5]} for segment in job.segments]
    assert all(len(name) == 1 for name in names)
    for index, segment in enumerate(job.segments):
        for other in (previous_segment(job, index), next_segment(job, index)):
            assert other is None or other.start.image[5] == segment.start.image[5]


def test_a_move_through_a_panel_that_is_not_held_knows_where_it_goes_on() -> None:
    job = Job("board", "draft", Canvas(64, 64, 24.0), board_segments([shot("a", 1, 4, 4, 4)], Timing(move=9)))
    assert next_segment(job, 0) == job.segments[1] and previous_segment(job, 1) == job.segments[0]
    assert next_segment(job, 1) is None, "the last panel is held: the movement ends at rest"


def test_moves_are_drawn_on_twos_when_asked_for() -> None:
    (_, move, _) = board_segments([shot("a", 1, 10, 10)], Timing(move=6, exposure=2))
    assert (move.start.frame, move.wanted, move.end.frame) == (4, (6, 8, 10), 11)


def test_the_job_of_a_board_is_a_job_like_any_other() -> None:
    shots = [shot("a", -4, 1, 1, 9), shot("b", 40, 1), shot("c", 41, 5, 5)]
    source = shots_as_source([Shot("Ärger “1”", 1, ()), Shot("", 2, ())])
    job = Job("board", "draft", Canvas(64, 64, 24.0), board_segments(shots, Timing()), source=source)
    assert parse_job(json.loads(json.dumps(asdict(job)))) == job
    assert shot_names(job) == ("Ärger “1”", "")


def test_a_board_with_nothing_to_draw_is_refused() -> None:
    with pytest.raises(UserError, match="nothing to draw"):
        board_segments([shot("a", 1, 24), shot("b", 25, 24)], Timing())
    with pytest.raises(UserError, match="longer than a timeline"):
        board_segments([shot("a", 1_048_000, 500, 500)], Timing())


# --- how boards are written ---------------------------------------------------------------------------------------


def written(board: tuple[BoardShot, ...]) -> list[tuple[str, list[tuple[str, int]]]]:
    return [(one.name, [(panel.picture.name, panel.frames) for panel in one.panels]) for one in board]


def test_a_text_file_names_shots_pictures_and_durations(tmp_path: Path) -> None:
    text = "# remark\na.png\n\n[The look]\nb 2.png 36\nsub/c.png 1.5s\nd 3.png  12f\n[Empty]\n"
    (tmp_path / "board.txt").write_text(text, encoding="utf-8-sig")
    board = read_board([str(tmp_path / "board.txt")], LASTING)
    assert written(board) == [
        ("", [("a.png", 24)]),
        ("The look", [("b 2.png", 36), ("c.png", 36), ("d 3.png", 12)]),
    ]
    assert board[1].panels[1].picture == tmp_path / "sub" / "c.png"


def test_a_folder_holds_a_folder_for_each_shot_or_is_one(tmp_path: Path) -> None:
    for name in ("010_in/p10.png", "010_in/p9.png", "020_out/p1.png", "030_notes/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / name, "PNG")
    board = read_board([str(tmp_path)], Lasting(12))
    assert written(board) == [("010_in", [("p9.png", 12), ("p10.png", 12)]), ("020_out", [("p1.png", 12)])]
    assert written(read_board([str(tmp_path / "010_in")], LASTING)) == [("", [("p9.png", 24), ("p10.png", 24)])]


def test_words_are_pictures_with_durations_and_cuts() -> None:
    board = read_board(["a.png:36", r"C:\b.png", "cut", "c:d.png:2s"], LASTING)
    assert [[(str(panel.picture), panel.frames) for panel in one.panels] for one in board] == [
        [("a.png", 36), (r"C:\b.png", 24)],
        [("c:d.png", 48)],
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["none.txt"], "There is no board"),
        (["a.png:0"], "cannot last “0”"),
        (["a.png:9999s"], "cannot last"),
        (["cut"], "There is no panel"),
    ],
)
def test_a_board_that_cannot_be_read_is_a_sentence(words: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_board(words, LASTING)
