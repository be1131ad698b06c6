"""How good and how fast the draft engine is, beside a cross-fade, DIS flow and the nearest key, in one run.

    python benchmarks/draft.py [--seeds 401,402] [--kinds walk,pan] [--sheets DIR] [--no-guides] [--no-painted]
                               [--large] [--blender PYTHON]

The engine was tuned on seeds 0 to 3, 51 and 52; the default seeds, 401 and 402, are for judging only. Judged are
frames 4, 8 and 11 of 15. `--blender` names a Python with the bpy wheel: it adds four Grease Pencil scenes and
Blender's own Interpolate Sequence. Speed is given as a ratio to DIS flow, measured in the same run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.contract.job import Settings
from backend.engines import Interval
from backend.engines.draft import DraftEngine
from backend.engines.draft.colour import is_opaque, premultiply, straighten
from backend.engines.draft.composing import compose
from backend.engines.draft.solving import solve_flow
from benchmarks.draft_clips import FRAMES, KINDS, Clip, make_clip, over_white, score
from benchmarks.draft_clips.metrics import line_mask, torn_edges
from benchmarks.draft_clips.painted import PAINTED
from benchmarks.peak_memory import peak_memory_gb

JUDGED = (4, 8, 11)
GUIDED = 7
TIMES = tuple(frame / (FRAMES - 1) for frame in range(1, FRAMES - 1))

Frames = list[NDArray[np.uint8]]
Method = Callable[[NDArray[np.uint8], NDArray[np.uint8]], Frames]


class Silence:
    """A report that keeps notes and warnings."""

    def __init__(self) -> None:
        self.notes: dict[str, object] = {}
        self.warnings: list[str] = []

    def stage(self, name: str) -> None:
        """Ignore."""

    def progress(self, step: int, of: int) -> None:
        """Ignore."""

    def preview(self, pictures: object) -> None:
        """Ignore."""

    def warn(self, sentence: str, *, time: float | None = None) -> None:
        """Keep the sentence."""
        self.warnings.append(sentence)

    def note(self, key: str, value: object) -> None:
        """Keep the fact."""
        self.notes[key] = value


def draft(
    start: NDArray[np.uint8], end: NDArray[np.uint8], guides: Mapping[float, NDArray[np.float32]] | None = None,
    times: tuple[float, ...] = TIMES,
) -> tuple[Frames, Silence]:  # fmt: skip
    """Return the draft engine's in-betweens and what it had to say."""
    report = Silence()
    keys = [(key / 255).astype(np.float32) for key in (start, end)]
    interval = Interval(keys[0], keys[1], times, guides or {})
    frames = [
        np.rint(frame.picture * 255).astype(np.uint8)
        for frame in DraftEngine().inbetween(interval, Settings(), report)
    ]
    return frames, report


def cross_fade(start: NDArray[np.uint8], end: NDArray[np.uint8]) -> Frames:
    """Return mixtures of the keys."""
    return [_straight(_premultiplied(start) * (1 - t) + _premultiplied(end) * t) for t in TIMES]


def nearest_key(start: NDArray[np.uint8], end: NDArray[np.uint8]) -> Frames:
    """Return whichever key is nearer."""
    return [start if t < 0.5 else end for t in TIMES]


def dis_flow(start: NDArray[np.uint8], end: NDArray[np.uint8]) -> Frames:
    """Return the usual recipe: DIS both ways, scaled flow, linear blend (Super SloMo without its network)."""
    a, b = _premultiplied(start).astype(np.float32), _premultiplied(end).astype(np.float32)
    gray = [cv2.cvtColor(over_white(key), cv2.COLOR_RGB2GRAY) for key in (start, end)]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    empty = np.zeros((*a.shape[:2], 2), np.float32)
    forth, back = search.calc(gray[0], gray[1], empty.copy()), search.calc(gray[1], gray[0], empty.copy())
    grid = np.stack(np.meshgrid(np.arange(a.shape[1]), np.arange(a.shape[0])), -1).astype(np.float32)
    frames = []
    for t in TIMES:
        warped = []
        for key, way in (
            (a, -(1 - t) * t * forth + t * t * back),
            (b, (1 - t) ** 2 * forth - t * (1 - t) * back),
        ):
            at = (grid + way).astype(np.float32)
            warped.append(cv2.remap(key, at[..., 0], at[..., 1], cv2.INTER_LINEAR))
        frames.append(_straight(warped[0] * (1 - t) + warped[1] * t))
    return frames


