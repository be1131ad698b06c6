"""Variations side by side, one kept; a bad drawing done again; a good one accepted as key."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy

from tests.gui import driver, shots, sidebar
from tests.gui.driver import Story, say, screenshot, wait_until
from tests.gui.measuring import ours

FIRST, LAST, MIDDLE = 1, 9, 5


def drawings(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "frames").iterdir())}


def keys() -> list[int]:
    return [key.frame_number for key in bpy.data.objects["Creature"].data.layers["Art"].frames]


def story() -> Story:
    queue = ours("jobs.queue").queue
    sidebar.watch()
    shots.build((FIRST, LAST), (320, 180))
    yield 1.0
    yield from shots.look_through_camera(driver.area("VIEW_3D"))
    scene = driver.window().scene
    scene.frame_set(MIDDLE)

    say("three takes")
    scene.inbetween.takes = 3
    yield from sidebar.press("Generate In-betweens")
    yield from wait_until(lambda: len(queue.entries) == 3)
    yield from wait_until(lambda: all(entry.imported for entry in queue.entries))
    yield 1.0
    screenshot("takes", shots.viewport())
    takes = list(queue.entries)
    first, second, third = takes
    assert not first.stands_aside and second.stands_aside and third.stands_aside
    yield from sidebar.press_operator("inbetween.preview_take", job=second.job.id)
    yield from wait_until(lambda: first.stands_aside and not second.stands_aside, 30)
    yield from sidebar.press_operator("inbetween.keep_take", job=second.job.id)
    yield from wait_until(lambda: second.marks.kept, 30)
    yield from sidebar.press("Discard the Other 2")
    yield from wait_until(lambda: first.marks.discarded and third.marks.discarded, 30)
    assert [take.shown_as for take in takes] == ["", "reference", ""]
    yield 0.5
    screenshot("take_kept", shots.viewport())

    say("a bad drawing is done again, the others keep every pixel")
    before = drawings(second.folder)
    yield from sidebar.press(f"Frame {MIDDLE} Is Bad")
    yield from wait_until(lambda: second.marks.bad == (MIDDLE,), 30)
    yield from sidebar.press(f"Draw Guide at Frame {MIDDLE}")
    yield 0.5
    yield from driver.drag(shots.on_screen(shots.ellipse(-1.2, 1.2, 2.0, 1.8)))
    assert ours("timeline.guides").guide_frames(bpy.data.objects["Creature"]) == (MIDDLE,)
    screenshot("bad_drawing", shots.viewport())
    yield from sidebar.press("Redo Bad Drawings (1)")
    yield from wait_until(lambda: second.busy, 30)
    yield from wait_until(lambda: not second.busy)
    assert not second.marks.bad, (second.sentence, second.hint)
    after = drawings(second.folder)
    assert {name for name in before if before[name] != after[name]} == {f"{MIDDLE:04d}.png"}
    yield 0.5

    say("a good one becomes a key, and undo takes it back")
    assert keys() == [FIRST, LAST]
    yield from sidebar.press("Accept as Key")
    yield from wait_until(lambda: keys() == [FIRST, MIDDLE, LAST])
    yield 0.5
    screenshot("accepted", shots.viewport())
    yield from driver.undo()
    assert keys() == [FIRST, LAST]
    yield from driver.undo(bpy.ops.ed.redo)
    assert keys() == [FIRST, MIDDLE, LAST]


if __name__ == "__main__":
    driver.run(story)
