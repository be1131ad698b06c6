"""Line drawings are coloured: what the panel says, every way of showing them, a picture as reference, cancel."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy
import numpy as np

from examples import drawing
from tests.gui import driver, shots, sidebar
from tests.gui.drive_results import red
from tests.gui.driver import Story, say, screenshot, wait_until
from tests.gui.measuring import ours

SIZE = (480, 270)
RED, WINE, CREAM, GOLD = "#e6453b", "#9c2a3c", "#fbe9d2", "#f0b429"
#: Frames of the line drawings; at BLANK nothing is drawn, and only the first is coloured.
FRAMES, BLANK, LAST = (1, 3, 5, 7, 9, 11, 13, 15), 9, 16
MIDDLE = 5
#: So many more drawings that the engine is still at work when the first of them is noticed.
MORE = 40


def place_of(number: float) -> drawing.Point:
    """Where the bird is in the drawing of that number: it hops from left to right."""
    return -4.0 + 1.1 * number, -0.6 + 1.1 * abs(math.sin(number * 0.8))


def bird(number: float) -> list[drawing.Shape]:
    """Body, wing, belly, beak and eye, each filled and outlined."""
    x, y = place_of(number)
    flap = 0.5 * math.sin(number * 1.7)
    beak = [(x + 1.0, y + 0.75), (x + 1.75, y + 0.5), (x + 1.0, y + 0.3)]
    return [
        drawing.Shape(beak, GOLD, shots.INK, 0.07),
        drawing.Shape(shots.ellipse(x, y, 2.6, 2.3), RED, shots.INK, 0.08),
        drawing.Shape(shots.ellipse(x + 0.35, y - 0.4, 1.3, 1.0), CREAM, shots.INK, 0.06),
        drawing.Shape(shots.ellipse(x - 0.65, y + 0.05 + flap / 3, 0.9, 0.6, flap), WINE, shots.INK, 0.06),
        drawing.Shape(shots.ellipse(x + 0.6, y + 0.6, 0.45, 0.5), CREAM, shots.INK, 0.06),
    ]


def lines(number: float) -> list[drawing.Shape]:
    return [replace(shape, fill=None) for shape in bird(number)]


def fills(number: float) -> list[drawing.Shape]:
    return [replace(shape, line=None) for shape in bird(number)]


def build() -> None:
    """The line drawings, without a coloured one."""
    scene = shots.stage(1, LAST, SIZE)
    obj = drawing.new_object(scene, "Bird")
    drawing.new_layer(obj, "Fills")
    layer = drawing.new_layer(obj, "Lines")
    for number, frame in enumerate(FRAMES):
        drawing.draw(obj, layer, frame, [] if frame == BLANK else lines(number))
    obj.data.layers.active = layer
    driver.window().view_layer.objects.active = obj
    scene.timeline_markers.new("Take off", frame=3)
    scene.frame_set(1)


def bird_object() -> Any:
    return bpy.data.objects["Bird"]


def layer_of(name: str) -> Any:
    return bird_object().data.layers[name]


def strips() -> list[Any]:
    editor = driver.window().scene.sequence_editor
    return list(editor.strips) if editor else []


def everything() -> list[object]:
    """What a person has made: layers with every point of every key, modifiers, markers, strips, references."""
    obj, found = bird_object(), []
    for layer in obj.data.layers:
        found.append((layer.name, layer.hide, layer.lock, layer.opacity, layer == obj.data.layers.active))
        for key in layer.frames:
            positions = key.drawing.attributes.get("position")
            points = np.zeros(3 * len(positions.data) if positions else 0, np.float32)
            if positions:
                positions.data.foreach_get("vector", points)
            found.append((key.frame_number, key.keyframe_type, points.tobytes()))
    found += [(one.name, one.type) for one in obj.modifiers]
    found += [(marker.name, marker.frame) for marker in driver.window().scene.timeline_markers]
    return [*found, *(strip.name for strip in strips()), *sorted(one.name for one in bpy.data.objects)]


def shown(job: str) -> str:
    """In which way the scene shows a job."""
    return ours("results").how_shown(driver.window().scene, job)


def said() -> str:
    """What the tab says, however its lines are broken."""
    return " ".join(sidebar.labels().split())


def tab_says(words: str) -> Story:
    view = driver.area("VIEW_3D")
    yield from sidebar.redraw(view)
    assert words in said(), (words, said())


def look_at(frame: int) -> Story:
    driver.window().scene.frame_set(frame)
    driver.area("VIEW_3D").tag_redraw()
    yield 0.7


def keep_step(message: str) -> None:
    """What the driver has done so far is a step of its own."""
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.ed.undo_push(message=message)


def settings() -> Any:
    return driver.window().scene.inbetween_colouring


def colour_drawings() -> Story:
    """Press the button and wait for the result; the entry is the last in the queue."""
    queue = ours("jobs.queue").queue
    before = len(queue.entries)
    yield from sidebar.press("Colour Drawings")
    yield from wait_until(lambda: len(queue.entries) > before, 120)
    entry = queue.entries[-1]
    yield from wait_until(lambda: entry.imported or entry.state in ("failed", "cancelled"))
    assert entry.imported, (entry.sentence, entry.hint)
    yield 1.0


def camera_share() -> float:
    """How much of the viewport's width the camera's frame takes, 0..1."""
    (left, _), (right, _) = shots.on_screen([(-shots.CAMERA_WIDTH / 2, 0), (shots.CAMERA_WIDTH / 2, 0)])
    return (right - left) / shots.canvas()[2]


def set_the_stage() -> Story:
    """The line drawings in a file of their own, with the panel open."""
    sidebar.watch()
    place = driver.OUT / "shot"
    place.mkdir(parents=True)
    build()
    yield 1.0
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.wm.save_as_mainfile(filepath=str(place / "bird.blend"))
    view = driver.area("VIEW_3D")
    sidebar.fold("Range", "Result", "Jobs")
    sidebar.unfold("Colouring")
    view.spaces.active.overlay.use_gpencil_onion_skin = False
    yield from shots.look_through_camera(view)


def what_is_missing() -> Generator[float, None, tuple[int, float]]:
    """What the panel says; return how red the coloured drawing is and where it is (`red`)."""
    say("what is missing")
    yield from tab_says("None of the 7 drawings on “Lines” is coloured yet.")
    screenshot("colouring_missing", shots.viewport())
    layer_of("Lines").hide = True
    yield from tab_says("The layer “Lines” is hidden.")
    layer_of("Lines").hide = False
    settings().colours = "picture"
    yield from tab_says("No picture is chosen.")
    settings().colours = "drawings"
    bird_object().data.layers.active = layer_of("Fills")
    yield from tab_says("The layer “Fills” has no line drawings from frame 1 to 16.")
    bird_object().data.layers.active = layer_of("Lines")
    drawing.draw(bird_object(), layer_of("Fills"), FRAMES[0], fills(0))
    drawing.draw(bird_object(), layer_of("Fills"), FRAMES[1], [])
    yield from tab_says("6 drawings on Lines Coloured as at frame 1")
    scene = driver.window().scene
    scene.frame_end = 2
    yield from tab_says("All drawings on “Lines” from frame 1 to 2 are coloured already.")
    scene.frame_end = LAST
    yield from look_at(1)
    size, start = red()
    assert size > 1000, size
    keep_step("The bird is drawn")
    return size, start


def every_way(size: int, start: float) -> Story:
    """Each way of showing the colours is one undo step and changes nothing of the person's. The last one stays."""
    queue = ours("jobs.queue").queue
    before = everything()
    for how in ("strip", "reference", "strokes"):
        say("as", how)
        settings().show_as = how
        yield from colour_drawings()
        entry = queue.entries[-1]
        after = everything()
        assert shown(entry.job.id) == how and after != before
        for number, frame in enumerate(FRAMES):
            yield from look_at(frame)
            count, where = red()
            if how == "strip" and number:  # is not seen in the viewport
                assert count < 0.02 * size, (frame, count)
            elif frame == BLANK:
                assert count < 0.02 * size, (how, frame, count)
            else:
                expected = start + 1.1 * number / shots.CAMERA_WIDTH * camera_share()
                assert 0.6 * size < count < 1.4 * size, (how, frame, count, size)
                assert abs(where - expected) < 0.03, (how, frame, where, expected)
        yield from look_at(MIDDLE)
        screenshot(f"colouring_as_{how}", shots.viewport())
        yield from driver.undo()
        assert everything() == before and not shown(entry.job.id), (how, "undone")
        yield from driver.undo(bpy.ops.ed.redo)
        assert everything() == after and shown(entry.job.id) == how, (how, "redone")
        if how != "strokes":
            yield from driver.undo()
            assert everything() == before


