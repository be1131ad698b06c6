"""Hostile films, lists, sequences to colour, uploads, datasets and weights: a result or a sentence, in bounds.

As `test_fuzzing.py`, for what came later: whatever else people hand over.
"""

from __future__ import annotations

import json
import shutil
import struct
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import strategies as st

from backend.colouring.colour_sequence import ColourRequest, colour_sequence, plan_colouring
from backend.errors import UserError
from backend.film import open_film
from backend.web.drawing import Wish, write_wish
from tests.faults import hostile
from tests.faults.fences import fenced
from tests.faults.trying import count, says_why, try_all

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="names that no file can have there"),
    pytest.mark.usefixtures("bounded_memory"),
]

#: Points of a guide that lie further off are refused before anything is drawn.
NEAR = 2.0**15
#: No damaged film of a second becomes longer than this.
MOST_FRAMES = 100_000


def refused(work: Callable[[], object], *names: str) -> bool:
    """Whether the work was refused, in a sentence that names one of these."""
    try:
        work()
    except UserError as error:
        says_why(error, *names)
        return True
    return False


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A second of film in several containers."""
    av = pytest.importorskip("av")
    films = []
    for ending, codec in ((".mkv", "mpeg4"), (".avi", "mjpeg"), (".mp4", "mpeg4")):
        path = tmp_path_factory.mktemp("films") / f"a{ending}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=12)
            stream.width, stream.height, stream.pix_fmt = 48, 32, "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for number in range(12):
                frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), number * 20, np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        films.append(path.read_bytes())
    return films


@count(40, 1500)
def test_whatever_a_film_holds_it_has_frames_of_one_size_or_is_refused(
    tmp_path: Path, outside: Path, films: list[bytes], examples: int
) -> None:
    path = tmp_path / "in" / "a.mkv"
    path.parent.mkdir()

    def look() -> None:
        film = open_film(path)
        for number, frame in enumerate(film.frames()):
            assert frame.shape == (film.size[1], film.size[0], 4) and number < MOST_FRAMES

    def check(content: bytes) -> bool:
        path.write_bytes(content)
        with fenced(path.parent, outside):
            return not refused(look, "a.mkv")

    broken = st.sampled_from(films).flatmap(hostile.damaged)
    try_all(examples, broken | broken | broken | hostile.picture_files(), check)


@count(60, 1000)
def test_whatever_a_list_names_its_pictures_are_read_or_refused(
    tmp_path: Path, outside: Path, examples: int
) -> None:
    folder = tmp_path / "in"
    (folder / "keys").mkdir(parents=True)
    hostile.lay_traps(folder, outside / "nothing")
    (folder / "keys/0001.png").write_bytes(hostile.picture("RGBA", "PNG", (96, 64)) or b"")
    names = st.lists(st.sampled_from(hostile.PATHS) | st.text(max_size=20) | st.just("keys/0001.png"), max_size=4)
    texts = names.map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")) | st.binary(max_size=60)

    def look() -> None:
        list(open_film(folder / "a.txt").frames())

    def check(content: bytes) -> bool:
        (folder / "a.txt").write_bytes(content)
        with fenced(folder, outside / "nothing"):
            return not refused(look, "picture", "a.txt", str(folder))

    try_all(examples, texts, check)


@count(60, 1000)
def test_whatever_pictures_in_a_folder_are_called_they_are_a_film(tmp_path: Path, examples: int) -> None:
    content = hostile.picture("RGB", "PNG", (17, 33)) or b""
    folder = tmp_path / "in"

    def check(names: set[str]) -> bool:
        folder.mkdir()
        for name in names:
            try:
                (folder / f"{name}.png").write_bytes(content)
            except (OSError, ValueError):
                continue  # no file can be called that
        try:
            return not refused(lambda: list(open_film(folder).frames()), str(folder))
        finally:
            shutil.rmtree(folder)

    name = st.text("0123456789²٣a-._ \u202e", min_size=1, max_size=8) | st.text(min_size=1, max_size=8)
    try_all(examples, st.sets(name, max_size=3), check, least_refused=0)


@count(10, 200)
def test_whatever_is_to_be_coloured_it_is_or_the_reason_is_a_sentence(tmp_path: Path, examples: int) -> None:
    line, coloured = hostile.picture("L", "PNG", (96, 64)), hostile.picture("RGBA", "PNG", (96, 64))
    folder, out = tmp_path / "in", tmp_path / "out"
    one = hostile.picture_files() | st.just(line)

    def colour() -> None:
        request = ColourRequest(folder / "lines", {1: folder / "a.png"}, out)
        colour_sequence(request, plan_colouring(request), lambda event: None)

    def check(pictures: tuple[bytes, bytes, bytes]) -> bool:
        (folder / "lines").mkdir(parents=True)
        for name, content in zip(("lines/1.png", "lines/2.png", "a.png"), pictures, strict=True):
            (folder / name).write_bytes(content)
        try:
            return not refused(colour, ".png", "picture", str(out))
        finally:
            for made in (folder, *tmp_path.glob("out*"), *tmp_path.glob(".out*")):
                shutil.rmtree(made)

    try_all(examples, st.tuples(one, st.just(line), hostile.picture_files() | st.just(coloured)), check)


@count(40, 1000)
def test_whatever_is_uploaded_to_the_page_it_is_a_job_or_a_sentence(
    tmp_path: Path, outside: Path, examples: int
) -> None:
    whole = hostile.picture("RGBA", "PNG", (96, 64))
    one = hostile.picture_files() | st.just(whole)
    folder = tmp_path / "job"

    def check(asked: tuple[bytes, bytes, list[list[tuple[float, float]]], int, float]) -> bool:
        *files, strokes, count, at = asked
        folder.mkdir()
        for name, content in zip("ab", files, strict=True):
            (tmp_path / name).write_bytes(content)
        wish = Wish(tmp_path / "a", tmp_path / "b", count, [np.array(stroke) for stroke in strokes], at)
        try:
            with fenced(folder, outside):
                return not refused(lambda: write_wish(wish, folder), "“a”", "“b”", "in-betweens")
        finally:
            shutil.rmtree(folder)

    where = st.floats(-NEAR, NEAR)
    strokes = st.lists(st.lists(st.tuples(where, where), min_size=1, max_size=6), max_size=4)
    numbers = st.integers(-1, 5) | st.sampled_from((0, 60, 61, 10**9))
    try_all(examples, st.tuples(one, one, strokes, numbers, st.floats(0, 1)), check)


TRAINING = {
    "dataset": "data",
    "out": "run",
    "model": "model.safetensors",
    "seed": 1,
    "strides": 6,
    "optimisation": {"steps": 10, "batch": 1, "learning_rate": 1e-5, "precision": "no"},
    "reporting": {"log_every": 1},
    "sketches": {"bisection": 0.5},
}
BOMB = b"a: &a [1,1,1,1,1,1,1,1,1]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 110)
)


@count(60, 1500)
def test_whatever_describes_a_training_it_is_one_or_a_sentence(
    tmp_path: Path, outside: Path, examples: int
) -> None:
    from backend.training.configuration import read_training

    path = tmp_path / "in" / "a.yaml"
    path.parent.mkdir()

    def check(content: bytes) -> bool:
        path.write_bytes(content)
        with fenced(path.parent, outside):
            return not refused(lambda: read_training(path), "a.yaml")

    written = st.sampled_from([yaml.safe_dump(TRAINING).encode(), json.dumps(TRAINING).encode()])
    extremes = st.sampled_from(
        (BOMB, b"[" * 5000, b"a: " * 5000, b"${oc.env:HOME}", b"out: ${dataset}", b"- " * 3000, b"0", b"2026-11-29")
    )
    files = hostile.json_files(TRAINING) | written.flatmap(hostile.damaged) | written | extremes
    try_all(examples, files, check)


INDEX = {
    "version": 1,
    "width": 64,
    "height": 40,
    "clips": [
        {"name": "000001", "source": "a.mp4", "first": 0, "frames": 2, "fps": 24.0, "motion": 3.5, "caption": "",
         "split": "train"}
    ],
    "left_out": [{"source": "a.mp4", "first": 9, "frames": 0, "reason": "a still picture"}],
}  # fmt: skip


@count(60, 1500)
def test_whatever_a_datasets_index_says_no_picture_is_looked_for_outside(
    tmp_path: Path, outside: Path, examples: int
) -> None:
    from backend.training.dataset import pictures_of, read_index
    from backend.training.dataset.show import describe, details

    dataset = tmp_path / "in"
    clip = dataset / "clips/000001"
    clip.mkdir(parents=True)
    for number in (1, 2):
        (clip / f"{number:04d}.png").write_bytes(hostile.picture("RGB", "PNG", (17, 33)) or b"")

    def look() -> None:
        describe(dataset), details(dataset)
        for entry in read_index(dataset).clips:
            for picture in islice(pictures_of(dataset, entry), 10):
                assert picture.resolve().is_relative_to(dataset.resolve())

    def check(content: bytes) -> bool:
        (dataset / "index.json").write_bytes(content)
        with fenced(dataset, outside):
            return not refused(look, "index.json", "000001", "clip")

    try_all(examples, hostile.json_files(INDEX) | st.just(json.dumps(INDEX).encode()), check)


def packed(header: Any, rest: bytes) -> bytes:
    """A safetensors file with this header."""
    content = json.dumps(header).encode()
    return struct.pack("<Q", len(content)) + content + rest


@count(60, 2000)
def test_whatever_a_file_of_weights_holds_it_is_read_or_refused(
    tmp_path: Path, outside: Path, examples: int
) -> None:
    import torch
    from safetensors.torch import save_file

    from backend.engines.tooncrafter.checkpoint_files import open_checkpoint_file
    from backend.engines.tooncrafter.lora import LoraFile, LowRankChange, read_lora, write_lora

    change = LowRankChange(torch.ones(2, 3), torch.ones(4, 2))
    folder = tmp_path / "in"
    write_lora(folder / "lora", LoraFile(0.5, {"a.weight": change}))
    tensors = {"a.weight": torch.ones(4, 3), "b.bias": torch.zeros(5)}
    save_file(tensors, folder / "safetensors", {"format": "pt"})
    torch.save({"state_dict": tensors}, folder / "archive")
    torch.save(tensors, folder / "pickle", _use_new_zipfile_serialization=False)
    samples = [(folder / name).read_bytes() for name in ("lora", "safetensors", "archive", "pickle")]
    path = folder / "a.ckpt"

    def change_header(content: bytes) -> st.SearchStrategy[bytes]:
        length = struct.unpack("<Q", content[:8])[0]
        return hostile.mutated(json.loads(content[8 : 8 + length])).map(
            lambda header: packed(header, content[8 + length :])
        )

    def check(content: bytes) -> bool:
        path.write_bytes(content)
        with fenced(folder, outside):
            verdicts = [
                refused(lambda read=read: read(path), "a.ckpt") for read in (open_checkpoint_file, read_lora)
            ]
        return not all(verdicts)

    headers = st.sampled_from(samples[:2]).flatmap(change_header)
    whole = st.sampled_from(samples)
    try_all(examples, headers | whole.flatmap(hostile.damaged) | whole | st.binary(max_size=200), check)
