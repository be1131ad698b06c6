"""The draft engine against Blender's own Interpolate Sequence on four Grease Pencil scenes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .canvas import Shape, rasterize
from .clips import FRAMES
from .metrics import over_white, score
from .scenes import SCENES, SIZE

JUDGED = (4, 8, 11)
GUIDED = 7


def compare_scenes(blender_python: Path, draft: Callable[..., Any], sheets: Path | None) -> None:
    """Print foreground PSNR and Chamfer distance of Blender's interpolation and of the draft engine."""
    times = np.linspace(0, 1, FRAMES)
    task = {"frames": FRAMES, "scenes": {n: [_strokes(s(0.0)), _strokes(s(1.0))] for n, s in SCENES.items()}}
    script = Path(__file__).with_name("interpolate_in_blender.py")
    done = subprocess.run(
        [str(blender_python), str(script)], input=json.dumps(task), capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        print(f"Grease Pencil scenes: left out; Blender failed: {done.stderr.strip()[-300:]}")
        return
    made = json.loads(done.stdout.strip().splitlines()[-1])
    for name, scene in SCENES.items():
        truth = [rasterize(scene(float(t)), SIZE) for t in times]
        lines = _line_drawing(scene(float(times[GUIDED])))
        blender = [
            rasterize(_redrawn(scene(0.0 if i < GUIDED else 1.0), made[name].get(str(i + 1), [])), SIZE)
            for i in range(1, FRAMES - 1)
        ]
        plain, _ = draft(truth[0], truth[-1])
        guided, report = draft(truth[0], truth[-1], guides={GUIDED / (FRAMES - 1): lines})
        for label, frames in (("blender", blender), ("draft", plain), ("guided", guided)):
            psnr = np.mean([_foreground_psnr(frames[i - 1], truth[i]) for i in JUDGED])
            chamfer = np.mean([score(frames[i - 1], truth[i], (truth[0], truth[-1])).chamfer for i in JUDGED])
            print(f"scene {name:6} {label:8} {psnr:6.2f} dB in the drawing, Chamfer {chamfer:5.2f} px", flush=True)
        for warning in report.warnings:
            print(f"scene {name:6} {warning}")
        if sheets is not None:
            sheets.mkdir(parents=True, exist_ok=True)
            rows = [
                np.hstack([over_white(frame) for frame in (truth[0], *(f[i - 1] for i in (*JUDGED,)), truth[-1])])
                for f in (truth[1:-1], blender, plain, guided)
            ]
            cv2.imwrite(str(sheets / f"scene_{name}.png"), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def _strokes(shapes: list[Shape]) -> list[dict[str, Any]]:
    return [{"points": shape.outline.tolist(), "closed": shape.closed} for shape in shapes]


def _line_drawing(shapes: list[Shape]) -> NDArray[np.float32]:
    """Return the shapes' visible lines, black on white: what an animator draws as a guide."""
    white, black = (255, 255, 255), (0, 0, 0)
    drawn = [
        replace(shape, fill=None if shape.fill is None else white, line=black)
        for shape in shapes
        if shape.line is not None
    ]
    return (rasterize(drawn, SIZE, white)[..., 0] / 255).astype(np.float32)


def _redrawn(shapes: list[Shape], strokes: list[list[list[float]]]) -> list[Shape]:
    """Return the key's shapes with the points that Blender gave them."""
    return [
        replace(shape, outline=np.array(points))
        for shape, points in zip(shapes, strokes, strict=False)
        if len(points)
    ]


def _foreground_psnr(made: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Return PSNR over white where either picture has something drawn."""
    drawn = (made[..., 3] > 0) | (truth[..., 3] > 0)
    error = (over_white(made).astype(np.float32) - over_white(truth))[drawn]
    return float(10 * np.log10(255**2 / max(float(np.mean(error**2)), 1e-3)))
