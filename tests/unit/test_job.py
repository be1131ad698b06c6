"""The job folder: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.contract.job import (
    CONTRACT_VERSION,
    Canvas,
    Easing,
    Job,
    Picture,
    Segment,
    Settings,
    parse_job,
    picture_name,
    read_job,
    resolve,
    write_job,
)
from backend.errors import UserError


def a_job(**changes: Any) -> Job:
    segment = Segment(
        Picture(1, "keys/0001.png"), Picture(5, "keys/0005.png"), (2, 3, 4), (Picture(3, "guides/0003.png"),)
    )
    return Job(
        **({"id": "a1", "engine": "draft", "canvas": Canvas(64, 40, 24.0), "segments": (segment,)} | changes)
    )


def raw_job() -> dict[str, Any]:
    return json.loads(json.dumps(asdict(a_job())))


def test_a_job_reads_back_as_it_was_written(tmp_path: Path) -> None:
    job = a_job(
        settings=Settings(seed=7, prompt="a café at night 🌙", arcs=False, guide_strength=0.25),
        source={"scene": "Szene für Übung", "object": "Strokes"},
    )
    write_job(tmp_path, job)
    assert read_job(tmp_path) == job
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"], "no temporary file may stay"


def test_settings_that_are_not_told_take_their_defaults() -> None:
    raw = raw_job()
    del raw["settings"], raw["source"], raw["segments"][0]["guides"], raw["segments"][0]["easing"]
    job = parse_job(raw)
    assert job.settings == Settings()
    assert job.segments[0].guides == ()
    assert job.segments[0].easing is Easing.LINEAR


@pytest.mark.parametrize(
    ("path", "value", "field", "reason"),
    [
        (["id"], "../x", "id", "letters"),
        (["id"], 3, "id", "text"),
        (["canvas", "width"], 0, "canvas.width", "from 1 to"),
        (["canvas", "width"], True, "canvas.width", "whole number"),
        (["canvas", "fps"], float("nan"), "canvas.fps", "number"),
        (["canvas", "fps"], 10**400, "canvas.fps", "number"),
        (["canvas"], [], "canvas", "JSON object"),
        (["segments"], [], "segments", "at least one"),
        (["segments"], {}, "segments", "list"),
        (["segments", 0, "wanted"], [2, 9], "segments[0].wanted", "between the keys at frames 1 and 5"),
        (["segments", 0, "wanted"], [3, 2], "segments[0].wanted", "ascending"),
        (["segments", 0, "wanted"], [2, 2], "segments[0].wanted", "duplicates"),
        (["segments", 0, "wanted"], [2.5], "segments[0].wanted", "whole numbers"),
        (["segments", 0, "end", "frame"], 1, "segments[0].end.frame", "after the start key at frame 1"),
        (["segments", 0, "guides", 0, "frame"], 5, "segments[0].guides", "between the keys"),
        (["segments", 0, "easing"], "bouncy", "segments[0].easing", "ease_in"),
        (["segments", 0, "spacing"], [0.5], "segments[0].spacing", "one position for each"),
        (["segments", 0, "spacing"], [0.5, 0.4, 0.9], "segments[0].spacing", "rise strictly"),
        (["segments", 0, "spacing"], [0.0, 0.4, 0.9], "segments[0].spacing", "rise strictly"),
        (["segments", 0, "pinned"], [7], "segments[0].pinned", "among the wanted"),
        (["settings", "seed"], -1, "settings.seed", "from 0"),
        (["settings", "preset"], "turbo", "settings.preset", "quick"),
        (["settings", "wings"], 2, "settings.wings", "not a setting"),
        (["settings", "prompt"], "\ud800", "settings.prompt", "text"),
        (["source", "scene"], 4, "source", "texts"),
    ],
)
def test_a_refusal_names_file_field_and_reason(path: list[Any], value: Any, field: str, reason: str) -> None:
    raw: Any = raw_job()
    place = raw
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(UserError) as refusal:
        parse_job(raw, "shot/job.json")
    assert refusal.value.code == "job-invalid"
    assert "shot/job.json" in refusal.value.sentence
    assert f" {field} " in refusal.value.sentence
    assert reason in refusal.value.sentence


def test_overlapping_segments_are_refused() -> None:
    raw = raw_job()
    raw["segments"].append(raw["segments"][0])
    with pytest.raises(UserError, match=r"segments\[1\] must not start before"):
        parse_job(raw)


def test_a_newer_contract_is_refused_by_name() -> None:
    with pytest.raises(UserError) as refusal:
        parse_job(raw_job() | {"version": CONTRACT_VERSION + 1})
    assert refusal.value.code == "job-too-new"
    assert "Update" in refusal.value.hint


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "job-unreadable"),
        (b"{", "job-unreadable"),
        (b"\xff\xfe", "job-unreadable"),
        (b"[" * 200_000, "job-unreadable"),
        (b"3", "job-invalid"),
    ],
    ids=["empty", "truncated", "not-unicode", "too-deep", "not-an-object"],
)
def test_a_damaged_job_file_is_a_sentence(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "job.json").write_bytes(content)
    with pytest.raises(UserError) as refusal:
        read_job(tmp_path)
    assert refusal.value.code == code


def test_a_folder_without_a_job_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no job\.json") as refusal:
        read_job(tmp_path / "nowhere")
    assert refusal.value.code == "job-missing"


@pytest.mark.parametrize(
    "path",
    ["../a.png", "keys/../../a.png", "/etc/passwd", "C:/a.png", "keys\\a.png", "", "keys/a\0.png", "x" * 600],
)
def test_no_path_leaves_the_job_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(UserError) as refusal:
        resolve(tmp_path, path)
    assert refusal.value.code == "path-outside-job"


def test_a_link_does_not_lead_out_of_the_job_folder(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "job"
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"secret")
    folder.mkdir()
    try:
        (folder / "keys").symlink_to(outside, target_is_directory=True)
    except OSError:
        pytest.skip("this system forbids links")
    with pytest.raises(UserError):
        resolve(folder, "keys/secret.png")


def test_frames_below_zero_have_names_too() -> None:
    assert [picture_name(frame) for frame in (-12, 0, 7, 12345)] == [
        "-012.png",
        "0000.png",
        "0007.png",
        "12345.png",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)  # a busy machine is no fault
@given(st.data())
def test_whatever_stands_in_a_job_file_it_is_a_job_or_a_sentence(data: st.DataObject) -> None:
    raw: Any = raw_job()
    place = raw
    while True:  # walk to a random place and put anything there
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(json_values)
            break
        place = place[key]
    try:
        parse_job(raw)
    except UserError as error:
        assert error.sentence.endswith(".")