def _premultiplied(picture: NDArray[np.uint8]) -> NDArray[Any]:
    out = picture.astype(np.float32)
    out[..., :3] *= out[..., 3:] / 255
    return out


def _straight(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    out = pixels.copy()
    np.divide(pixels[..., :3] * 255, pixels[..., 3:], out=out[..., :3], where=pixels[..., 3:] > 0)
    return np.asarray(np.rint(np.clip(out, 0, 255)), np.uint8)


METHODS: dict[str, Method] = {
    "nearest": nearest_key,
    "cross-fade": cross_fade,
    "DIS": dis_flow,
    "draft": lambda a, b: draft(a, b)[0],
}


def judge(frames: Frames, clip: Clip) -> NDArray[Any]:
    """Return the mean scores of the judged frames of a clip."""
    keys = clip.frames[0], clip.frames[-1]
    return np.asarray(np.mean([score(frames[i - 1], clip.frames[i], keys).as_row() for i in JUDGED], axis=0))


def compare(kinds: list[str], seeds: list[int], sheets: Path | None) -> None:
    """Print the table of all kinds and methods; write one contact sheet a kind."""
    print(f"{'kind':12}" + "".join(f"{name:>34}" for name in METHODS))
    print(f"{'':12}" + "   PSNR  SSIM Chamf ghost  tear   s" * len(METHODS))
    rows: dict[str, list[NDArray[Any]]] = {name: [] for name in METHODS}
    for kind in kinds:
        line = f"{kind:12}"
        for name, method in METHODS.items():
            results = []
            for seed in seeds:
                clip = make_clip(kind, seed)
                began = time.perf_counter()
                frames = method(clip.frames[0], clip.frames[-1])
                results.append(np.append(judge(frames, clip), time.perf_counter() - began))
                if name == "draft" and sheets is not None:
                    write_sheet(sheets / f"{kind}_{seed}.png", clip, {"draft": frames})
            rows[name].append(np.mean(results, axis=0))
            line += _cells(rows[name][-1])
        print(line, flush=True)
    means = {name: np.mean(values, axis=0) for name, values in rows.items()}
    print(f"{'mean':12}" + "".join(_cells(values) for values in means.values()))


def _cells(row: NDArray[Any]) -> str:
    return "{:7.2f} {:.3f} {:5.2f} {:5.2f} {:5.1f} {:4.1f}".format(*row)


def compare_guides(kinds: list[str], seeds: list[int]) -> None:
    """Print what a guide with the true lines at one frame gains at that frame."""
    gains = []
    for kind in kinds:
        for seed in seeds:
            clip = make_clip(kind, seed)
            lines = 1 - line_mask(over_white(clip.frames[GUIDED])).astype(np.float32)
            keys = clip.frames[0], clip.frames[-1]
            plain, _ = draft(*keys)
            guided, report = draft(*keys, guides={GUIDED / (FRAMES - 1): lines})
            before, after = (score(f[GUIDED - 1], clip.frames[GUIDED], keys).psnr for f in (plain, guided))
            gains.append(after - before)
            refused = "refused" if report.warnings else ""
            print(f"guide {kind:12} {seed:4d} {before:6.2f} -> {after:6.2f} dB {refused}", flush=True)
    print(f"guides: mean gain {np.mean(gains):.2f} dB, worst {np.min(gains):.2f} dB")


def compare_painted(seeds: list[int], sheets: Path | None) -> None:
    """Print, for painted pictures half way, how good the engine, its dense flow alone and a cross-fade are.

    PSNR, tear (see `Scores`) and torn edges.
    """
    for (kind, paint), clear in product(PAINTED.items(), (False, True)):
        for seed in seeds:
            start, truth, end = (paint(seed, time, clear=clear) for time in (0.0, 0.5, 1.0))
            (half,), report = draft(start, end, times=(0.5,))
            faded = _straight(_premultiplied(start) * 0.5 + _premultiplied(end) * 0.5)
            row = {"draft": half, "flow": flow_alone(start, end), "cross-fade": faded}
            label = f"{'clear' if clear else 'full'} {kind}"
            figures = []
            for name, frame in row.items():
                scores = score(frame, truth, (start, end))
                figures.append(f"{name} {scores.psnr:5.2f} dB {scores.tear:3.0f} {torn_edges(frame, truth):5.0f}")
            print(f"painted {label:13} {seed:4d} {'  '.join(figures)}  {report.notes['method']}", flush=True)
            if sheets is not None:
                shown = np.hstack([over_white(frame) for frame in (start, *row.values(), truth, end)])
                sheets.mkdir(parents=True, exist_ok=True)
                path = sheets / f"painted_{label.replace(' ', '_')}_{seed}.png"
                cv2.imwrite(str(path), cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))


