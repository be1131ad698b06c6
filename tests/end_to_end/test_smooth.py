"""`tooncrafter smooth`: real movies with sound through the real command, and real kills."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

av = pytest.importorskip("av", reason="needs the extra `film`")
pytest.importorskip("scenedetect", reason="needs the extra `film`")


from backend.film import open_film, write_movie  # noqa: E402
from tests.unit.test_smoothing import film  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
RATE = Fraction(24)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "backend", "smooth", *map(str, arguments)]


def smooth(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots on twos, less than half a second each, with a tone."""
    place = tmp_path_factory.mktemp("movie")
    frames = [
        *film((0, 2), (6, 2), (13, 2), (20, 4), seed=1),
        *film((0, 2), (8, 2), (16, 2), seed=2),
    ]
    silent = place / "silent.mp4"
    write_movie(silent, frames, RATE, (240, 160))
    path = place / "shot ü.mp4"
    with av.open(str(silent)) as source, av.open(str(path), "w") as target:
        pictures = target.add_stream_from_template(source.streams.video[0])
        sound = target.add_stream("aac", rate=48000)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = pictures
                target.mux(packet)
        tone = np.sin(np.arange(len(frames) * 2000) * 0.05).astype(np.float32)[None]
        heard = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        heard.sample_rate = 48000
        target.mux(sound.encode(heard))
        target.mux(sound.encode(None))
    return path


def seconds_of_sound(path: Path) -> float:
    with av.open(str(path)) as container:
        return sum(frame.samples for frame in container.decode(audio=0)) / 48000


def pictures_in(folder: Path) -> dict[str, bytes]:
    return {path.name: np.asarray(Image.open(path)).tobytes() for path in sorted(folder.glob("*.png"))}


