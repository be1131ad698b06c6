"""A job folder from keys to frames: resumed, changed, refused, interrupted; nothing finished is ever lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.contract import messages
from backend.contract.job import Settings, write_job
from backend.contract.result import State, read_result
from backend.engines import Engine, Frame, Interval, Report
from backend.errors import Cancelled, UserError
from backend.jobs.run import run_job
from backend.pictures import read_picture
from tests.end_to_end.jobs import ball, frames_of, make_job


class ScriptedEngine:
    """Holds the start key, remembers what it was asked, and fails or warns where the test wants it."""

    name, version = "scripted", "1"

    def __init__(self, fail_at: int = -1, error: Exception | None = None) -> None:
        self.asked: list[Interval] = []
        self._left, self._error = fail_at, error or ValueError("three is not a number")

    def inbetween(self, interval: Interval, settings: Settings, report: Report) -> Iterator[Frame]:
        self.asked.append(interval)
        for time in interval.guides:
            report.warn("Guides are not read.", time=time)
        report.note("method", "holding")
        for done, time in enumerate(interval.times):
            report.progress(done, len(interval.times))
            if self._left == 0:
                raise self._error
            self._left -= 1
            yield Frame(time, interval.start)

    def unload(self) -> None:
        pass


def run(folder: Path, engine: Engine, events: list[messages.Event] | None = None):
    return run_job(folder, (events if events is not None else []).append, open_engine=lambda name: engine)


def test_every_wanted_frame_is_drawn_and_announced_when_it_is_complete(tmp_path: Path) -> None:
    make_job(tmp_path)
    events: list[messages.Event] = []

    def listen(event: messages.Event) -> None:
        events.append(event)
        if isinstance(event, messages.FrameReady):
            assert read_picture(tmp_path / event.path).shape == (64, 96, 4)

    result = run_job(tmp_path, listen)
    assert sorted(frames_of(tmp_path)) == ["0002.png", "0003.png", "0004.png", "0006.png", "0007.png", "0008.png"]
    assert sorted(e.frame for e in events if isinstance(e, messages.FrameReady)) == [2, 3, 4, 6, 7, 8]
    assert (result.state, result.made, result.kept) == (State.DONE, 6, 0)
    assert read_result(tmp_path) == result


def test_the_hold_engine_returns_the_start_key_bit_for_bit(tmp_path: Path) -> None:
    make_job(tmp_path, (1, 4), engine="hold")
    run_job(tmp_path)
    for frame in ("0002.png", "0003.png"):
        assert np.array_equal(read_picture(tmp_path / "frames" / frame), read_picture(tmp_path / "keys/0001.png"))


def test_a_second_run_draws_nothing(tmp_path: Path) -> None:
    make_job(tmp_path)
    first, before = run_job(tmp_path), frames_of(tmp_path)
    engine = ScriptedEngine()
    engine.name, engine.version = "draft", first.engine_version
    result = run(tmp_path, engine)
    assert (result.made, result.kept, engine.asked) == (0, 6, [])
    assert frames_of(tmp_path) == before


def test_a_second_run_draws_only_what_is_missing(tmp_path: Path) -> None:
    make_job(tmp_path)
    run_job(tmp_path)
    before = frames_of(tmp_path)
    (tmp_path / "frames/0003.png").unlink()
    (tmp_path / "frames/0007.png").write_bytes(before["0007.png"][:100])
    result = run_job(tmp_path)
    assert (result.made, result.kept) == (2, 4)
    assert frames_of(tmp_path) == before


def test_the_same_job_gives_the_same_pixels(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_job(tmp_path / name)
        run_job(tmp_path / name)
    assert frames_of(tmp_path / "one") == frames_of(tmp_path / "two")


def test_frames_of_a_changed_job_are_moved_aside_never_lost(tmp_path: Path) -> None:
    job = make_job(tmp_path, (1, 4), engine="hold")
    run_job(tmp_path)
    before = frames_of(tmp_path)
    for seed in (1, 2):
        write_job(tmp_path, replace(job, settings=Settings(seed=seed)))
        assert run_job(tmp_path).made == 2
    for place in ("001", "002"):
        assert sorted(path.name for path in (tmp_path / "earlier" / place).iterdir()) == sorted(before)
    assert (tmp_path / "earlier/001/0002.png").read_bytes() == before["0002.png"]


def test_pinned_drawings_keep_every_pixel_when_the_others_are_made_again(tmp_path: Path) -> None:
    job = make_job(tmp_path, (1, 6, 9), guides=(3,))
    run_job(tmp_path)
    before = frames_of(tmp_path)
    first, second = job.segments
    changed = (replace(first, guides=(), pinned=(2, 4, 5)), replace(second, pinned=(7, 8)))
    write_job(tmp_path, replace(job, segments=changed, settings=replace(job.settings, seed=1)))
    result = run_job(tmp_path)
    after = frames_of(tmp_path)
    assert (result.made, result.kept) == (1, 5)
    assert {name: after[name] for name in before if name != "0003.png"} == {
        name: before[name] for name in before if name != "0003.png"
    }
    assert (tmp_path / "earlier" / "001" / "0003.png").read_bytes() == before["0003.png"]
    (tmp_path / "frames" / "0004.png").unlink()
    assert run_job(tmp_path).made == 1  # pinned, but it is not there


def test_engines_see_the_keys_beyond_the_segment(tmp_path: Path) -> None:
    make_job(tmp_path, (1, 5, 7))
    engine = ScriptedEngine()
    run(tmp_path, engine)
    first, second = engine.asked
    assert first.before is None and first.after is not None and first.after.time == 1.5
    assert second.before is not None and second.before.time == -2.0 and second.after is None
    assert np.array_equal(second.before.picture, first.start)


def test_warnings_and_notes_name_their_frame_in_the_result(tmp_path: Path) -> None:
    make_job(tmp_path, (1, 5), guides=(3,))
    events: list[messages.Event] = []
    run(tmp_path, ScriptedEngine(), events)
    raw = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert raw["segments"][0]["warnings"] == [{"sentence": "Guides are not read.", "frame": 3}]
    assert raw["segments"][0]["notes"] == {"method": "holding"}
    assert messages.Notice("job-1", "Guides are not read.", 3) in events


def test_a_failing_engine_is_a_sentence_and_keeps_what_it_finished(tmp_path: Path) -> None:
    make_job(tmp_path)
    with pytest.raises(UserError, match="three is not a number") as failure:
        run(tmp_path, ScriptedEngine(fail_at=4))
    assert failure.value.code == "engine-failed" and not failure.value.bad_input
    assert len(frames_of(tmp_path)) == 4
    result = read_result(tmp_path)
    assert result is not None and result.state is State.FAILED and result.error == failure.value.sentence
    retried = run(tmp_path, ScriptedEngine())
    assert (retried.made, retried.kept) == (2, 4)


def test_too_little_memory_is_a_sentence(tmp_path: Path) -> None:
    make_job(tmp_path)
    with pytest.raises(UserError) as failure:
        run(tmp_path, ScriptedEngine(fail_at=1, error=MemoryError()))
    assert failure.value.code == "out-of-memory"


def test_cancelling_keeps_what_is_finished(tmp_path: Path) -> None:
    make_job(tmp_path)
    with pytest.raises(Cancelled):
        run_job(
            tmp_path,
            is_cancelled=lambda: (tmp_path / "frames/0003.png").exists(),
            open_engine=lambda name: ScriptedEngine(),
        )
    assert sorted(frames_of(tmp_path)) == ["0002.png", "0003.png"]
    result = read_result(tmp_path)
    assert result is not None and result.state is State.CANCELLED


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda key: key.unlink(), "picture-missing"),
        (lambda key: key.write_bytes(b"no picture"), "picture-unreadable"),
        (lambda key: key.write_bytes(key.read_bytes()[:60]), "picture-unreadable"),
    ],
    ids=["missing", "corrupt", "truncated"],
)
def test_a_bad_key_is_named_and_nothing_is_drawn(tmp_path: Path, spoil, code: str) -> None:
    make_job(tmp_path)
    spoil(tmp_path / "keys/0005.png")
    with pytest.raises(UserError, match=r"0005\.png") as refusal:
        run_job(tmp_path)
    assert refusal.value.code == code and refusal.value.bad_input
    assert not (tmp_path / "frames").exists() or frames_of(tmp_path).keys() <= {"0002.png", "0003.png", "0004.png"}


def test_a_key_of_another_size_is_refused_before_the_engine_opens(tmp_path: Path) -> None:
    make_job(tmp_path)
    from backend.pictures import write_picture

    write_picture(tmp_path / "keys/0005.png", ball(3, 3, 20, 20))
    with pytest.raises(UserError, match=r"20 × 20 pixels, but the canvas is 96 × 64"):
        run_job(tmp_path, open_engine=lambda name: pytest.fail("no engine may open"))


def test_an_unknown_engine_is_a_sentence_that_lists_the_known_ones(tmp_path: Path) -> None:
    make_job(tmp_path, engine="magic")
    with pytest.raises(UserError, match="no engine called “magic”") as refusal:
        run_job(tmp_path)
    assert "draft" in refusal.value.hint


def test_half_written_files_of_a_killed_run_are_swept(tmp_path: Path) -> None:
    make_job(tmp_path, (1, 4), engine="hold")
    (tmp_path / "frames").mkdir()
    (tmp_path / f"frames/.0002.png.{'0123456789abcdef' * 2}.tmp").write_bytes(b"half")
    run_job(tmp_path)
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == ["0002.png", "0003.png"]