def flow_alone(start: NDArray[np.uint8], end: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the frame half way that the engine draws when it uses dense flow."""
    keys = [premultiply((key / 255).astype(np.float32)) for key in (start, end)]
    opaque = is_opaque(keys[0])
    motions = solve_flow(keys[0], keys[1], opaque)
    views = [motion.view(motion.source(key), 0.5) for motion, key in zip(motions, keys, strict=True)]
    made = straighten(compose((views[0], views[1]), 0.5, opaque=opaque))
    return np.asarray(np.rint(made * 255), np.uint8)


def measure_speed(*, large: bool) -> None:
    """Print seconds for 14 in-betweens as a ratio to DIS flow, best of three, and the engine's peak memory."""
    cases = [("slide_large", (512, 320), 3), ("crossing", (512, 320), 3), ("slide_large", (1920, 1080), 1)]
    if large:
        cases.append(("slide_large", (3840, 2160), 1))
    for kind, size, repeats in cases:
        clip = make_clip(kind, 31, size)
        keys = clip.frames[0].copy(), clip.frames[-1].copy()
        del clip
        seconds = {}
        for name in ("DIS", "draft"):
            best = np.inf
            for _ in range(repeats):
                began = time.perf_counter()
                METHODS[name](*keys)
                best = min(best, time.perf_counter() - began)
            seconds[name] = best
        print(
            f"speed {kind} {size[0]}x{size[1]}: draft {seconds['draft']:.2f} s, DIS {seconds['DIS']:.2f} s, "
            f"ratio {seconds['draft'] / seconds['DIS']:.1f}; peak memory {peak_memory(keys):.2f} GB",
            flush=True,
        )


def peak_memory(keys: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> float:
    """Return the peak memory (GB) of a fresh process that is given the keys and drops each frame as it comes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys.npy"
        np.save(path, np.stack([(key / 255).astype(np.float32) for key in keys]))
        alone = [sys.executable, __file__, "--memory-of", str(path)]
        return float(subprocess.run(alone, check=True, capture_output=True, text=True).stdout)


def print_memory_of(path: Path) -> None:
    """Draw between two saved keys, keeping no frame, and print the peak memory (GB) of this process."""
    start, end = np.load(path)
    for _ in DraftEngine().inbetween(Interval(start, end, TIMES, {}), Settings(), Silence()):
        pass
    print(peak_memory_gb())


def write_sheet(path: Path, clip: Clip, rows: Mapping[str, Frames]) -> None:
    """Write a contact sheet: the true frames above, each method's below."""
    path.parent.mkdir(parents=True, exist_ok=True)
    strips = [np.hstack([over_white(clip.frames[i]) for i in (0, *JUDGED, FRAMES - 1)])]
    for frames in rows.values():
        shown = [clip.frames[0], *(frames[i - 1] for i in JUDGED), clip.frames[-1]]
        strips.append(np.hstack([over_white(frame) for frame in shown]))
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(strips), cv2.COLOR_RGB2BGR))


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description="Judge the draft engine.")
    parser.add_argument(
        "--seeds", default="401,402", help="comma-separated; 0 to 3, 51 and 52 were used for tuning"
    )
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets")
    parser.add_argument("--no-guides", action="store_true")
    parser.add_argument("--no-painted", action="store_true")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--large", action="store_true", help="also time 3840x2160")
    parser.add_argument("--blender", type=Path, help="a Python with the bpy wheel")
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of is not None:
        print_memory_of(options.memory_of)
        return
    kinds, seeds = options.kinds.split(","), [int(seed) for seed in options.seeds.split(",")]
    compare(kinds, seeds, options.sheets)
    if not options.no_guides:
        compare_guides(kinds, seeds[:1])
    if not options.no_painted:
        compare_painted(seeds, options.sheets)
    if options.blender is not None:
        from benchmarks.draft_clips.grease_pencil import compare_scenes

        compare_scenes(options.blender, draft, options.sheets)
    else:
        print("Grease Pencil scenes: left out; name a Python with the bpy wheel by --blender.")
    if not options.no_speed:
        measure_speed(large=options.large)


if __name__ == "__main__":
    main()
