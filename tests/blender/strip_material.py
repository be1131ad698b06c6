"""Strips for the tests of the sequencer: a disc that moves on twos, as pictures or as a movie."""

from __future__ import annotations

import subprocess
from pathlib import Path

import bpy
import numpy as np
from PIL import Image, ImageDraw

from tests.blender.jobs_on_disk import PYTHON, ROOT

SIZE = (240, 160)
PAPER, DISC = (250, 244, 230), (200, 40, 50)
_RADIUS = 24
#: Where the disc is in each drawing, in pixels from the left.
PLACES = (60, 72, 84, 96, 108, 120)


def drawing(place: int, size: tuple[int, int] = SIZE, *, clear: bool = False) -> Image.Image:
    """The disc on paper, or on nothing."""
    picture = Image.new("RGBA", size, (0, 0, 0, 0) if clear else (*PAPER, 255))
    draw = ImageDraw.Draw(picture)
    middle = size[1] // 2
    box = (place - _RADIUS, middle - _RADIUS, place + _RADIUS, middle + _RADIUS)
    draw.ellipse(box, fill=DISC, outline=(20, 20, 30), width=3)
    return picture if clear else picture.convert("RGB")


def place_of(path: Path) -> float:
    """Where the disc is in a picture, in pixels from the left."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGBA")).astype(int)
    _, columns = np.nonzero((pixels[..., 0] - pixels[..., 1] > 80) & (pixels[..., 3] > 128))
    return float(columns.mean())


def write_pictures(folder: Path, *, clear: bool = False) -> list[Path]:
    """Two pictures of each drawing, named as cameras do, in a folder that holds other files, too."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "notes.txt").write_text("not a picture")
    drawing(90).save(folder / "another.png")
    paths = [folder / f"shot.{number:04d}.png" for number in range(11, 11 + 2 * len(PLACES))]
    for number, path in enumerate(paths):
        drawing(PLACES[number // 2], clear=clear).save(path)
    return paths


_MOVIE = """
import sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from PIL import Image
from backend.film import write_movie
out, rate, *pictures = sys.argv[1:]
frames = [np.asarray(Image.open(path).convert("RGB")) for path in pictures]
write_movie(Path(out), frames, Fraction(rate), frames[0].shape[1::-1])
"""


def write_movie(path: Path, pictures: list[Path], rate: str = "12") -> Path:
    """A movie of these pictures, made by the backend."""
    command = [PYTHON, "-P", "-c", _MOVIE, path, rate, *pictures]
    subprocess.run(list(map(str, command)), cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=True)
    return path


def add_pictures(
    scene: bpy.types.Scene, paths: list[Path], start: int = 1, channel: int = 1, name: str = "Shot"
) -> bpy.types.ImageStrip:
    """An image strip, alone selected."""
    editor = scene.sequence_editor_create()
    strip = editor.strips.new_image(name, str(paths[0]), channel, start, fit_method="FIT")
    for path in paths[1:]:
        strip.elements.append(path.name)
    return choose(scene, strip)


def add_movie(
    scene: bpy.types.Scene, path: Path, start: int = 1, channel: int = 1, name: str = "Film"
) -> bpy.types.MovieStrip:
    """A movie strip, alone selected."""
    strip = scene.sequence_editor_create().strips.new_movie(name, str(path), channel, start, fit_method="FIT")
    return choose(scene, strip)


def choose(scene: bpy.types.Scene, *chosen: bpy.types.Strip) -> bpy.types.Strip:
    """Select these strips and no others; return the first."""
    for strip in scene.sequence_editor.strips:
        strip.select = strip in chosen
    return chosen[0]


def untouched(strip: bpy.types.Strip) -> tuple[object, ...]:
    """What must never change about a strip of the person's."""
    return (
        strip.name,
        strip.channel,
        strip.frame_final_start,
        strip.frame_final_end,
        strip.frame_offset_start,
        strip.frame_offset_end,
    )
