"""docs/tutorial.md, done in the window by mouse and keyboard, with its pictures.

What stands in bold in the tutorial must have been read in the add-on's tab by the time the story ends.
"""

from __future__ import annotations

import math
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy
import numpy as np

from tests.gui import driver, shots, sidebar
from tests.gui.driver import Story, say, screenshot, wait_until
from tests.gui.measuring import ours

TUTORIAL = driver.ROOT / "docs" / "tutorial.md"
FIRST, GUIDED, LAST = 1, 13, 25
#: Where the ball is, in metres right of the middle and above it.
LEFT, GROUND, RIGHT = (-2.6, 1.0), (0.0, -1.2), (2.6, 1.0)


def ball(x: float, y: float, *, wide: float = 0.75, high: float = 0.75) -> list[tuple[float, float]]:
    """A circle in window pixels, a little more than once around."""
    angles = [0.5 + step * math.tau / 47 for step in range(50)]
    return shots.on_screen((x + wide * math.cos(angle), y + high * math.sin(angle)) for angle in angles)


def go_to(frame: int) -> Story:
    """Press the arrow keys over the viewport until the frame is reached."""
    scene = driver.window().scene
    x, y, _, _ = shots.canvas()
    driver.point_at(x + 120, y + 60)
    yield 0.2
    for _ in range(5):
        steps = frame - scene.frame_current
        if not steps:
            return
        yield from driver.press_key(*["Right" if steps > 0 else "Left"] * abs(steps))
        yield 1.0
    assert scene.frame_current == frame, scene.frame_current


def strokes_at(layer: bpy.types.GreasePencilLayer, frame: int) -> int:
    key = next((key for key in layer.frames if key.frame_number == frame), None)
    return len(key.drawing.strokes) if key else 0


def ink() -> tuple[float, float]:
    """Where the middle of everything dark in the viewport is, in shares from its left and from its top."""
    picture = driver.pixels(shots.canvas()).astype(int)
    # Without the header and the tools at the left.
    rows, columns = np.nonzero(picture[60:, 70:].max(-1) < 70)
    return float(columns.mean() / picture.shape[1]), float(rows.mean() / picture.shape[0])


def story() -> Story:
    jobs = ours("jobs.queue")
    queue = jobs.queue
    sidebar.watch()
    began = time.monotonic()
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.wm.read_homefile(app_template="2D_Animation")
    yield 2.0
    view = driver.area("VIEW_3D")
    for _ in range(4):  # until the viewport has its shaders
        view.tag_redraw()
        yield 1.0
    scene, obj = driver.window().scene, driver.window().view_layer.objects.active
    assert obj.type == "GREASEPENCIL" and obj.mode == "PAINT_GREASE_PENCIL"
    lines = obj.data.layers.active

    say("1. the first key")
    yield from driver.drag(ball(*LEFT))
    yield 1.0
    assert strokes_at(lines, FIRST) == 1, "the stroke is on the layer"
    screenshot("tutorial_key", shots.viewport())

    say("2. the second key")
    yield from go_to(LAST)
    yield from driver.drag(ball(*RIGHT))
    yield 1.0
    assert strokes_at(lines, LAST) == 1, [key.frame_number for key in lines.frames]

    say("3. the tab")
    yield from driver.press_key("n")
    yield 1.0
    driver.region("UI", view).active_panel_category = sidebar.CATEGORY
    view.tag_redraw()
    yield 1.0
    yield from go_to(GUIDED)
    assert f"frames {FIRST} to {LAST}" in sidebar.labels(), sidebar.labels()
    screenshot("tutorial_tab", shots.viewport())

    say("4. the guide")
    yield from sidebar.press(f"Draw Guide at Frame {GUIDED}")
    yield 1.0
    yield from driver.drag(ball(*GROUND, wide=0.9, high=0.6))
    yield 1.0
    assert ours("timeline.guides").guide_frames(obj) == (GUIDED,)
    screenshot("tutorial_guide", shots.viewport())

    say("5. generate")
    scene.inbetween.width = 640  # a choice of the test: the machine may be slow
    yield from sidebar.press("Generate In-betweens")
    yield from wait_until(lambda: queue.entries)
    (entry,) = queue.entries
    yield from wait_until(lambda: entry.imported)
    yield 1.0
    screenshot("tutorial_reference", shots.viewport())

    say("6. strokes")
    yield from sidebar.press_operator("inbetween.show_as", how="strokes")
    yield from wait_until(lambda: entry.shown_as == "strokes" and not entry.busy)
    traced = obj.data.layers[f"In-betweens {FIRST}–{LAST}"]
    drawn = [key.frame_number for key in traced.frames if key.drawing.strokes]
    assert drawn == list(range(FIRST + 1, LAST)), drawn
    guide = ours("timeline.guides").guide_layer(obj)
    guide.hide = True
    places = {}
    for frame in (FIRST, 7, GUIDED, 19, LAST):
        scene.frame_set(frame)
        yield 1.0
        places[frame] = ink()
        if frame == GUIDED:
            screenshot("tutorial_strokes", shots.viewport())
    say({frame: (round(x, 2), round(y, 2)) for frame, (x, y) in places.items()})
    across, down = zip(*places.values(), strict=True)
    assert list(across) == sorted(across), "the ball flies from left to right"
    assert down[0] < down[1] < down[2] > down[3] > down[4], "and touches the ground in the middle"
    assert abs(across[2] - (across[0] + across[4]) / 2) < 0.04, "the first key is not seen under them"
    say(f"the tutorial took {time.monotonic() - began:.0f} s")

    named = set(re.findall(r"\*\*(.+?)\*\*", TUTORIAL.read_text(encoding="utf-8")))
    unknown = named - sidebar.names_seen
    assert not unknown, f"the tutorial names {unknown}; the tab has shown {sorted(sidebar.names_seen)}"


if __name__ == "__main__":
    driver.run(story)
