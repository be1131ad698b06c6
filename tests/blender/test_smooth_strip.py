"""A strip of the sequencer made smoother by the real command: what comes, where, and what is refused."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import queue
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.sequencer import background, smoothing
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.sequencer import strips as material
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings.properties import choice_of

from tests.blender.strip_material import (
    PLACES,
    SIZE,
    add_movie,
    add_pictures,
    choose,
    place_of,
    untouched,
    write_movie,
    write_pictures,
)


@pytest.fixture(autouse=True)
def nothing_on_its_way() -> Iterator[None]:
    queue.refused = None
    yield
    background.close()
    queue.refused = None


@pytest.fixture
def saved(scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot äö.blend"))
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.inbetween.engine = "draft"
    return scene


def press_and_wait() -> None:
    assert bpy.ops.inbetween.smooth_strip() == {"FINISHED"}
    background.wait()
    assert queue.refused is None, str(queue.refused)


def pictures_of(strip: bpy.types.Strip) -> list[Path]:
    folder = Path(bpy.path.abspath(strip.directory))
    return [folder / element.filename for element in strip.elements]


def films(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "shot äö_inbetweens" / "films").iterdir())


def test_twos_become_ones_on_a_channel_of_their_own_and_the_strip_stays(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    source = add_pictures(saved, write_pictures(tmp_path / "drawings"), start=5)
    source.transform.scale_x = 0.5
    before = untouched(source)
    press_and_wait()
    assert untouched(source) == before and not source.mute
    (made,) = [strip for strip in saved.sequence_editor.strips if strip != source]
    assert (made.type, made.channel) == ("IMAGE", 2)
    assert (made.frame_final_start, made.frame_final_end) == (5, 17)
    assert made.transform.scale_x == 0.5
    places = [place_of(path) for path in pictures_of(made)]
    assert places[::2] == pytest.approx(PLACES, abs=0.6)
    between = [(left + right) / 2 for left, right in itertools.pairwise(PLACES)]
    assert places[1:-1:2] == pytest.approx(between, abs=1.5)
    assert len(films(tmp_path)) == 1, "nothing of the work is left"


def test_more_frames_than_the_timeline_has_are_played_in_the_same_time(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    source = add_pictures(saved, write_pictures(tmp_path / "drawings"))
    saved.inbetween_sequencer.rate = "x2"
    press_and_wait()
    made = saved.sequence_editor.strips["Shot Smooth"]
    speed = saved.sequence_editor.strips["Shot Smooth Speed"]
    assert len(made.elements) == 24
    assert made.frame_final_duration == speed.frame_final_duration == source.frame_final_duration == 12
    assert (speed.speed_control, speed.speed_factor) == ("MULTIPLY", 2.0)
    assert {source.channel, made.channel, speed.channel} == {1, 2, 3}


@pytest.mark.parametrize(("rate", "own", "frames"), [("24", "", 24), ("own", "6", 6), ("own", "x1.5", 18)])
def test_a_rate_counts_against_the_scene_and_a_factor_against_the_strip(
    saved: bpy.types.Scene, tmp_path: Path, rate: str, own: str, frames: int
) -> None:
    strip = add_pictures(saved, write_pictures(tmp_path / "drawings"))  # 12 frames at 12 a second
    saved.inbetween_sequencer.rate, saved.inbetween_sequencer.own_rate = rate, own
    from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.sequencer.settings import frames_wanted

    part = material.read_part(saved, strip)
    assert frames_wanted(saved, part.length, part.frames) == frames


def test_a_trimmed_movie_gives_what_is_seen_of_it(saved: bpy.types.Scene, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "film.mp4", write_pictures(tmp_path / "drawings"))
    source = add_movie(saved, movie, start=1)
    source.frame_offset_start, source.frame_offset_end = 4, 2
    before = untouched(source)
    press_and_wait()
    assert untouched(source) == before
    made = saved.sequence_editor.strips["Film Smooth"]
    assert (made.type, made.frame_final_start, made.frame_final_end) == ("MOVIE", 5, 11)
    assert made.frame_duration == 6
    part = material.read_part(saved, source)
    assert (part.first, part.last) == (5, 10)


@pytest.mark.parametrize("kind", ["movie", "pictures"])
def test_a_film_that_is_there_already_is_brought_in_at_once(
    saved: bpy.types.Scene, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_pictures(tmp_path / "drawings")
    if kind == "movie":
        source = add_movie(saved, write_movie(tmp_path / "film.mp4", paths))
    else:
        source = add_pictures(saved, paths)
    press_and_wait()
    name = f"{source.name} Smooth"
    saved.sequence_editor.strips.remove(saved.sequence_editor.strips[name])
    (film,) = (tmp_path / "shot äö_inbetweens" / "films").iterdir()
    made_at = film.stat().st_mtime_ns
    monkeypatch.setattr(background.FilmErrand, "begin", None)  # whatever would be started now fails
    press_and_wait()
    assert saved.sequence_editor.strips[name] and film.stat().st_mtime_ns == made_at


def test_it_goes_on_where_it_was_killed(saved: bpy.types.Scene, tmp_path: Path) -> None:
    add_pictures(saved, write_pictures(tmp_path / "drawings"))
    saved.inbetween_sequencer.rate = "x4"
    assert bpy.ops.inbetween.smooth_strip() == {"FINISHED"}
    (undertaking,) = background.under_way
    films = tmp_path / "shot äö_inbetweens" / "films"
    deadline = time.monotonic() + 200
    while not list(films.glob("*_work/*/jobs/*/frames/*.png")):
        assert time.monotonic() < deadline and undertaking.errand.running
        time.sleep(0.02)
    undertaking.errand._process.kill()
    background.wait()
    assert queue.refused and not undertaking.errand.succeeded
    drawn = {path: path.stat().st_mtime_ns for path in films.glob("*_work/*/jobs/*/frames/0*.png")}
    assert drawn
    queue.refused = None
    assert bpy.ops.inbetween.smooth_strip() == {"FINISHED"}
    (again,) = background.under_way
    while again.errand.running:  # at the end the work is cleared away
        for path, made_at in drawn.items():
            with contextlib.suppress(FileNotFoundError):
                assert path.stat().st_mtime_ns == made_at, "a finished drawing was drawn again"
        time.sleep(0.05)
    background.wait()
    assert queue.refused is None, str(queue.refused)
    assert len(saved.sequence_editor.strips["Shot Smooth"].elements) == 48


def test_cancelling_leaves_the_scene_as_it_was(saved: bpy.types.Scene, tmp_path: Path) -> None:
    add_pictures(saved, write_pictures(tmp_path / "drawings"))
    assert bpy.ops.inbetween.smooth_strip() == {"FINISHED"}
    assert bpy.ops.inbetween.cancel_film(number=background.under_way[0].number) == {"FINISHED"}
    background.wait()
    assert len(saved.sequence_editor.strips) == 1 and queue.refused is None


def test_pictures_that_can_be_seen_through_hide_the_strip_below(saved: bpy.types.Scene, tmp_path: Path) -> None:
    source = add_pictures(saved, write_pictures(tmp_path / "cels", clear=True))
    press_and_wait()
    assert source.mute
    made = saved.sequence_editor.strips["Shot Smooth"]
    assert place_of(pictures_of(made)[1]) == pytest.approx((PLACES[0] + PLACES[1]) / 2, abs=1.5)


def test_a_strip_that_was_moved_meanwhile_is_followed(saved: bpy.types.Scene, tmp_path: Path) -> None:
    source = add_pictures(saved, write_pictures(tmp_path / "drawings"), start=1)
    smoothing.smooth(saved, source, choice_of(saved))
    source.frame_start = 101
    background.wait()
    assert saved.sequence_editor.strips["Shot Smooth"].frame_final_start == 101


# --- what a strip shows ------------------------------------------------------------------------------------------


def test_pictures_are_read_as_they_are_seen_trimmed_held_and_backwards(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    paths = write_pictures(tmp_path / "drawings")
    strip = add_pictures(saved, paths, start=11)
    strip.frame_offset_start, strip.frame_offset_end = 3, -2
    assert material.read_part(saved, strip).pictures == (*paths[3:], paths[-1], paths[-1])
    strip.frame_offset_start, strip.frame_offset_end = 0, 0
    strip.use_reverse_frames = True
    assert material.read_part(saved, strip).pictures == tuple(reversed(paths))


def test_frames_of_a_movie_are_counted_as_blender_counts_them(saved: bpy.types.Scene, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "film.mp4", write_pictures(tmp_path / "drawings"))
    strip = add_movie(saved, movie, start=20)
    strip.frame_offset_start = 3
    assert material.still_at(saved, strip, 23) == material.Still(movie, 4)
    strip.animation_offset_start = 2
    assert material.still_at(saved, strip, round(strip.frame_final_start)).frame == 6
    strip.use_reverse_frames = True
    assert material.still_at(saved, strip, round(strip.frame_final_end) - 1).frame == 3


# --- what is refused ---------------------------------------------------------------------------------------------


def refused(scene: bpy.types.Scene, strip: bpy.types.Strip) -> str:
    with pytest.raises(UserError) as caught:
        smoothing.smooth(scene, strip, choice_of(scene))
    assert not background.under_way
    return str(caught.value)


def test_a_file_that_was_never_saved_is_refused(scene: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_pictures(scene, write_pictures(tmp_path / "drawings"))
    assert "Save the file" in refused(scene, strip)


def test_a_picture_that_is_gone_is_named(saved: bpy.types.Scene, tmp_path: Path) -> None:
    paths = write_pictures(tmp_path / "drawings")
    strip = add_pictures(saved, paths)
    paths[4].unlink()
    assert paths[4].name in refused(saved, strip) and "not there" in refused(saved, strip)


def test_strips_without_files_of_their_own_are_refused_by_kind(saved: bpy.types.Scene, tmp_path: Path) -> None:
    strips = saved.sequence_editor_create().strips
    other = bpy.data.scenes.new("Other")
    assert "a scene strip" in refused(saved, strips.new_scene("Stage", other, 1, 1))
    assert "a meta strip" in refused(saved, strips.new_meta("Group", 2, 1))
    pictures = add_pictures(saved, write_pictures(tmp_path / "drawings"), channel=3)
    choose(saved, strips["Stage"])
    assert not bpy.ops.inbetween.smooth_strip.poll()
    speed = strips.new_effect(name="Fast", type="SPEED", channel=4, frame_start=1, input1=pictures)
    assert "speed" in refused(saved, pictures)
    strips.remove(speed)
    pictures.strobe = 2
    assert "Strobe" in refused(saved, pictures)


def test_nothing_is_pressed_while_a_meta_strip_is_open(saved: bpy.types.Scene, tmp_path: Path) -> None:
    add_pictures(saved, write_pictures(tmp_path / "drawings"))
    editor = saved.sequence_editor
    editor.display_stack(editor.strips.new_meta("Group", 2, 1))
    with pytest.raises(UserError, match="meta strip is open"):
        material.selected(saved)
    editor.display_stack(None)
    assert {strip.name for strip in material.selected(saved)} == {"Shot", "Group"}


def test_a_single_picture_an_odd_kind_and_an_odd_rate_are_sentences(saved: bpy.types.Scene, tmp_path: Path) -> None:
    paths = write_pictures(tmp_path / "drawings")
    assert "single picture" in refused(saved, add_pictures(saved, paths[:1]))
    (tmp_path / "deep.exr").write_bytes(b"")
    strip = add_pictures(saved, [tmp_path / "deep.exr", tmp_path / "deep.exr"], channel=2)
    assert "Save it as PNG" in refused(saved, strip)
    strip = add_pictures(saved, paths, channel=3)
    saved.inbetween_sequencer.rate, saved.inbetween_sequencer.own_rate = "own", "fast"
    assert "fast" in refused(saved, strip)


def test_a_movie_that_is_none_is_told_in_the_tab(saved: bpy.types.Scene, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "film.mp4", write_pictures(tmp_path / "drawings"))
    add_movie(saved, movie)
    movie.write_bytes(b"not a movie any more")
    assert bpy.ops.inbetween.smooth_strip() == {"FINISHED"}
    background.wait()
    assert queue.refused and "film.mp4" in str(queue.refused) and "Traceback" not in str(queue.refused)
    assert len(saved.sequence_editor.strips) == 1
