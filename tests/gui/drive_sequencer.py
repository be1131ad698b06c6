"""In the sequencer: a strip made smoother, cancelled, undone; a movie that plays at half speed; a transition."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy
import numpy as np

from examples import drawing
from tests.gui import driver, shots, sidebar
from tests.gui.driver import Story, say, screenshot, wait_until
from tests.gui.measuring import ours

SIZE = (480, 270)
#: (x, y, width, height, turn) of the creature in each drawing of the sequence: a hop.
HOP = tuple((-3.5 + number, 1.6 - 0.27 * (number - 3.5) ** 2, 2.0, 1.9, 0.0) for number in range(8))
#: Frames of the timeline: where the sequence begins, the strips of the transition, the movie, the long sequence.
SHOT, FIRST, SECOND, MOVIE, LONG = 1, 41, 59, 101, 201
#: How often the creature hops there and back in the long sequence: no machine draws that while a hand clicks.
HOPS = 16


def render_pictures(folder: Path, poses: tuple[tuple[float, ...], ...]) -> list[Path]:
    """Render the creature in these poses on paper."""
    scene = driver.window().scene
    layer = bpy.data.objects["Creature"].data.layers["Art"]
    render = scene.render
    render.engine, render.film_transparent = "BLENDER_WORKBENCH", False
    scene.view_settings.view_transform = "Standard"
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
    scene.display.shading.background_type, scene.display.shading.background_color = "VIEWPORT", (0.9, 0.86, 0.76)
    render.use_sequencer = False
    paths = []
    for number, pose in enumerate(poses, 1):
        frame = 200 + number
        drawing.draw(bpy.data.objects["Creature"], layer, frame, shots.creature(*pose))
        scene.frame_set(frame)
        paths.append(folder / f"drawing.{number:04d}.png")
        render.filepath = str(paths[-1])
        bpy.ops.render.render(write_still=True)
    render.use_sequencer = True
    return paths


def strips() -> Any:
    return driver.window().scene.sequence_editor.strips


def add_pictures(name: str, paths: list[Path], start: int, length: int = 0) -> Any:
    strip = strips().new_image(name, str(paths[0]), 1, start, fit_method="FIT")
    for path in paths[1:]:
        strip.elements.append(path.name)
    if length:
        strip.frame_final_duration = length
    return strip


def choose(*chosen: Any) -> Story:
    """Select these strips, and see all that is there."""
    for strip in strips():
        strip.select = strip in chosen
    driver.area("SEQUENCE_EDITOR").tag_redraw()
    yield 0.7


def open_sequencer() -> Story:
    """Make the large area a sequencer with the picture above the strips."""
    view = driver.area("VIEW_3D")
    view.type = "SEQUENCE_EDITOR"
    view.spaces.active.view_type = "SEQUENCER_PREVIEW"
    view.spaces.active.timeline_overlay.show_strip_source = False
    workspace = driver.window().workspace
    if hasattr(workspace, "sequencer_scene"):
        workspace.sequencer_scene = driver.window().scene
    yield 1.0
    yield from sidebar.show(view)


def see_all() -> Story:
    view = driver.area("SEQUENCE_EDITOR")
    with bpy.context.temp_override(window=driver.window(), area=view, region=driver.region("WINDOW", view)):
        bpy.ops.sequencer.view_all()
    yield 0.7


def sequencer() -> tuple[int, int, int, int]:
    view = driver.area("SEQUENCE_EDITOR")
    return view.x, view.y, view.width, view.height


def red_at(frame: int) -> Story:
    """Where the creature is in what the sequencer renders at a frame, 0 left .. 1 right, into `seen`."""
    scene = driver.window().scene
    scene.frame_set(frame)
    scene.render.filepath = str(driver.OUT / "seen" / f"{frame}.png")
    bpy.ops.render.render(write_still=True)
    yield 0.1
    image = bpy.data.images.load(scene.render.filepath, check_existing=False)
    pixels = np.empty(SIZE[0] * SIZE[1] * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    picture = pixels.reshape(SIZE[1], SIZE[0], 4)
    _, columns = np.nonzero(picture[..., 0] - picture[..., 1] > 0.35)
    seen[frame] = float(columns.mean() / SIZE[0])


seen: dict[int, float] = {}


def at_work(film: Any) -> bool:
    """Whether the film gets on; AssertionError with the reason when it has ended instead."""
    assert film in ours("sequencer.background").under_way, ours("jobs.queue").queue.refused or "it has ended"
    return bool(film.errand.done > 0)


def story() -> Story:
    background, material = ours("sequencer.background"), ours("sequencer.strips")
    queue = ours("jobs.queue").queue
    place = driver.OUT / "shot"
    place.mkdir(parents=True)
    sidebar.watch()
    shots.build((1, 17), SIZE)
    yield 1.0
    drawings = render_pictures(place, HOP)
    scene = driver.window().scene
    scene.frame_start, scene.frame_end = 1, 120
    scene.frame_set(4)
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.wm.save_as_mainfile(filepath=str(place / "hop.blend"))
    scene.sequence_editor_create()
    yield from open_sequencer()

    say("a sequence on twos")
    twos = [path for path in drawings for _ in range(2)]
    shot = add_pictures("Hop", twos, SHOT)
    yield from choose(shot)
    yield from see_all()
    screenshot("sequencer_before", sequencer())
    before = (shot.channel, shot.frame_final_start, shot.frame_final_end)
    shot_length = shot.frame_final_duration
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.ed.undo_push(message="Strip is there")
    yield from sidebar.press("Smooth Strip")
    yield from wait_until(lambda: "Hop Smooth" in strips())
    yield 1.0
    yield from see_all()
    screenshot("sequencer_after", sequencer())
    assert (shot.channel, shot.frame_final_start, shot.frame_final_end) == before
    for frame in (3, 4, 5):
        yield from red_at(frame)
    assert seen[3] < seen[4] < seen[5] and abs(seen[4] - (seen[3] + seen[5]) / 2) < 0.01, seen
    yield from driver.undo()
    assert [strip.name for strip in strips()] == ["Hop"]
    assert strips()["Hop"].select
    yield from driver.undo(bpy.ops.ed.redo)
    assert {strip.name for strip in strips()} == {"Hop", "Hop Smooth"}

    say("cancelled")
    settings = driver.window().scene.inbetween_sequencer
    settings.rate = "x4"  # more than a thousand drawings
    there_and_back = [path for path in drawings + drawings[-2:0:-1] for _ in range(2)]
    long = add_pictures("Hops", there_and_back * HOPS, LONG)
    yield from choose(long)
    yield from see_all()
    yield from sidebar.press("Smooth Strip")
    yield from wait_until(lambda: background.under_way, 30)
    (film,) = background.under_way
    yield from wait_until(lambda: at_work(film))
    yield 0.3
    screenshot("sequencer_during", sequencer())
    yield from sidebar.press_operator("inbetween.cancel_film")
    yield from wait_until(lambda: not background.under_way, 60)
    assert film.cancelled and not film.errand.succeeded
    assert len(strips()) == 3 and queue.refused is None, queue.refused

    say("more frames than the timeline has, in the same time")
    strips().remove(strips()["Hops"])
    yield from choose(strips()["Hop"])
    yield from see_all()
    settings.rate = "x2"
    yield from sidebar.press("Smooth Strip")
    yield from wait_until(lambda: len(strips()) == 4)
    double, speed = strips()["Hop Smooth.001"], strips()["Hop Smooth.001 Speed"]
    assert len(double.elements) == 32
    assert double.frame_final_duration == speed.frame_final_duration == shot_length
    once = dict(seen)
    for frame in (3, 4, 5):
        yield from red_at(frame)
        assert abs(seen[frame] - once[frame]) < 0.01, (frame, seen, once)
    yield from driver.undo()
    assert {strip.name for strip in strips()} == {"Hop", "Hop Smooth"}
    settings = driver.window().scene.inbetween_sequencer
    settings.rate = "scene"

    say("a transition")
    first = add_pictures("One", drawings[:1], FIRST, 10)
    second = add_pictures("Two", drawings[4:5], SECOND, 10)
    yield from choose(first, second)
    yield from see_all()
    yield from sidebar.press("Draw Transition")
    yield from wait_until(lambda: len(queue.entries) == 1, 60)
    entry = queue.entries[0]
    yield from wait_until(lambda: entry.imported)
    yield 1.0
    (made,) = [strip for strip in strips() if strip.get("inbetween_job") == entry.job.id]
    assert (made.frame_final_start, made.frame_final_end) == (FIRST + 10, SECOND)
    driver.window().scene.frame_set((FIRST + 10 + SECOND) // 2)
    yield 1.0
    screenshot("sequencer_transition", sequencer())
    for frame in (FIRST, FIRST + 13, SECOND):
        yield from red_at(frame)
    assert seen[FIRST] + 0.05 < seen[FIRST + 13] < seen[SECOND] - 0.05, seen

    say("a movie that Blender plays at the scene's rate")
    film = place / "film.mp4"
    command = [os.environ["TOONCRAFTER_PYTHON"], "-P", "-m", "backend", "smooth", place, "-o", film]
    command += ["--fps", "x1", "--source-fps", "12", "--engine", "hold"]
    made_film = subprocess.run(
        list(map(str, command)), env=os.environ | {"PYTHONPATH": str(driver.ROOT)}, capture_output=True, text=True
    )
    assert made_film.returncode == 0, made_film.stderr
    view = driver.area("SEQUENCE_EDITOR")
    with bpy.context.temp_override(window=driver.window(), area=view, region=driver.region("WINDOW", view)):
        adding = bpy.ops.sequencer.movie_strip_add
        # In some versions it would go on moving the strip with the mouse.
        still = {"move_strips": False} if "move_strips" in adding.get_rna_type().properties else {}
        adding(filepath=str(film), frame_start=MOVIE, channel=1, sound=False, use_framerate=False, **still)
    yield 1.0
    movie = next(strip for strip in strips() if strip.type == "MOVIE")
    say("movie", movie.frame_start, movie.frame_duration, movie.frame_final_duration, movie.fps)
    start = round(movie.frame_final_start)
    assert movie.frame_final_duration == 16, "Blender plays it at its own rate"
    shown = [material.still_at(driver.window().scene, movie, start + frame).frame for frame in (0, 1, 2, 9)]
    assert shown == [1, 1, 2, 5], shown
    for frame in (start, start + 9):
        yield from red_at(frame)
    yield from red_at(SHOT + 8)  # the fifth drawing on twos
    assert abs(seen[start + 9] - seen[SHOT + 8]) < 0.01 and abs(seen[start] - seen[FIRST]) < 0.01, seen
    yield from choose(movie)
    yield from sidebar.press("Smooth Strip")
    yield from wait_until(lambda: f"{movie.name} Smooth" in strips())
    smooth = strips()[f"{movie.name} Smooth"]
    assert (smooth.frame_final_start, smooth.frame_final_duration) == (start, 16)

    say("the menu")
    with bpy.context.temp_override(window=driver.window(), area=view, region=driver.region("WINDOW", view)):
        driver.point_at(view.x + view.width / 3, view.y + view.height * 0.8)
        bpy.ops.wm.call_menu(name="SEQUENCER_MT_strip")
    yield 1.5
    screenshot("sequencer_menu", (0, 0, driver.window().width, driver.window().height))
    yield from driver.press_key("Escape")


if __name__ == "__main__":
    driver.run(story)
