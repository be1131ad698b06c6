"""Every way of showing a result at a click, undone and redone; how references look; a long strip."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy
import numpy as np

from tests.gui import driver, measuring, shots, sidebar
from tests.gui.driver import Story, say, screenshot, wait_until
from tests.gui.measuring import ours

FIRST, LAST, MIDDLE = 1, 17, 9


def red() -> tuple[int, float]:
    """How much of the viewport is as red as the creature, in pixels, and where its middle is: 0 left, 1 right."""
    picture = driver.pixels(shots.canvas()).astype(int)
    r, g, b = picture[..., 0], picture[..., 1], picture[..., 2]
    _, columns = np.nonzero((r > 150) & (g < 120) & (b < 110) & (r - g > 80))
    return len(columns), float(columns.mean() / picture.shape[1]) if len(columns) else -1.0


def coloured() -> tuple[int, float]:
    """The same of everything that has any of that colour in it."""
    picture = driver.pixels(shots.canvas()).astype(int)
    _, columns = np.nonzero(picture[..., 0] - picture[..., 1] > 20)
    return len(columns), float(columns.mean() / picture.shape[1])


def at_frame(frame: int) -> Story:
    driver.window().scene.frame_set(frame)
    yield 0.7


def state() -> dict[str, int]:
    """What shows results in the file."""
    editor = driver.window().scene.sequence_editor
    layers = [layer for layer in bpy.data.objects["Creature"].data.layers if not layer.hide]
    return {
        "strip": len(editor.strips) if editor else 0,
        "reference": sum(obj.type == "EMPTY" for obj in bpy.data.objects),
        "strokes": sum(layer.name.startswith("In-betweens") for layer in layers),
    }


def story() -> Story:
    jobs = ours("jobs.queue")
    queue = jobs.queue
    measuring.measure_draws()
    sidebar.watch()
    shots.build((FIRST, LAST), (640, 360))
    yield 1.0
    yield from shots.look_through_camera(driver.area("VIEW_3D"))
    measuring.measure_watching()
    yield from at_frame(FIRST)
    size, start = red()
    yield from at_frame(LAST)
    _, end = red()
    assert size > 1000 and start < end - 0.1, (size, start, end)
    middle = (start + end) / 2

    yield from at_frame(MIDDLE)
    yield from sidebar.press("Generate In-betweens")
    entry = queue.entries[-1]
    yield from wait_until(lambda: entry.imported)
    yield 1.0
    assert state() == {"strip": 0, "reference": 1, "strokes": 0}

    before = state()
    for how in ("strip", "strokes", "reference"):
        say("as", how)
        yield from sidebar.press_operator("inbetween.show_as", how=how)
        yield from wait_until(lambda how=how: entry.shown_as == how and not entry.busy, 60)
        yield 0.7
        now = {name: int(name == how) for name in ("strip", "reference", "strokes")}
        assert state() == now, (how, state())
        yield from at_frame(MIDDLE)
        screenshot(f"shown_as_{how}", shots.viewport())
        count, where = red()
        if how == "strokes":
            assert abs(where - middle) < 0.04 and 0.6 * size < count < 1.4 * size, (count, size, where, middle)
            yield from at_frame(FIRST)
            assert abs(red()[1] - start) < 0.01, "the artist's own key is seen at its frame"
            yield from at_frame(MIDDLE)
        yield from driver.undo()
        assert state() == before, (how, "undone", state())
        yield from driver.undo(bpy.ops.ed.redo)
        assert state() == now, (how, "redone", state())
        assert entry.shown_as == how
        before = now

    say("how references look")
    settings = driver.window().scene.inbetween
    artist = bpy.data.objects["Creature"]
    artist.hide_viewport = True
    for place in ("empty", "camera"):
        settings.reference_place = place
        yield from at_frame(MIDDLE)
        count, where = red()
        assert abs(where - middle) < 0.04 and 0.6 * size < count < 1.4 * size, (place, count, size, where, middle)
        for outside in (FIRST - 1, LAST + 3):
            yield from at_frame(outside)
            assert red()[0] < 0.02 * size, (place, outside, red())
    artist.hide_viewport = False
    yield from at_frame(MIDDLE)
    for place in ("camera", "empty"):
        settings.reference_place, settings.reference_neighbours = place, 0
        yield 0.7
        alone, _ = coloured()
        settings.reference_neighbours = 2
        yield 0.7
        assert coloured()[0] > 1.1 * alone, (place, alone, coloured())
        screenshot(f"reference_in_{place}", shots.viewport())
    settings.reference_neighbours, settings.reference_opacity = 0, 1.0
    settings.reference_in_front = True
    yield 0.7
    screenshot("reference_in_front", shots.viewport())
    settings.reference_in_front = False
    measuring.tell()

    say("a strip of 900 frames")
    shots.move_key(LAST, 901)
    settings.engine, settings.width, settings.import_as = "hold", 64, "strip"
    yield from at_frame(100)
    measuring.measure(ours("jobs.watching"), "_bring_in", "bring results in")
    yield from sidebar.press("Generate In-betweens")
    entry = queue.entries[-1]
    measuring.longest.clear()
    yield from wait_until(lambda: entry.imported)
    assert driver.window().scene.sequence_editor.strips[0].frame_final_duration == 901
    yield 0.5
    measuring.tell()


if __name__ == "__main__":
    driver.run(story)