def by_picture(size: int) -> Story:
    """A picture file as reference, in the place of the coloured drawing."""
    say("as a picture shows it")
    first = ours("jobs.queue").queue.entries[0]
    sheet = driver.OUT / "shot" / "bird sheet.png"
    shutil.copy(first.folder / "keys" / "0001.png", sheet)
    yield from driver.undo()
    layer_of("Fills").frames.remove(FRAMES[0])
    settings().colours, settings().show_as = "picture", "strokes"
    settings().picture = bpy.data.images.load(str(sheet))
    yield from tab_says("7 drawings on Lines Coloured as in bird sheet.png")
    keep_step("A picture is chosen")
    before = everything()
    yield from colour_drawings()
    for number, frame in enumerate(FRAMES):
        yield from look_at(frame)
        count, _ = red()
        assert (count < 0.02 * size) if frame == BLANK else (0.6 * size < count < 1.4 * size), (
            number,
            frame,
            count,
        )
    yield from look_at(MIDDLE)
    screenshot("colouring_by_picture", shots.viewport())
    yield from driver.undo()
    assert everything() == before


def cancelled() -> Story:
    """Stopped in the middle: nothing comes in."""
    queue = ours("jobs.queue").queue
    say("cancelled")
    for number in range(MORE):
        drawing.draw(bird_object(), layer_of("Lines"), LAST + 1 + number, lines(7 * number / MORE))
    driver.window().scene.frame_end = LAST + MORE
    keep_step("More drawings")
    before = everything()
    entries = len(queue.entries)
    yield from sidebar.press("Colour Drawings")
    yield from wait_until(lambda: len(queue.entries) > entries)
    entry = queue.entries[-1]
    yield from wait_until(lambda: entry.finished or not entry.busy)
    assert entry.busy, (entry.sentence, entry.hint)
    # However fast the machine and however slow the hand: it gets no further before it is cancelled.
    os.kill(queue.worker_pid, signal.SIGSTOP)
    yield 1.0
    done = len(entry.finished)
    screenshot("colouring_during", shots.viewport())
    worker = queue.worker_pid
    yield from sidebar.press_operator("inbetween.cancel")
    yield from wait_until(lambda: entry.cancelling or not entry.busy, 60)
    with contextlib.suppress(ProcessLookupError):  # it was silent for so long that it was ended
        os.kill(worker, signal.SIGCONT)
    yield from wait_until(lambda: not entry.busy)
    assert entry.state == "cancelled" and done <= len(entry.finished) < MORE, (entry.state, len(entry.finished))
    yield 1.0
    assert everything() == before and not shown(entry.job.id)


def story() -> Story:
    yield from set_the_stage()
    size, start = yield from what_is_missing()
    yield from every_way(size, start)
    yield from by_picture(size)
    yield from cancelled()


if __name__ == "__main__":
    driver.run(story)
