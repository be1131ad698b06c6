"""Animatics in real Blender: boards of keys and markers and boards of strips, each shot a strip of its own."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from tests.blender import scenes
from tests.blender.strip_material import choose, place_of, untouched
from tests.blender.test_transitions import still

from bl_ext.checkout.tooncrafter_blender.backend.animatic.board import Shot, shot_names  # isort: skip
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError  # isort: skip
from bl_ext.checkout.tooncrafter_blender.backend.contract.job import read_job  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import home  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import watching  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.animatic.boards import (  # isort: skip
    drawn_board,
    strip_board,
)
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, State, queue  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.sequencer import background  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.sequencer import strips as material  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.sequencer.reading import key_name  # isort: skip


pytestmark = pytest.mark.usefixtures("nothing_on_its_way")


def mark(scene: bpy.types.Scene, frame: int, name: str) -> bpy.types.TimelineMarker:
    return scene.timeline_markers.new(name, frame=frame)


def told(shots: tuple[Shot, ...]) -> list[tuple[str, int, list[int]]]:
    """Of each shot its name, where it begins, and how long its panels are."""
    return [(shot.name, shot.start, [panel.frames for panel in shot.panels]) for shot in shots]


def finished(entry: Entry) -> Entry:
    """Wait for the drawings and bring them in as the window would."""
    queue.wait(entry)
    assert entry.state is State.DONE, (entry.sentence, entry.hint)
    watching.import_entry(entry, entry.import_as)
    return entry


def made_strips(scene: bpy.types.Scene, entry: Entry) -> list[bpy.types.ImageStrip]:
    found = [strip for strip in scene.sequence_editor.strips if strip.get("inbetween_job") == entry.job.id]
    return sorted(found, key=lambda strip: strip.frame_final_start)


@pytest.fixture
def board(scene: bpy.types.Scene) -> bpy.types.Object:
    """Four panels, a box at another place in each; a cut before the third."""
    mark(scene, 1, "Arrival")
    mark(scene, 7, "F_07")
    mark(scene, 13, "The look")
    obj = scenes.moving_box(scene, 1, 7, 13, 19)
    scene.frame_end = 24
    scene.inbetween_animatic.move = 3
    return obj


# --- panels drawn with Grease Pencil ---


def test_keys_are_panels_and_named_markers_are_cuts(scene: bpy.types.Scene, board: bpy.types.Object) -> None:
    found = drawn_board(board, scene, key_name)
    assert told(found.shots) == [("Arrival", 1, [6, 6]), ("The look", 13, [6, 6])]
    assert list(found.panels) == [1, 7, 13, 19]


def test_a_marker_between_keys_cuts_and_one_with_the_same_name_does_not(
    scene: bpy.types.Scene, board: bpy.types.Object
) -> None:
    mark(scene, 10, "Insert")
    mark(scene, 19, "The look")
    assert told(drawn_board(board, scene, key_name).shots) == [
        ("Arrival", 1, [6, 3]),
        ("Insert", 10, [3]),
        ("The look", 13, [6, 6]),
    ]


def test_another_camera_is_a_cut_and_what_is_blank_or_locked_is_no_panel(
    scene: bpy.types.Scene, board: bpy.types.Object
) -> None:
    layer = board.data.layers["Lines"]
    layer.frames.new(21)
    scenes.add_layer(board, "Paper", {1: [scenes.box(0)], 4: [scenes.box(1)]}).lock = True
    mark(scene, 16, "F_16").camera = scene.camera
    assert told(drawn_board(board, scene, key_name).shots) == [
        ("Arrival", 1, [6, 6]),
        ("The look", 13, [3]),
        (scene.camera.name, 16, [3, 2]),
    ]


def test_without_markers_it_is_one_shot_within_the_preview_range(
    scene: bpy.types.Scene, board: bpy.types.Object
) -> None:
    scene.timeline_markers.clear()
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 3, 15
    assert told(drawn_board(board, scene, key_name).shots) == [("", 3, [4, 6, 3])]


def test_every_shot_becomes_a_strip_with_its_name_in_one_job(
    scene: bpy.types.Scene, board: bpy.types.Object
) -> None:
    before = [key.frame_number for key in board.data.layers["Lines"].frames]
    assert bpy.ops.inbetween.animatic() == {"FINISHED"}
    (entry,) = queue.entries
    finished(entry)
    assert entry.job.wanted == (4, 5, 6, 16, 17, 18) and not entry.job.settings.flat_colours
    assert shot_names(read_job(entry.folder)) == ("Arrival", "The look")
    made = made_strips(scene, entry)
    assert [(strip.name, strip.frame_final_start, strip.frame_final_end) for strip in made] == [
        ("Arrival", 1, 13),
        ("The look", 13, 25),
    ]
    places = {
        frame: place_of(material.still_at(scene, strip, frame).path)
        for strip in made
        for frame in range(strip.frame_final_start, strip.frame_final_end)
    }
    at = {key: places[key] for key in (1, 7, 13, 19)}
    for frame, place in places.items():
        key = max(begin for begin in at if begin <= frame)
        if frame in entry.job.wanted:
            assert at[key] + 1 < place < at[key + 6] - 1, (frame, places)
        else:
            assert place == at[key], (frame, places)
    assert [key.frame_number for key in board.data.layers["Lines"].frames] == before
    assert sorted(path.name for path in (entry.folder / "thumbnails").iterdir()) == ["0001.png", "0024.png"]
    assert home.find_object(entry) == board


def test_undo_takes_all_strips_of_the_board_in_one_step(scene: bpy.types.Scene, board: bpy.types.Object) -> None:
    scene.inbetween.engine = "hold"
    assert bpy.ops.inbetween.animatic() == {"FINISHED"}
    bpy.ops.ed.undo_push(message="before")
    entry = finished(queue.entries[0])
    bpy.ops.ed.undo_push(message="strips")
    bpy.ops.ed.undo()
    assert not bpy.context.scene.sequence_editor or not bpy.context.scene.sequence_editor.strips
    bpy.ops.ed.redo()
    assert len(made_strips(bpy.context.scene, entry)) == 2


def test_the_result_can_be_looked_at_through_the_camera_too(
    scene: bpy.types.Scene, board: bpy.types.Object
) -> None:
    scene.inbetween.engine = "hold"
    assert bpy.ops.inbetween.animatic() == {"FINISHED"}
    entry = finished(queue.entries[0])
    watching.import_entry(entry, "reference")
    assert not made_strips(scene, entry) and entry.shown_as == "reference"


def test_a_board_without_panels_is_refused_in_a_sentence(scene: bpy.types.Scene) -> None:
    with pytest.raises(UserError, match="No Grease Pencil object"):
        drawn_board(None, scene, key_name)
    obj = scenes.moving_box(scene, 1)
    with pytest.raises(UserError, match="only one panel from frame 1 to 24"):
        drawn_board(obj, scene, key_name)
    assert not bpy.ops.inbetween.animatic.poll()
    mark(scene, 12, "Other")
    assert bpy.ops.inbetween.animatic() == {"CANCELLED"}
    assert queue.refused and "nothing to draw" in str(queue.refused) and not queue.entries


# --- panels that are strips ---


@pytest.fixture
def panels(scene: bpy.types.Scene, tmp_path: Path) -> list[bpy.types.Strip]:
    """Three panels of six frames each, of which the second lies above and reaches further, and one after a gap."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "cut.blend"))
    scene.inbetween.engine = "draft"
    scene.inbetween_animatic.move = 3
    return [
        still(scene, tmp_path / "a.png", 1, 6, place=60),
        still(scene, tmp_path / "b.png", 7, 9, place=90, channel=2),
        still(scene, tmp_path / "c.png", 13, 6, place=120),
        still(scene, tmp_path / "d.png", 22, 6, place=80),
    ]


