"""How like the picture traced strokes are, how many points they need and how long it takes.

    python benchmarks/tracing.py --blender PYTHON [--folder DIR] [--every N]

PYTHON is one with the bpy wheel. Four clips of 16 frames are rendered at 512 × 320, traced, brought into Grease
Pencil as the add-on does and rendered again; then the same with noise of ±6/255 and slight blur in all frames but
the keys. Likeness is PSNR in dB of the second render against the first, without noise; the worst frame counts.
Beside it, on the same frames: vtracer (if installed) and OpenCV's outlines of the nearest palette colour. These
know no lines; the likeness of the latter is that of its areas painted in order. Their times are the baseline.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.contract.strokes import write_drawing  # noqa: E402 - found through the line above
from backend.tracing import Tracer  # noqa: E402
from benchmarks.tracing_clips import FRAMES, NAMES  # noqa: E402

Array = NDArray[Any]


def picture(path: Path) -> Array:
    """Return the picture as (height, width, 4) bytes."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA")).copy()


def spoiled(clean: Array, seed: int) -> Array:
    """Return the picture slightly blurred and with noise of ±6."""
    blurred = cv2.GaussianBlur(clean[..., :3].astype(np.float32), (0, 0), 0.7)
    noisy = blurred + np.random.default_rng(seed).integers(-6, 7, blurred.shape)
    return np.dstack([np.clip(np.rint(noisy), 0, 255).astype(np.uint8), clean[..., 3]])


def likeness(one: Array, other: Array) -> float:
    """Return the PSNR of two opaque pictures in dB."""
    error = ((one[..., :3].astype(float) - other[..., :3]) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def by_contours(frames: list[Array], colours: Array) -> tuple[list[Array], float]:
    """Snap to the nearest colour and paint outlines over each other, the largest first."""
    painted, count = [], 0
    for frame in frames:
        label = ((frame[:, :, None, :3].astype(np.float32) - colours) ** 2).sum(-1).argmin(-1)
        found = []
        for index, colour in enumerate(colours):
            outlines, _ = cv2.findContours(
                (label == index).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
            )
            found += [(cv2.contourArea(o), cv2.approxPolyDP(o, 0.7, True), colour) for o in outlines]
        sheet = np.zeros_like(frame)
        for _, outline, colour in sorted(found, key=lambda item: -item[0]):
            cv2.fillPoly(sheet, [outline], (*colour.tolist(), 255), cv2.LINE_AA)
            count += len(outline)
        painted.append(sheet)
    return painted, count / len(frames)


def by_vtracer(frames: list[Array]) -> float:
    """Trace with vtracer; return how many curve points a frame needs."""
    import vtracer

    total = 0
    for frame in frames:
        height, width = frame.shape[:2]
        pixels = [tuple(pixel) for pixel in frame.reshape(-1, 4).tolist()]
        svg = vtracer.convert_pixels_to_svg(pixels, size=(width, height), mode="spline", filter_speckle=4)
        total += svg.count("C") + svg.count("L") + svg.count("M")
    return total / len(frames)


def timed(task: Callable[[], Any]) -> tuple[Any, float]:
    """Return what the task returns, and the seconds it took."""
    begun = time.perf_counter()
    result = task()
    return result, time.perf_counter() - begun


def run_blender(python: str, what: str, folder: Path, every: int = 1) -> list[dict[str, Any]]:
    """Run the Blender half; return the results that it printed."""
    script = ROOT / "benchmarks" / "tracing_clips" / "in_blender.py"
    done = subprocess.run([python, script, what, folder, str(every)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("RESULT ")]


def measure(folder: Path, python: str, noisy: bool, every: int) -> None:
    """Trace all clips, have every so many frames drawn again and print the figures."""
    print(f"\n{'with noise and blur' if noisy else 'clean'}")
    clean: dict[str, list[Array]] = {}
    seconds, others = {}, {}
    for clip in NAMES:
        clean[clip] = [picture(folder / clip / "frames" / f"{n:04d}.png") for n in range(1, FRAMES + 1)]
        seen = [spoiled(frame, n) for n, frame in enumerate(clean[clip])] if noisy else clean[clip]

        def trace(clip: str = clip, seen: list[Array] = seen) -> Tracer:
            tracer = Tracer([clean[clip][0], clean[clip][-1]], seen[::3])
            for number, frame in enumerate(seen, 1):
                write_drawing(folder / clip, tracer.trace(frame, number))
            return tracer

        tracer, seconds[clip] = timed(trace)
        colours = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in tracer.colours], np.float32)
        (painted, count), spent = timed(lambda seen=seen, colours=colours: by_contours(seen, colours))
        worst = min(likeness(a, b) for a, b in zip(painted, clean[clip], strict=True))
        others[clip] = f"contours {worst:.1f} dB, {count:.0f} points, {spent:.1f} s"
        try:
            count, spent = timed(lambda seen=seen: by_vtracer(seen))
            others[clip] += f"; vtracer {count:.0f} points, {spent:.1f} s"
        except ImportError:
            pass
    for result in run_blender(python, "redraw", folder, every):
        clip = result["clip"]
        again = [picture(folder / clip / "redrawn" / f"{n:04d}.png") for n in range(1, FRAMES + 1, every)]
        alike = [likeness(a, b) for a, b in zip(again, clean[clip][::every], strict=True)]
        print(
            f"{clip:7} worst {min(alike):.1f} dB, mean {np.mean(alike):.1f}; points {result['points']:.0f}, drawn "
            f"{result['drawn_points']:.0f}, ratio {result['points'] / result['drawn_points']:.2f}; traced in "
            f"{seconds[clip]:.1f} s, imported in {result['import_seconds']:.2f} s | {others[clip]}",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", required=True, metavar="PYTHON", help="a Python with the bpy wheel")
    parser.add_argument("--folder", type=Path, help="keep everything here")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="judge every Nth frame only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = (options.folder or Path(temporary)).resolve()
        for clip in NAMES:
            (place / clip / "frames").mkdir(parents=True, exist_ok=True)
        run_blender(options.blender, "draw", place)
        for noisy in (False, True):
            measure(place, options.blender, noisy, options.every)
