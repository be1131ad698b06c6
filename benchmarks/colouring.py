"""How well line drawings are coloured from the first of them: the share of pixels with the right colour.

    python benchmarks/colouring.py [--seeds 31,32] [--kinds walk,limb90] [--sheet PNG]

Clips of benchmarks/draft_clips with the lines of all 16 frames and the colours of the first. Seeds 0 to 7 were used
for tuning; 31 and 32 are for judging. Baseline, in the same run: the first frame's colours where they were, under
the lines of each frame. "drawn" leaves the clear ground and the lines out; a colour is right within 24 of 255.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.colouring import colour_between
from backend.colouring.painting import Painted, paint_reference, picture_of
from backend.colouring.reference_lines import lines_of
from backend.engines import Interval
from benchmarks.draft_clips import FRAMES, KINDS, make_scene, over_white
from benchmarks.draft_clips.canvas import INK, Shape, rasterize

DEFAULT_KINDS = "slide_small,slide_large,limb45,limb90,walk,face,crossing"
SIZE = (512, 320)
TOLERANCE = 24

Pixels = NDArray[np.uint8]


def line_drawing(shapes: list[Shape]) -> NDArray[np.float32]:
    """Return what an animator would have drawn of these shapes: outlines, and black fills; 0 = line, 1 = paper."""
    drawn = []
    for shape in shapes:
        if shape.line is not None:
            drawn.append(replace(shape, fill=None if shape.fill is None else (255, 255, 255), line=INK))
        elif isinstance(shape.fill, tuple) and sum(shape.fill) < 240:
            drawn.append(replace(shape, fill=INK))
    pixels = rasterize(drawn, SIZE).astype(np.float32) / 255
    return (pixels[..., :3].mean(axis=-1) * pixels[..., 3] + 1 - pixels[..., 3]).astype(np.float32)


def right(found: Pixels, truth: Pixels) -> NDArray[np.bool_]:
    """Say where a picture has the right colour, both premultiplied."""

    def premultiplied(pixels: Pixels) -> NDArray[np.int64]:
        wide = pixels.astype(np.int64)
        return np.dstack([wide[..., :3] * wide[..., 3:] // 255, wide[..., 3:]])

    return np.abs(premultiplied(found) - premultiplied(truth)).max(axis=-1) <= TOLERANCE


def colour(truth: list[Pixels], lines: list[NDArray[np.float32]]) -> list[Pixels]:
    """Colour frames 1 to the last from frame 0."""
    first = (truth[0] / 255).astype(np.float32)
    times = tuple(frame / FRAMES for frame in range(1, FRAMES))
    interval = Interval(first, first, times, dict(zip(times, lines[1:], strict=True)))
    pictures = dict(colour_between(interval))
    return [np.rint(pictures[time] * 255).astype(np.uint8) for time in times]


def stay(truth: list[Pixels], lines: list[NDArray[np.float32]]) -> list[Pixels]:
    """Leave the first frame's colours where they are."""
    first = (truth[0] / 255).astype(np.float32)
    painted, palette = paint_reference(lines_of(first), first)
    pictures = [picture_of(Painted(drawing, painted.areas, painted.fill), palette) for drawing in lines[1:]]
    return [np.rint(picture * 255).astype(np.uint8) for picture in pictures]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="31,32")
    parser.add_argument("--kinds", default=DEFAULT_KINDS)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    rows: list[NDArray[np.uint8]] = []
    print(f"{'kind':12} {'all':>7} {'drawn':>7} {'worst':>7} {'stay':>7} {'s a frame':>10}")
    for kind in options.kinds.split(","):
        figures = []
        for seed in map(int, options.seeds.split(",")):
            scene, _ = make_scene(kind, seed, SIZE)
            shapes = [KINDS[kind](scene, float(t)) for t in np.linspace(0, 1, FRAMES)]
            truth, lines = [rasterize(frame, SIZE) for frame in shapes], [line_drawing(frame) for frame in shapes]
            began = time.process_time()
            found = colour(truth, lines)
            seconds = (time.process_time() - began) / len(found)
            judged = []
            for frame, held, real, drawing in zip(found, stay(truth, lines), truth[1:], lines[1:], strict=True):
                drawn = ((real[..., 3] > 0) | (frame[..., 3] > 0)) & (drawing > 0.97)
                judged.append(
                    (right(frame, real).mean(), right(frame, real)[drawn].mean(), right(held, real)[drawn].mean())
                )
            overall, inner, held_share = np.mean(judged, axis=0)
            figures.append((overall, inner, min(item[1] for item in judged), held_share, seconds))
            if seed == int(options.seeds.split(",")[0]):
                shown = [over_white(picture) for picture in (found[4], truth[5], found[-1], truth[-1])]
                rows.append(np.hstack([np.asarray(picture)[::2, ::2, :3] for picture in shown]))
        overall, inner, worst, held_share, seconds = np.mean(figures, axis=0)
        print(
            f"{kind:12} {overall:>7.2%} {inner:>7.2%} {worst:>7.2%} {held_share:>7.2%} {seconds:>10.2f}", flush=True
        )
    if options.sheet:
        Image.fromarray(np.vstack(rows).astype(np.uint8)).save(options.sheet)


if __name__ == "__main__":
    main()