def test_strips_are_panels_and_gaps_and_named_markers_are_cuts(
    scene: bpy.types.Scene, panels: list[bpy.types.Strip]
) -> None:
    choose(scene, *panels)
    found = strip_board(scene, key_name)
    assert told(found.shots) == [("", 1, [6, 6, 6]), ("", 22, [6])] and found.begins == ("a", "d")
    mark(scene, 9, "Reaction")
    assert told(strip_board(scene, key_name).shots) == [
        ("", 1, [6, 6]),
        ("Reaction", 13, [6]),
        ("Reaction", 22, [6]),
    ]


def test_selected_strips_become_an_animatic_above_them(
    scene: bpy.types.Scene, panels: list[bpy.types.Strip]
) -> None:
    mark(scene, 1, "Arrival")
    panels[0].transform.offset_x = 20
    before = [untouched(strip) for strip in panels]
    choose(scene, *panels)
    assert bpy.ops.inbetween.strip_animatic() == {"FINISHED"}
    background.wait()
    assert queue.refused is None, str(queue.refused)
    entry = finished(queue.entries[0])
    assert [untouched(strip) for strip in panels] == before
    first, second = made_strips(scene, entry)
    assert (first.name, first.frame_final_start, first.frame_final_end, first.channel) == ("Arrival", 1, 19, 3)
    assert (second.frame_final_start, second.frame_final_end) == (22, 28)
    assert first.transform.offset_x == 20 and second.transform.offset_x == 0
    places = [place_of(material.still_at(scene, first, frame).path) for frame in range(1, 19)]
    assert places == sorted(places) and places[3:6] == pytest.approx([67.5, 75, 82.5], abs=2), places
    assert home.find_object(entry) is None and not (entry.folder / "stills.txt").exists()


def test_strips_that_cannot_be_panels_are_refused_in_a_sentence(
    scene: bpy.types.Scene, panels: list[bpy.types.Strip], tmp_path: Path
) -> None:
    choose(scene, panels[0])
    with pytest.raises(UserError, match="Only one strip is selected"):
        strip_board(scene, key_name)
    choose(scene, *panels, still(scene, tmp_path / "e.png", 1, 3, place=60, channel=3))
    with pytest.raises(UserError, match="both begin at frame 1"):
        strip_board(scene, key_name)
    choose(scene, *panels)
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert bpy.ops.inbetween.strip_animatic() == {"FINISHED"}
    background.wait()
    assert queue.refused and "cannot be read" in str(queue.refused)
    assert not queue.entries and not (tmp_path / "cut_inbetweens").exists()


def test_the_engine_sees_rough_settings(scene: bpy.types.Scene, panels: list[bpy.types.Strip]) -> None:
    scene.inbetween.easing, scene.inbetween.exposure, scene.inbetween.engine = "ease_both", 2, "hold"
    choose(scene, *panels[:2])
    assert bpy.ops.inbetween.strip_animatic() == {"FINISHED"}
    background.wait()
    job = finished(queue.entries[0]).job
    assert job.wanted == (5,) and not job.settings.flat_colours
    assert {segment.easing for segment in job.segments if segment.wanted} == {"ease_both"}
    assert np.isclose(job.canvas.fps, 12)
