"""How long bringing a result in holds up Blender's window.

    python benchmarks/importing.py --blender PYTHON

PYTHON is one with the bpy wheel, or Blender itself. Figures in ms of the main thread, best of three: a strip and a
reference of 100 and of 900 frames, and a figure of 30 areas and 60 lines (1470 points) as strokes on 16 frames.
"Files" is what happens in a thread meanwhile: linking pictures, reading traced drawings. The baseline, in the same
run, is what Blender needs to save the same file, which holds up the window as well.
"""

from __future__ import annotations

import argparse
import importlib
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_RUNS = 3


def main() -> int:
    """Start the Blender half."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--blender", required=True, metavar="PYTHON", help="a Python with the bpy wheel, or Blender"
    )
    options = parser.parse_args()
    is_blender = Path(options.blender).name.lower().startswith("blender")
    start = ["-b", "--factory-startup", "-P"] if is_blender else []
    return subprocess.run([options.blender, *start, __file__, "--", "inside"]).returncode


def inside() -> None:
    """Measure, in Blender."""
    sys.path[:0] = [str(ROOT), str(ROOT.parent)]
    import bpy

    with tempfile.TemporaryDirectory() as place:
        for count in (100, 900):
            for how in ("strip", "reference"):
                _tell(
                    bpy, f"{how} of {count} frames", how, lambda folder, count=count: pictures(folder, count), place
                )
        _tell(bpy, "strokes on 16 frames", "strokes", figures, place)


def _tell(bpy: Any, name: str, how: str, prepare: Callable[[Path], Any], place: str) -> None:
    """Bring the result into an empty file, several times, and print what it took."""
    results = importlib.import_module(f"{ROOT.name}.tooncrafter_blender.results")
    from examples import drawing

    files, blocked, saved = [], [], []
    for run in range(_RUNS):
        folder = Path(tempfile.mkdtemp(dir=place))
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        scene = bpy.context.scene
        drawing.new_camera(scene, 8.0)
        obj = drawing.new_object(scene, "Drawn")
        drawing.new_layer(obj, "Art").frames.new(1)
        scene.sequence_editor_create()
        job = prepare(folder)
        began = time.perf_counter()
        ready = results.prepare(job, folder, how)
        files.append(time.perf_counter() - began)
        began = time.perf_counter()
        results.put_up(scene, ready)
        blocked.append(time.perf_counter() - began)
        began = time.perf_counter()
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / f"{run}.blend"))
        saved.append(time.perf_counter() - began)
    files_ms, blocked_ms, saved_ms = (1000 * min(times) for times in (files, blocked, saved))
    print(
        f"RESULT Blender {bpy.app.version_string:10} {name:24} {blocked_ms:6.1f} ms of the window, "
        f"{blocked_ms / saved_ms:5.1f} times saving the file; files {files_ms:6.1f} ms",
        flush=True,
    )


def _job(folder: Path, count: int) -> Any:
    jobs = importlib.import_module(f"{ROOT.name}.backend.contract.job")
    keys = jobs.Picture(1, "keys/0001.png"), jobs.Picture(count, f"keys/{count:04d}.png")
    segment = jobs.Segment(*keys, tuple(range(2, count)))
    return jobs.Job(folder.name, "draft", jobs.Canvas(64, 36, 24), (segment,), source={"object": "Drawn"})


def pictures(folder: Path, count: int) -> Any:
    """Write a finished job of that many frames; return it."""
    png = importlib.import_module(f"{ROOT.name}.tooncrafter_blender.capture.png")
    import numpy as np

    job = _job(folder, count)
    for name in ("keys", "frames"):
        (folder / name).mkdir()
    for frame in range(1, count + 1):
        where = "keys" if frame in (1, count) else "frames"
        picture = np.full((36, 64, 4), (frame % 256, 90, 160, 255), np.uint8)
        png.write(folder / where / f"{frame:04d}.png", picture)
    return job


def figures(folder: Path) -> Any:
    """Write a traced job of 16 frames; return it."""
    strokes = importlib.import_module(f"{ROOT.name}.backend.contract.strokes")
    job = _job(folder, 18)
    for frame in job.wanted:
        fills = tuple(strokes.Fill("#e6453bff", (_circle(index, frame, 15),)) for index in range(30))
        lines = tuple(strokes.Line("#241a26ff", _circle(index, frame, 17), (3.0,) * 17) for index in range(60))
        strokes.write_drawing(folder, strokes.Drawing(frame, 64, 36, fills, lines))
    return job


def _circle(index: int, frame: int, count: int) -> tuple[float, ...]:
    numbers: list[float] = []
    for step in range(count):
        angle = step * math.tau / count
        x, y = 32 + index / 4 + 6 * math.cos(angle), 18 + frame / 4 + 6 * math.sin(angle)
        along = -0.8 * math.sin(angle), 0.8 * math.cos(angle)
        numbers += [x, y, x - along[0], y - along[1], x + along[0], y + along[1]]
    return tuple(numbers)


if __name__ == "__main__":
    if sys.argv[-1] == "inside":
        inside()
    else:
        sys.exit(main())