def test_a_movie_becomes_a_movie_of_the_same_length_with_its_sound(movie: Path, tmp_path: Path) -> None:
    done = smooth(movie, "-o", tmp_path / "out.mp4", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts == {"event": "done", "frames": 32, "shots": 2, "drawings": 7, "drawn": 15}
    made = open_film(tmp_path / "out.mp4")
    assert (made.rate, made.size) == (48, (240, 160))
    assert sum(1 for _ in made.frames()) == 32
    assert seconds_of_sound(tmp_path / "out.mp4") == pytest.approx(seconds_of_sound(movie), abs=0.03)
    assert not (tmp_path / "out.mp4_work").exists()


def test_a_part_of_a_movie_is_smoothed_with_what_is_heard_meanwhile(movie: Path, tmp_path: Path) -> None:
    done = smooth(movie, "-o", tmp_path / "part.mp4", "--frames", "3-12", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert (facts["frames"], facts["shots"]) == (20, 2)
    assert sum(1 for _ in open_film(tmp_path / "part.mp4").frames()) == 20
    assert seconds_of_sound(tmp_path / "part.mp4") == pytest.approx(10 / 24, abs=0.03)


def test_a_folder_gets_the_pictures_and_the_sound_and_every_drawing_of_the_film_as_it_was(
    movie: Path, tmp_path: Path
) -> None:
    done = smooth(movie, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "2 shots, 7 drawings" in done.stdout
    originals = [frame[..., :3].tobytes() for frame in open_film(movie).frames()]
    made = [
        np.asarray(Image.open(path).convert("RGB")).tobytes() for path in sorted((tmp_path / "out").glob("*.png"))
    ]
    assert len(made) == 32
    for first in (0, 2, 4, 6, 10, 12, 14):
        assert made[first * 2] == originals[first]
    moving = made[:13] + made[20:29]
    assert all(one != other for one, other in itertools.pairwise(moving)), "no drawing is held any more"
    assert (tmp_path / "out" / "sound.mka").exists()


def killed_again_and_again(movie: Path, place: Path, parts: list[float]) -> None:
    """Kill the command after these parts of the time that it takes, then let it end; compare with one run."""
    began = time.monotonic()
    assert smooth(movie, "-o", place / "whole").returncode == 0
    usual = time.monotonic() - began
    for part in parts:
        process = subprocess.Popen(command(movie, "-o", place / "killed"), cwd=ROOT, stderr=subprocess.DEVNULL)
        time.sleep(usual * part)
        process.kill()
        process.wait()
    done = smooth(movie, "-o", place / "killed")
    assert done.returncode == 0, done.stderr
    assert pictures_in(place / "killed") == pictures_in(place / "whole")
    assert not list(place.glob("killed/.*"))
    assert not (place / "killed_work").exists()


def test_killed_at_any_moment_the_same_command_goes_on_and_ends_with_the_same_pictures(
    movie: Path, tmp_path: Path
) -> None:
    killed_again_and_again(movie, tmp_path, [0.4, 0.7])


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_twenty_kills_at_random_moments_change_nothing(movie: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        killed_again_and_again(movie, tmp_path / str(number), list(random.uniform(0.05, 0.9, 5)))


def write_any(
    path: Path,
    codec: str,
    layout: str,
    sound: str = "",
    size: tuple[int, int] = (240, 160),
    times: list[int] | None = None,
    turned: int = 0,
) -> Path:
    """Write ten frames on twos, 24 a second or at those numbers of 24ths, with as long a tone."""
    frames = [
        np.asarray(Image.fromarray(one).resize(size)) for one in film((0, 2), (6, 2), (13, 2), (20, 2), (27, 2))
    ]
    times = times or list(range(len(frames)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        (stream.width, stream.height), stream.pix_fmt = size, layout
        if times != list(range(len(frames))):
            stream.time_base = stream.codec_context.time_base = Fraction(1, 24)
        if turned:
            stream.set_display_rotation(turned)
        heard = container.add_stream(sound, rate=48000) if sound else None
        for time, frame in zip(times, frames, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format=layout)
            picture.pts = time
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        if heard:
            tone = np.sin(np.arange((times[-1] + 1) * 2000) * 0.05).astype(np.float32)[None]
            for begin in range(0, tone.shape[1], 960):
                part = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(tone[:, begin : begin + 960]), "fltp", "mono"
                )
                part.sample_rate, part.pts, part.time_base = 48000, begin, Fraction(1, 48000)
                container.mux(heard.encode(part))
            container.mux(heard.encode(None))
    return path


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("ending", ["mp4", "webm"])
@pytest.mark.parametrize(
    ("name", "codec", "layout", "sound"),
    [
        ("film.mkv", "libx264", "yuv420p", "flac"),
        ("lossless.mkv", "ffv1", "bgr0", ""),
        ("film.webm", "libvpx-vp9", "yuv420p", "libopus"),
        ("film.mov", "prores_ks", "yuv422p10le", "pcm_s16le"),
        ("old.avi", "mpeg4", "yuv420p", "libmp3lame"),
        ("disc.mpg", "mpeg2video", "yuv420p", "mp2"),
        ("ten_bits.mp4", "libx264", "yuv420p10le", "aac"),
        ("loop.gif", "gif", "rgb8", ""),
    ],
)
def test_whatever_holds_a_film_is_read_with_its_sound_and_its_length(
    tmp_path: Path, name: str, codec: str, layout: str, sound: str, ending: str
) -> None:
    source = write_any(tmp_path / name, codec, layout, sound)
    out = tmp_path / f"out.{ending}"
    done = smooth(source, "-o", out)
    assert done.returncode == 0, done.stderr
    made = open_film(out)
    # AVI has no times of its own: its second place stays empty, so the first frame is held there.
    length = 22 if name == "old.avi" else 20
    assert made.size == (240, 160) and sum(1 for _ in made.frames()) == length
    assert made.rate == 48
    if sound:
        assert seconds_of_sound(out) == pytest.approx(seconds_of_sound(source), abs=0.06)


@pytest.mark.parametrize("times", [[0, 1, 2, 3, 9, 10, 11, 12, 13, 14], [0, 2, 4, 6, 8, 9, 10, 12, 14, 16]])
def test_frames_that_last_unevenly_are_seen_from_their_own_times_on(tmp_path: Path, times: list[int]) -> None:
    read = open_film(write_any(tmp_path / "uneven.mp4", "libx264", "yuv420p", times=times))
    assert read.rate == 24
    held = [np.array_equal(one, other) for one, other in itertools.pairwise(read.frames())]
    assert len(held) == times[-1]
    assert {place + 1 for place, same in enumerate(held) if same} == set(range(times[-1] + 1)) - set(times)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_odd_sides_turned_pictures_and_uneven_times_are_kept(tmp_path: Path) -> None:
    odd = write_any(tmp_path / "odd.mkv", "ffv1", "bgr0", size=(241, 161))
    turned = write_any(tmp_path / "turned.mp4", "libx264", "yuv420p", "aac", turned=90)
    uneven = write_any(tmp_path / "uneven.mkv", "libx264", "yuv420p", times=[0, 1, 2, 3, 9, 10, 11, 12, 13, 14])
    sizes = {odd: (241, 161), turned: (160, 240), uneven: (240, 160)}
    for source, size in sizes.items():
        out = tmp_path / f"{source.stem}_out.mp4"
        done = smooth(source, "-o", out)
        assert done.returncode == 0, done.stderr
        made = open_film(out)
        frames = list(made.frames())
        assert made.size == size == frames[0].shape[1::-1]
        assert len(frames) / made.rate == pytest.approx((15 if source == uneven else 10) / 24, abs=0.01)
    upright = next(iter(open_film(write_any(tmp_path / "upright.mp4", "libx264", "yuv420p")).frames()))
    assert np.abs(np.rot90(upright).astype(int) - next(iter(open_film(turned).frames()))).mean() < 3


def test_pictures_that_are_missing_in_a_folder_are_told(movie: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, pixels in zip((1, 2, 5, 6), film((0, 2), (6, 2)), strict=True):
        Image.fromarray(pixels).save(tmp_path / "in" / f"bild {number}.png")
    done = smooth(tmp_path / "in", "-o", tmp_path / "out")
    assert done.returncode == 0 and "5 follows 2" in done.stderr, done.stderr
    assert len(pictures_in(tmp_path / "out")) == 8


def test_nothing_that_is_there_is_replaced(movie: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "000001.png").write_bytes(b"mine")
    done = smooth(movie, "-o", tmp_path / "out")
    assert done.returncode == 2 and "exists already" in done.stderr
    assert (tmp_path / "out" / "000001.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        ("none.mp4", [], "There is no movie"),
        ("text.mp4", [], "cannot be read"),
        ("empty", [], "There are no pictures"),
        ("uneven", [], "Make all pictures the same size"),
        ("good", ["--fps", "fast"], "is no frame rate"),
        ("good", ["--fps", "x0"], "is no frame rate"),
        ("good", ["-o", "film.avi"], "must end in"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_exit_code_2(
    movie: Path, tmp_path: Path, source: str, options: list[str], sentence: str
) -> None:
    (tmp_path / "text.mp4").write_text("no movie")
    (tmp_path / "empty").mkdir()
    (tmp_path / "uneven").mkdir()
    for number in (1, 2):
        Image.new("RGB", (40 + number, 30)).save(tmp_path / "uneven" / f"{number}.png")
    path = movie if source == "good" else tmp_path / source
    done = smooth(path, "-o", tmp_path / "out", *options)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("out*")), "nothing is left"
