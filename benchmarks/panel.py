"""How long the add-on keeps Blender's window waiting: to draw its panel, and in every other call while jobs run.

    python benchmarks/panel.py --blender BLENDER [--jobs N] [--out DIR]

Needs Linux with what tests/gui/window.py needs. A file with N jobs of earlier sessions (50) is opened in a real
window with a tab of ours, and a job is drawn. Printed: the time that all our panels together take for one redraw
window with a tab of ours, and a job is drawn. Printed: the time that all our panels together take for one redraw
and the longest call of each kind on the main thread while the job ran: the timer that listens to the drawing engine
and brings pictures in, what runs after undo, loading and every change, and buttons. Each by the clock and in
processor time of the main thread alone, which a busy machine does not stretch.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.contract.job import Canvas, Job, Picture, Segment, new_id, write_job  # noqa: E402 - found through the line above
from tests.gui import window  # noqa: E402

SHOT_VARIABLE = "PANEL_SHOT"
_SIZE = (640, 360)


def main() -> int:
    """Make the jobs, start Blender, pass on what it measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", default="blender")
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--out", type=Path, help="where Blender's log goes (default: nowhere)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        shot = Path(place) / "shot.blend"
        for number in range(options.jobs):
            make_job(shot.with_name("shot_inbetweens") / f"{number + 1:03d}_f0001-f0009", number)
        os.environ[SHOT_VARIABLE] = str(shot)
        driver = Path(__file__).with_name("panel_in_blender.py")
        out = options.out or Path(place) / "out"
        return window.main([str(driver), str(out), "--blender", options.blender])


def make_job(folder: Path, number: int) -> None:
    """Write a job as another session left it: two keys with thumbnails, half of the jobs finished."""
    for name in ("keys", "thumbnails", "frames"):
        (folder / name).mkdir(parents=True)
    for frame in (1, 9):
        for name, size in (("keys", _SIZE), ("thumbnails", (128, 128))):
            disc(size, 0.2 + 0.05 * frame).save(folder / name / f"{frame:04d}.png")
    wanted = tuple(range(2, 9))
    for frame in wanted[: 7 if number % 2 else 3]:
        disc(_SIZE, 0.2 + 0.05 * frame).save(folder / "frames" / f"{frame:04d}.png")
    segment = Segment(Picture(1, "keys/0001.png"), Picture(9, "keys/0009.png"), wanted)
    source = {"file": "", "scene": "Scene", "object": "Creature"}
    write_job(folder, Job(new_id(), "draft", Canvas(*_SIZE, 24.0), (segment,), source=source))


def disc(size: tuple[int, int], x: float) -> Image.Image:
    """Return a picture of a disc on nothing."""
    picture = Image.new("RGBA", size)
    width, height = size
    box = (width * x - height / 4, height / 4, width * x + height / 4, height * 3 / 4)
    ImageDraw.Draw(picture).ellipse(box, fill=(230, 69, 59, 255), outline=(20, 20, 30, 255), width=4)
    return picture


if __name__ == "__main__":
    sys.exit(main())
