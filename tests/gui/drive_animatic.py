"""A storyboard becomes an animatic: rough panels at markers in the viewport, then the panels as strips."""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy

from examples import drawing
from tests.gui import driver, shots, sidebar
from tests.gui.drive_sequencer import add_pictures, choose, open_sequencer, see_all, sequencer, strips
from tests.gui.driver import Story, say, screenshot, wait_until
from tests.gui.measuring import ours

SIZE = (480, 270)
PENCIL, TONE, PAPER = "#2c2a30", "#c9c3b8", "#efe9dc"
#: Frame, what is drawn there: (x, y, how large, how far it leans) of the figure; a cut before the third panel.
PANELS = {
    1: (-3.4, -0.4, 1.0, 0.0),
    17: (-1.0, -0.2, 1.0, 0.25),
    33: (-0.6, -1.0, 2.1, 0.0),
    49: (1.0, -0.9, 2.2, -0.2),
}
MARKERS = {1: "Arrival", 17: "F_17", 33: "The look"}
LAST = 64


def rough(line: list[drawing.Point], chance: random.Random, width: float = 0.035) -> list[drawing.Shape]:
    """A line as a pencil searches for it: drawn three times, each a little beside the last."""

    def miss() -> list[drawing.Point]:
        return [(x + chance.gauss(0, 0.022), y + chance.gauss(0, 0.022)) for x, y in line]

    return [drawing.Shape(miss(), None, PENCIL, width * chance.uniform(0.7, 1.3), closed=False) for _ in range(3)]


def figure(x: float, y: float, size: float, lean: float, seed: int) -> list[drawing.Shape]:
    """A rough figure with a tone on its coat, on a horizon."""
    chance = random.Random(seed)

    def at(u: float, v: float) -> drawing.Point:
        return x + size * (u + lean * (v + 1)), y + size * v

    def round_(u: float, v: float, radius: float) -> list[drawing.Point]:
        return [
            at(u + radius * math.cos(a), v + radius * math.sin(a)) for a in (n * math.tau / 30 for n in range(31))
        ]

    coat = [at(-0.55, -1.2), at(-0.3, 0.1), at(0.3, 0.1), at(0.55, -1.2), at(-0.55, -1.2)]
    page = [(-6.2, -3.6), (6.2, -3.6), (6.2, 3.6), (-6.2, 3.6)]
    return [
        drawing.Shape(page, PAPER, None),
        *rough([(-6, -2.2 + 0.02 * seed), (6, -2.1)], chance),
        drawing.Shape(coat, TONE, None),
        *rough(coat, chance, 0.05),
        drawing.Shape(round_(0, 0.55, 0.42), PAPER, None),
        *rough(round_(0, 0.55, 0.42), chance, 0.05),
        *rough([at(0.08, 0.6), at(0.12, 0.68)], chance, 0.07),
        *rough([at(0.28, 0.6), at(0.31, 0.68)], chance, 0.07),
    ]


def board() -> None:
    """The panels as keys of an object of their own, and a marker for each of the first three."""
    scene = shots.stage(1, LAST, SIZE)
    obj = drawing.new_object(scene, "Board")
    layer = drawing.new_layer(obj, "Art")
    for number, (frame, pose) in enumerate(PANELS.items(), 1):
        drawing.draw(obj, layer, frame, figure(*pose, number)).select = False
    driver.window().view_layer.objects.active = obj
    obj.select_set(True)
    for frame, name in MARKERS.items():
        scene.timeline_markers.new(name, frame=frame)
    scene.frame_set(1)


def made(entry: object) -> list[object]:
    found = [strip for strip in strips() if strip.get("inbetween_job") == entry.job.id]
    return sorted(found, key=lambda strip: strip.frame_final_start)


def story() -> Story:
    queue = ours("jobs.queue").queue
    sidebar.watch()
    place = driver.OUT / "board"
    place.mkdir(parents=True)
    board()
    yield 1.0
    scene = driver.window().scene
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.wm.save_as_mainfile(filepath=str(place / "board.blend"))
    view = driver.area("VIEW_3D")
    sidebar.unfold("Animatic")
    yield from shots.look_through_camera(view)

    say("keys at markers")
    scene.inbetween_animatic.move = 8
    scene.inbetween.easing = "ease_both"
    yield from sidebar.redraw(view)
    assert "2 shots, 4 panels" in sidebar.labels(), sidebar.labels()
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.ed.undo_push(message="The board is drawn")
    yield from sidebar.press_operator("inbetween.animatic")
    yield from wait_until(lambda: queue.entries, 60)
    (entry,) = queue.entries
    yield from wait_until(lambda: entry.finished or not entry.busy)
    yield 0.3
    screenshot("animatic_during", shots.viewport())
    yield from wait_until(lambda: entry.imported)
    yield 1.0
    assert [(strip.name, strip.frame_final_start, strip.frame_final_end) for strip in made(entry)] == [
        ("Arrival", 1, 33),
        ("The look", 33, 65),
    ]
    yield from driver.undo()
    assert not strips() and "Board" in bpy.data.objects
    yield from driver.undo(bpy.ops.ed.redo)
    assert len(made(entry)) == 2

    say("in the sequencer")
    yield from open_sequencer()
    yield from see_all()
    driver.window().scene.frame_set(13)
    yield 1.0
    screenshot("animatic_strips", sequencer())

    say("strips as panels")
    for strip in list(strips()):
        strips().remove(strip)
    keys = sorted((entry.folder / "keys").iterdir())
    panels = [add_pictures(path.stem, [path], frame, 16) for path, frame in zip(keys, PANELS, strict=True)]
    yield from choose(*panels)
    yield from see_all()
    assert "2 shots, 4 panels" in sidebar.labels(), sidebar.labels()
    yield from sidebar.press_operator("inbetween.strip_animatic")
    yield from wait_until(lambda: len(queue.entries) == 2, 60)
    other = queue.entries[-1]
    yield from wait_until(lambda: other.imported)
    yield 1.0
    assert [strip.name for strip in made(other)] == ["Arrival", "The look"]
    assert [strip.channel for strip in made(other)] == [2, 2]
    names = [path.name for path in sorted((entry.folder / "frames").iterdir())]
    assert names == [path.name for path in sorted((other.folder / "frames").iterdir())]
    screenshot("animatic_of_strips", sequencer())

    say("cancelled, and taken up again")
    driver.window().scene.inbetween_animatic.move = 15
    yield from choose(*panels)
    before = len(strips())
    yield from sidebar.press_operator("inbetween.strip_animatic")
    yield from wait_until(lambda: len(queue.entries) == 3, 60)
    third = queue.entries[-1]
    ours("jobs.queue").queue.cancel(third)
    yield from wait_until(lambda: not third.busy, 60)
    if third.state != "done":
        assert third.state == "cancelled" and len(strips()) == before
        ours("generate").retry(third)
    yield from wait_until(lambda: third.imported)
    assert len(made(third)) == 2 and len(third.job.wanted) == 30


if __name__ == "__main__":
    driver.run(story)
