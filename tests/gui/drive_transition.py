"""In the sequencer: later strips make room for a transition, with all that hangs on them, and go back by undo."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy

from tests.gui import driver, shots, sidebar
from tests.gui.drive_sequencer import (
    HOP,
    SIZE,
    add_pictures,
    choose,
    open_sequencer,
    red_at,
    render_pictures,
    see_all,
    seen,
    sequencer,
    strips,
)
from tests.gui.driver import Story, say, screenshot, wait_until
from tests.gui.measuring import ours

#: Frame at which each strip begins, and the length of the transition.
FIRST, SECOND, THIRD, ROOM = 1, 13, 23, 8


def silence(path: Path) -> Path:
    """A second of a sound."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 8000)
    return path


def build(place: Path) -> None:
    """Two pictures that touch; a third one into which the second fades, with keys, a sound, a title and markers."""
    pictures = render_pictures(place, (HOP[1], HOP[4], HOP[6]))
    scene = driver.window().scene
    scene.frame_start, scene.frame_end = 1, 60
    scene.sequence_editor_create()
    add_pictures("One", pictures[:1], FIRST, SECOND - FIRST)
    second = add_pictures("Two", pictures[1:2], SECOND, 12)
    third = strips().new_image("Three", str(pictures[2]), 2, THIRD, fit_method="FIT")
    third.frame_final_duration = 12
    blend = strips().new_effect(
        name="Fade", type="CROSS", channel=3, frame_start=THIRD, length=2, input1=second, input2=third
    )
    strips().new_sound("Music", str(silence(place / "music.wav")), 4, SECOND)
    title = strips().new_effect(name="Title", type="TEXT", channel=5, frame_start=SECOND + 2, length=6)
    title.text = "Two"
    for strip, frame in ((second, SECOND + 1), (blend, THIRD + 1), (title, SECOND + 3)):
        strip.keyframe_insert("blend_alpha", frame=frame)
    for name, frame in (("One", FIRST), ("Two", SECOND), ("Three", THIRD)):
        scene.timeline_markers.new(name, frame=frame)


def places() -> dict[str, float]:
    """Where everything in the timeline is: strips, their keys, markers; transitions left out."""
    scene = driver.window().scene
    found = {strip.name: strip.frame_final_start for strip in strips() if not strip.get("inbetween_job")}
    found |= {f"{marker.name} marker": marker.frame for marker in scene.timeline_markers}
    data = scene.animation_data
    for layer in data.action.layers:
        for part in layer.strips:
            for curve in part.channelbag(data.action_slot).fcurves:
                for number, key in enumerate(curve.keyframe_points):
                    found[f"{curve.data_path} {number}"] = key.co[0]
    return found


def story() -> Story:
    queue = ours("jobs.queue").queue
    place = driver.OUT / "shot"
    place.mkdir(parents=True)
    sidebar.watch()
    shots.build((1, 17), SIZE)
    yield 1.0
    build(place)
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.wm.save_as_mainfile(filepath=str(place / "hop.blend"))
    yield from open_sequencer()
    driver.area("SEQUENCE_EDITOR").spaces.active.use_marker_sync = True
    driver.window().scene.inbetween_sequencer.transition = ROOM
    yield from choose(strips()["One"], strips()["Two"])
    yield from see_all()
    screenshot("room_before", sequencer())

    say("room is made")
    yield from sidebar.press("Make Room")
    yield from wait_until(lambda: driver.window().scene.inbetween_sequencer.make_room, 60)
    yield from sidebar.redraw(driver.area("SEQUENCE_EDITOR"))
    assert f"later strips move by {ROOM}" in " ".join(sidebar.labels().split()), sidebar.labels()
    before = places()
    yield from sidebar.press("Draw Transition")
    yield from wait_until(lambda: queue.entries or queue.refused, 120)
    assert queue.refused is None, queue.refused
    entry = queue.entries[0]
    yield from wait_until(lambda: entry.imported)
    yield 1.0
    after = {name: at + ROOM * (at >= SECOND) for name, at in before.items()}
    assert places() == after, (before, places())

    def made() -> list[tuple[float, float]]:
        found = [strip for strip in strips() if strip.get("inbetween_job") == entry.job.id]
        return [(strip.frame_final_start, strip.frame_final_end) for strip in found]

    assert made() == [(SECOND, SECOND + ROOM)]
    for frame in (FIRST, SECOND, SECOND + ROOM // 2, SECOND + ROOM - 1, SECOND + ROOM):
        yield from red_at(frame)
    along = [seen[frame] for frame in sorted(seen)]
    assert along == sorted(set(along)), seen
    driver.window().scene.frame_set(SECOND + ROOM // 2)
    yield from see_all()
    screenshot("room_made", sequencer())

    say("undone, and done again")
    yield from driver.undo()
    assert not made() and places() == after
    yield from driver.undo()
    assert not made() and places() == before, (before, places())
    yield from driver.undo(bpy.ops.ed.redo)
    assert not made() and places() == after
    yield from driver.undo(bpy.ops.ed.redo)
    assert made() and places() == after


if __name__ == "__main__":
    driver.run(story)
