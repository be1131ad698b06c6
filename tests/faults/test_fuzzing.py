"""Tens of thousands of hostile inputs: each ends in success or in a sentence that names the cause, in bounds.

Hypothesis makes them, the same ones every time. The suite takes a few of each; `--long` takes them all.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from backend.contract import messages
from backend.contract.job import read_job
from backend.contract.result import read_result
from backend.contract.strokes import Drawing, Fill, Line, parse_drawing, read_drawing, strokes_path, write_drawing
from backend.errors import UserError
from backend.jobs import claim as claims
from backend.jobs.run import run_job
from backend.pictures import MAX_PICTURE_PIXELS, picture_size, read_guide, read_picture
from tests.end_to_end.driving import FINISHED, Worker
from tests.end_to_end.jobs import make_job
from tests.faults import hostile
from tests.faults.fences import fenced
from tests.faults.tally import note
from tests.faults.trying import count, says_why, try_all
from tests.unit.test_messages import EVENTS, REQUESTS

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="lays traps of links and pipes"),
    pytest.mark.usefixtures("bounded_memory"),
]


@count(60, 1500)
def test_whatever_stands_in_a_job_file_the_run_stays_in_its_folder(
    tmp_path: Path, outside: Path, examples: int
) -> None:
    template, folder = tmp_path / "template", tmp_path / "job"
    whole = asdict(make_job(template, (1, 3, 5), engine="hold", guides=(2,)))

    def check(content: bytes) -> bool:
        shutil.copytree(template, folder)
        hostile.lay_traps(folder, outside)
        (folder / "job.json").write_bytes(content)
        try:
            with fenced(folder, outside):
                run_job(folder)
            return True
        except UserError as error:
            says_why(error, str(folder), "job.json", "picture", "engine", "“")
            return False
        finally:
            shutil.rmtree(folder)

    try_all(examples, hostile.json_files(whole), check)
    assert sorted(path.name for path in outside.iterdir()) == ["secret.png"]


def owner_files() -> st.SearchStrategy[bytes]:
    return hostile.json_files({"machine": "another", "process": 7, "host": "render-07"})


@count(30, 600)
def test_whatever_lies_in_a_job_folder_beside_the_job_costs_no_frame(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    monkeypatch.setattr(claims, "STALE_SECONDS", 0.02)
    monkeypatch.setattr(claims, "_LOOK_SECONDS", 0.005)
    template, folder = tmp_path / "template", tmp_path / "job"
    make_job(template, (1, 3), engine="hold")
    run_job(template)
    result = json.loads((template / "result.json").read_text())
    (template / "frames/0002.png").unlink()
    strange = st.sampled_from(("link", "pipe", "folder", "dangling", "loop", "zero"))
    names = ("frames/0002.png", "result.json", "log.txt", "frames/.0002.png.0.tmp", "drawing/0123/owner.json")
    files = st.tuples(
        st.sampled_from(names),
        hostile.json_files(result) | owner_files() | hostile.picture_files() | strange,
    )

    def place(name: str, content: bytes | str) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        match content:
            case bytes():
                path.write_bytes(content)
            case "pipe":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case _:
                targets = {"link": outside / "secret.png", "dangling": outside / "new", "loop": path.name}
                path.symlink_to(targets.get(content, "/dev/zero"))

    def check(file: tuple[str, bytes | str]) -> bool:
        shutil.copytree(template, folder)
        place(*file)
        try:
            with fenced(folder, outside / "nothing"):
                read_result(folder)
                run_job(folder)
            assert read_picture(folder / "frames/0002.png").shape == (64, 96, 4)
            assert not (folder / "frames/0002.png").is_symlink()
            return True
        except UserError as error:
            says_why(error, str(folder))
            return False
        finally:
            shutil.rmtree(folder)

    try_all(examples, files, check, least_refused=0)  # most of what lies beside a job does no harm at all
    assert sorted(path.name for path in outside.iterdir()) == ["secret.png"]


@count(300, 15_000)
def test_bytes_changed_at_random_are_read_or_refused_in_a_sentence(
    tmp_path: Path, outside: Path, examples: int
) -> None:
    """Less clever than the others and much faster: any valid file or line with a few bytes changed or cut."""
    folder = tmp_path / "job"
    make_job(folder, (1, 3), engine="hold", guides=(2,))
    run_job(folder)
    write_drawing(folder, Drawing(2, 96, 64, (), (Line("#000000ff", (2.0,) * 12, (1.0, 2.0)),)))
    lines = [messages.request_line(item) for item in REQUESTS] + [messages.event_line(item) for item in EVENTS]

    def message(content: bytes) -> None:
        messages.parse_request(content.decode("utf-8", "replace"))

    def event(content: bytes) -> None:
        messages.parse_event(content.decode("utf-8", "replace"))

    def in_place(name: str, read: Callable[[Path], object]) -> tuple[bytes, Callable[[bytes], object]]:
        whole = (folder / name).read_bytes()

        def check(content: bytes) -> object:
            (folder / name).write_bytes(content)
            try:
                return read(folder)
            finally:
                (folder / name).write_bytes(whole)

        return whole, check

    samples: list[tuple[bytes, Callable[[bytes], object]]] = [
        *((line.encode(), check) for line in lines for check in (message, event)),
        *(in_place("job.json", read_job),) * 8,
        *(in_place("strokes/0002.json", lambda folder: read_drawing(folder, 2)),) * 4,
        *(in_place("result.json", read_result),) * 4,
    ]
    for kind in hostile.KINDS:
        (folder / "frames/0003.png").write_bytes(hostile.picture(*kind) or b"")
        samples.append(in_place("frames/0003.png", lambda folder: read_picture(folder / "frames/0003.png")))
    chance, accepted = random.Random(8), 0
    for _ in range(examples):
        whole, check = chance.choice(samples)
        try:
            with fenced(folder, outside):
                check(_changed(whole, chance))
            accepted += 1
        except UserError as error:
            says_why(error, str(folder), "message", "add-on", "worker", "“")
    note(examples, f"{accepted} accepted, {examples - accepted} refused in a sentence")


def _changed(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                del data[at : at + chance.randint(1, 64)]
            case 1:
                data[at:at] = data[at : at + chance.randint(1, 256)]
            case 2:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
            case _:
                data[at : at + 1] = chance.randbytes(1)
    return bytes(data if chance.randrange(8) else data[: chance.randrange(len(data) + 1)])


def message_lines() -> st.SearchStrategy[bytes]:
    lines = [messages.request_line(item) for item in REQUESTS] + [messages.event_line(item) for item in EVENTS]
    whole = st.sampled_from([json.loads(line) for line in lines])
    return whole.flatmap(lambda raw: hostile.json_files(raw)) | st.binary(max_size=300)


@count(150, 1500)
def test_whatever_comes_as_a_message_is_one_or_is_refused(examples: int) -> None:
    def check(line: bytes) -> bool:
        text, accepted = line.decode("utf-8", "replace"), False
        for parse in (messages.parse_request, messages.parse_event):
            try:
                accepted = parse(text) is not None
            except UserError as error:
                assert error.code in ("message-invalid", "job-invalid") and error.sentence
        return accepted

    try_all(examples, message_lines(), check)


def test_a_worker_that_hears_hundreds_of_hostile_lines_serves_the_next_request(tmp_path: Path) -> None:
    lines: list[bytes] = []
    try_all(150, message_lines(), lambda line: lines.append(line) is None, least_refused=0)
    make_job(tmp_path, (1, 4), engine="hold")
    worker = Worker()
    for line in lines:
        if b"shutdown" not in line:
            worker.send_raw(line.replace(b"\n", b" ") + b"\n")
    worker.send(messages.Run("job-1", str(tmp_path)))
    while True:
        ended = worker.hear(*FINISHED)  # a damaged request may still ask for a job that is not there
        if getattr(ended, "job", "") == "job-1":
            break
    assert ended == messages.Done("job-1", 2, 0)
    worker.end()


@count(100, 1500)
def test_whatever_a_picture_file_holds_it_is_a_picture_or_a_sentence(
    tmp_path: Path, outside: Path, examples: int
) -> None:
    path = tmp_path / "in" / "a.png"
    path.parent.mkdir()

    def check(content: bytes) -> bool:
        path.write_bytes(content)
        accepted = True
        for read in (picture_size, read_picture, lambda path: read_guide(path, (40, 30))):
            try:
                with fenced(path.parent, outside):
                    seen = read(path)
            except UserError as error:
                says_why(error, "a.png")
                accepted = False
            else:
                if isinstance(seen, np.ndarray):
                    assert seen.dtype == np.float32 and seen.min() >= 0 and seen.max() <= 1
                    assert 0 < seen.shape[0] * seen.shape[1] <= MAX_PICTURE_PIXELS
        return accepted

    try_all(examples, hostile.picture_files(), check)


@count(50, 500)
def test_whatever_a_strokes_file_holds_it_is_a_drawing_or_a_sentence(tmp_path: Path, examples: int) -> None:
    drawing = Drawing(
        2,
        96,
        64,
        (Fill("#ff0000ff", ((0.0,) * 18, (1.0,) * 12)),),
        (Line("#000000ff", (2.0,) * 12, (1.0, 2.0), closed=True),),
        "1:0123",
    )
    write_drawing(tmp_path, drawing)
    path = strokes_path(tmp_path, 2)
    whole = json.loads(path.read_text())
    assert parse_drawing(whole, path.name) == drawing

    def check(content: bytes) -> bool:
        path.write_bytes(content)
        try:
            read_drawing(tmp_path, 2)
        except UserError as error:
            says_why(error, "0002.json")
            return False
        return True

    try_all(examples, hostile.json_files(whole), check)
