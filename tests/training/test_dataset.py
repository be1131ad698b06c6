"""From films to clips: cuts, filters, splits, damage, and what a person is told of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from backend.errors import UserError
from backend.training.dataset import Index, read_index
from backend.training.dataset.build import Wanted, build_dataset
from backend.training.dataset.filters import motion_of, text_share, why_left_out
from backend.training.windows import Windows, collate

ROOT = Path(__file__).resolve().parents[2]
WANTED = Wanted(64, 40, shortest=16, held_out=0.25)
Frames = list[NDArray[np.uint8]]


def moving(
    frames: int, colour: tuple[int, int, int], *, speed: int = 4, size: tuple[int, int] = (160, 96)
) -> Frames:
    """A disc that crosses a backdrop of its own colour family."""
    made = []
    for number in range(frames):
        frame = np.full((size[1], size[0], 3), colour, np.uint8)
        frame[size[1] // 2 :] = np.array(colour) // 2
        cv2.circle(frame, (20 + speed * number, size[1] // 2), 16, tuple(255 - value for value in colour), -1)
        made.append(frame)
    return made


def still(frames: int) -> Frames:
    return [moving(1, (90, 120, 60))[0]] * frames


def credits(frames: int) -> Frames:
    made = []
    for number in range(frames):
        frame = np.full((360, 640, 3), 12, np.uint8)
        for row in range(9):
            text = f"Chief of inbetweens {row}: A. Nimator and many others"
            place = (30, 70 + row * 38 - 3 * number)
            cv2.putText(frame, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (240, 240, 240), 2, cv2.LINE_AA)
        made.append(frame)
    return made


def write_film(path: Path, frames: Frames, fps: int = 12) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 2_000_000
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_pictures(folder: Path, frames: Frames) -> Path:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, start=8):  # 8.png comes before 10.png
        Image.fromarray(frame).save(folder / f"shot {number}.png")
    return folder


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of three shots, a still one, credits, numbered pictures, and damage."""
    folder = tmp_path_factory.mktemp("material")
    shots = [
        moving(30, (200, 60, 40)),
        moving(24, (40, 80, 200)),
        moving(9, (60, 200, 60)),
        moving(20, (220, 210, 90)),
    ]
    film = write_film(folder / "episodes" / "one.mp4", [frame for shot in shots for frame in shot])
    film.with_suffix(".txt").write_text("a disc  crosses\nthe land", encoding="utf-8")
    write_film(folder / "still.mp4", still(30))
    write_film(folder / "credits.mp4", credits(30))
    write_pictures(folder / "süß shot", moving(18, (180, 90, 160)))
    (folder / "süß shot" / "caption.txt").write_text("numbered", encoding="utf-8")
    (folder / "süß shot" / "fps.txt").write_text("8", encoding="ascii")
    (folder / "no film.mp4").write_bytes(b"no film at all")
    (folder / "empty.mov").write_bytes(b"")
    whole = film.read_bytes()
    (folder / "cut short.mp4").write_bytes(whole[: len(whole) // 2])
    damaged = write_pictures(folder / "damaged", moving(20, (10, 140, 140)))
    (damaged / "shot 26.png").write_bytes(b"\x89PNG and then nothing")
    (folder / "notes.docx").write_bytes(b"not a source")
    return folder


@pytest.fixture(scope="module")
def built(material: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Index]:
    dataset = tmp_path_factory.mktemp("built") / "dataset"
    return dataset, build_dataset(material, dataset, WANTED)


def from_source(index: Index, source: str) -> list[tuple[int, int]]:
    return [(clip.first, clip.frames) for clip in index.clips if clip.source == source]


def reasons(index: Index, source: str) -> list[str]:
    return [part.reason for part in index.left_out if part.source == source]


def test_a_film_is_cut_at_its_shots_and_short_ones_are_left_out(built: tuple[Path, Index]) -> None:
    _, index = built
    assert from_source(index, "episodes/one.mp4") == [(0, 30), (30, 24), (63, 20)]
    assert reasons(index, "episodes/one.mp4") == ["shorter than 16 frames"]
    assert {clip.caption for clip in index.clips if clip.source == "episodes/one.mp4"} == {
        "a disc crosses the land"
    }


def test_numbered_pictures_are_one_clip_in_the_order_of_their_numbers(built: tuple[Path, Index]) -> None:
    dataset, index = built
    assert from_source(index, "süß shot") == [(0, 18)]
    (clip,) = [clip for clip in index.clips if clip.source == "süß shot"]
    assert (clip.caption, clip.fps) == ("numbered", 8.0)
    first, last = (
        np.asarray(Image.open(dataset / "clips" / clip.name / f"{number:04d}.png")).astype(int)
        for number in (1, 18)
    )
    assert first.shape == (40, 64, 3)
    light = np.abs(first - last).sum(axis=-1) > 60
    columns = np.flatnonzero(light.any(axis=0))
    assert columns.min() < 16 and columns.max() > 32  # the disc was on the left first


def test_still_pictures_and_text_are_left_out_with_the_reason(built: tuple[Path, Index]) -> None:
    _, index = built
    assert reasons(index, "still.mp4") == ["still"]
    assert not from_source(index, "credits.mp4")
    assert any(reason.startswith("text over") for reason in reasons(index, "credits.mp4"))


def test_damaged_sources_are_reported_and_what_is_good_of_them_is_kept(built: tuple[Path, Index]) -> None:
    _, index = built
    for source in ("no film.mp4", "empty.mov", "cut short.mp4"):
        assert any(reason.startswith("cannot be read") for reason in reasons(index, source)), source
    assert from_source(index, "damaged") == [(0, 18)]
    assert any("shot 26.png" in reason for reason in reasons(index, "damaged"))


def test_both_splits_have_clips_and_every_build_splits_alike(
    built: tuple[Path, Index], material: Path, tmp_path: Path
) -> None:
    _, index = built
    assert index.of("train") and index.of("held-out")
    again = build_dataset(material, tmp_path / "again", WANTED)
    assert again == index


def test_a_build_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    write_film(tmp_path / "in" / "still.mp4", still(30))
    with pytest.raises(UserError) as caught:
        build_dataset(tmp_path / "in", tmp_path / "out", WANTED)
    assert caught.value.code == "dataset-empty" and "still" in caught.value.sentence
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_dataset_that_is_there_is_never_overwritten(material: Path, built: tuple[Path, Index]) -> None:
    with pytest.raises(UserError) as caught:
        build_dataset(material, built[0], WANTED)
    assert caught.value.code == "dataset-exists"
    assert read_index(built[0]) == built[1]


@pytest.mark.parametrize("size", [(64, 96), (200, 60), (64, 40), (31, 33)])
def test_pictures_of_any_size_fill_the_models_without_bars(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = moving(18, (200, 120, 40), speed=2, size=size)
    write_pictures(tmp_path / "in" / "shot", frames)
    index = build_dataset(tmp_path / "in", tmp_path / "out", Wanted(64, 40))
    picture = np.asarray(Image.open(tmp_path / "out" / "clips" / index.clips[0].name / "0001.png"))
    assert picture.shape == (40, 64, 3) and picture.min(axis=-1).max(axis=1).min() > 5


def test_motion_is_measured_in_thousandths_of_the_width() -> None:
    def shifted(step: float) -> Frames:
        random = np.random.default_rng(1)
        noise = cv2.GaussianBlur(random.integers(0, 255, (96, 400, 3), np.uint8), (0, 0), 4)
        noise = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
        return [np.ascontiguousarray(noise[:, round(step * n) : round(step * n) + 160]) for n in range(8)]

    assert motion_of(shifted(3)) == pytest.approx(1000 * 3 / 160, rel=0.2)
    assert motion_of(shifted(0)) == 0
    assert why_left_out(shifted(3)) == ""


def test_drawings_are_not_taken_for_text_but_captions_are() -> None:
    assert text_share(credits(1)[0]) > 0.2
    for colour in ((200, 60, 40), (250, 250, 250), (0, 0, 0)):
        assert text_share(moving(1, colour, size=(640, 360))[0]) == 0
    random = np.random.default_rng(2)
    scribble = np.full((360, 640, 3), 255, np.uint8)
    for _ in range(25):
        points = np.cumsum(random.normal(0, 25, (20, 2)), axis=0) + random.uniform(100, 500, 2)
        cv2.polylines(scribble, [points.astype(np.int32)], False, (20, 20, 20), 3, cv2.LINE_AA)
    assert text_share(scribble) < 0.08


def test_training_samples_are_the_same_for_the_same_seed_and_number(built: tuple[Path, Index]) -> None:
    windows = Windows(built[0], "train", frames=6, strides=3, seed=4)
    first, again, other = windows[11], Windows(built[0], "train", frames=6, strides=3, seed=4)[11], windows[12]
    assert (first.clip, first.first, first.stride) == (again.clip, again.first, again.stride)
    assert (first.pictures == again.pictures).all()
    assert first.pictures.shape == (6, 3, 40, 64)
    assert float(first.pictures.min()) >= -1 and float(first.pictures.max()) <= 1
    keys = {(window.clip, window.stride) for window in (windows[number] for number in range(60))}
    clips = {clip.name: clip for clip in windows.clips}
    assert {clip for clip, _ in keys} == clips.keys() and {stride for _, stride in keys} == {1, 2, 3}
    clip = clips[other.clip]
    assert other.fps == pytest.approx(clip.fps / other.stride)


def test_every_clip_comes_once_in_each_epoch(built: tuple[Path, Index]) -> None:
    windows = Windows(built[0], "train", frames=4, strides=1, seed=9)
    for epoch in range(3):
        seen = [windows[epoch * len(windows) + place].clip for place in range(len(windows))]
        assert sorted(seen) == sorted(clip.name for clip in windows.clips)


def test_no_two_samples_of_a_dataset_are_taken_for_one_another(built: tuple[Path, Index]) -> None:
    train, held_out = (Windows(built[0], split, frames=4, strides=1, seed=9) for split in ("train", "held-out"))
    pictures = {}
    for window in [train.whole(number) for number in range(len(train))] + [held_out.whole(0)]:
        key = collate([window]).keys[0]
        assert key not in pictures
        pictures[key] = window.pictures


def test_a_dataset_without_long_enough_clips_and_one_with_lost_pictures_say_so(
    built: tuple[Path, Index], tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        Windows(built[0], "train", frames=99, strides=1, seed=0)
    assert caught.value.code == "dataset-too-small"
    copy = tmp_path / "copy"
    shutil.copytree(built[0], copy)
    for path in copy.rglob("0002.png"):
        path.write_bytes(b"")
    for path in copy.rglob("0001.png"):
        path.unlink()
    with pytest.raises(UserError) as caught:
        _ = Windows(copy, "train", frames=4, strides=1, seed=0)[0]
    assert caught.value.code == "dataset-damaged"


def test_the_command_line_builds_and_shows_a_dataset(material: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "backend", "dataset", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")

    dataset, sheet = tmp_path / "dataset", tmp_path / "sheet.png"
    built = run("build", material, dataset, "--size", "64x40")
    assert built.returncode == 0, built.stderr
    assert "clips" in built.stdout and "left out" in built.stdout
    shown = run("show", dataset, "--clips", "--sheet", sheet)
    assert shown.returncode == 0, shown.stderr
    assert "text over" in shown.stdout and "episodes/one.mp4 from frame 30" in shown.stdout
    with Image.open(sheet) as image:
        assert image.width == 6 * 162 - 2
    again = run("build", material, dataset)
    assert again.returncode == 2 and "Traceback" not in again.stderr and "is there already" in again.stderr
    missing = run("show", tmp_path / "nowhere")
    assert missing.returncode == 2 and "There is no dataset" in missing.stderr
