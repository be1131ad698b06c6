"""How well films are smoothed: cuts, held drawings, and new frames beside frame blending, in one run.

    python benchmarks/smooth.py [--seeds 31,32,33] [--frames 120] [--grain 4] [--sheet PNG] [--long 1000]

The detector was tuned on seeds 0 to 9; the default seeds are for judging only. The films (benchmarks/film_clips)
are drawn on ones, twos and threes with held poses, cuts, pans on ones, gate weave and grain; each moment of them is
known. New frames are judged without grain against the true drawing at their time. `--long` smooths one film of so
many frames and reports how far it is and the memory that each stage takes on its way (Linux).
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.film import open_film, write_movie
from backend.smoothing import SmoothRequest, smooth
from backend.smoothing.exposure_sheet import read_sheet
from benchmarks.film_clips import Film, Shot, draw_moment, film_frames, make_film

RATE = Fraction(24)
#: What animators space a move over; a longer exposure is a pose that is held.
LONGEST_SPACING = 4
#: So often a long film says how far it is.
TELL_SECONDS = 20.0


class MemoryWatch:
    """A watch that keeps an eye on memory. used: MB in use at each step of each stage.

    tells: whether it says every some seconds where it is.
    """

    def __init__(self, tells: bool = False) -> None:
        self.used: dict[str, list[float]] = {}
        self._tells = tells
        self._stage, self._steps = "", 0
        self._began = self._told = time.monotonic()

    def stage(self, name: str, steps: int) -> None:
        """Begin to note."""
        self._stage, self._steps = name, steps
        self.used[name] = []

    def step(self, done: int) -> None:
        """Note the memory in use."""
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        used = pages * resource.getpagesize() / 2**20
        self.used[self._stage].append(used)
        now = time.monotonic()
        if self._tells and now - self._told >= TELL_SECONDS:
            self._told = now
            print(f"{now - self._began:6.0f} s  {self._stage}: {done} of {self._steps}, {used:.0f} MB", flush=True)

    def note(self, sentence: str) -> None:
        """Ignore."""


def true_pose(shot: Shot, time: float) -> float:
    """Return the pose that belongs to a time of the shot when its drawings are spaced evenly."""
    index = int(np.searchsorted(shot.drawings, time, side="right")) - 1
    if index + 1 >= len(shot.drawings):
        return shot.poses[index]
    leave, arrive = shot.drawings[index], shot.drawings[index + 1]
    if arrive - leave > LONGEST_SPACING:
        steps = np.diff(shot.drawings)
        usual = [int(step) for step in steps if step <= LONGEST_SPACING]
        leave = arrive - (max(set(usual), key=usual.count) if usual else 2)
    part = min(1.0, max(0.0, (time - leave) / (arrive - leave)))
    return shot.poses[index] + part * (shot.poses[index + 1] - shot.poses[index])


def shot_at(film: Film, frame: float) -> tuple[Shot, int]:
    """Return the shot at a time of the film, and its first frame."""
    starts = (0, *film.cuts)
    index = max(index for index, start in enumerate(starts) if start <= frame)
    return film.shots[index], starts[index]


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    error = float(np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-6)))


def judge_sheet(film: Film) -> tuple[list[int], list[int], int]:
    """Return missed cuts, invented cuts, and the number of frames wrongly called held or new."""
    shots = list(read_sheet(film_frames(film)))
    cuts = {shot.first for shot in shots[1:]}
    new = {drawing.first for shot in shots for drawing in shot.drawings}
    truth = {
        start + first for shot, start in zip(film.shots, (0, *film.cuts), strict=True) for first in shot.drawings
    }
    return sorted(set(film.cuts) - cuts), sorted(cuts - set(film.cuts)), len(new ^ truth)


def judge_frames(film: Film, sheet: list[NDArray[np.uint8]]) -> tuple[float, float, int]:
    """Return the mean PSNR of new frames and of frame blending at their times, and equal neighbours that move."""
    with tempfile.TemporaryDirectory() as place:
        source, out = Path(place) / "film", Path(place) / "out"
        source.mkdir()
        originals = list(film_frames(film))
        for number, frame in enumerate(originals):
            Image.fromarray(frame).save(source / f"{number:05d}.png")
        smooth(SmoothRequest(source, out, source_rate=RATE), MemoryWatch())
        made = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(out.glob("*.png"))]
    ours, blended, equal = [], [], 0
    for number, frame in enumerate(made):
        at = number / 2
        shot, start = shot_at(film, at)
        pose = true_pose(shot, at - start)
        if number and np.array_equal(frame, made[number - 1]):
            moving = pose != true_pose(shot, max(0.0, at - 0.5 - start)) and at - 0.5 >= start
            equal += moving or any(shot.pan)
        before, after = originals[int(at)], originals[min(int(at) + 1, len(originals) - 1)]
        if at > start + shot.drawings[-1] or np.array_equal(frame, before):
            continue
        truth = draw_moment(film, shot, at - start, pose)
        blend = np.rint((before.astype(np.float32) + after) / 2 if number % 2 else before).astype(np.uint8)
        ours.append(psnr(frame, truth))
        blended.append(psnr(blend, truth))
        if len(sheet) < 12 and len(ours) % 9 == 4:
            sheet.append(np.hstack([frame, truth, blend]))
    return float(np.mean(ours)), float(np.mean(blended)), equal


def long_film(frames: int) -> None:
    """Smooth one long film and report the memory that it took."""
    film = make_film(41, frames=frames)
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "film.mp4"
        write_movie(source, film_frames(film), RATE, film.size)
        print(f"A film of {film.frames} frames has been made.", flush=True)
        watch, began = MemoryWatch(tells=True), time.monotonic()
        made = smooth(SmoothRequest(source, Path(place) / "out.mp4"), watch)
        seconds = time.monotonic() - began
        length = sum(1 for _ in open_film(Path(place) / "out.mp4").frames())
    worked = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    times = f"{seconds:.0f} s by the clock, {worked:.0f} s of processor time"
    print(f"{film.frames} frames into {length}, {made.drawn} drawn: {times}")
    for stage, used in watch.used.items():
        tenths = [max(part) for part in np.array_split(used, 10)]
        print(f"{stage:28} most memory in each tenth, MB: {' '.join(f'{most:.0f}' for most in tenths)}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="31,32,33")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--grain", type=float, default=4.0)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--sheet-only", action="store_true", help="only cuts and held drawings")
    parser.add_argument("--long", type=int, default=0)
    options = parser.parse_args()
    if options.long:
        long_film(options.long)
        return
    pictures: list[NDArray[np.uint8]] = []
    total = wrong = missed = invented = cuts = 0
    print("  film  frames  cuts  missed  invented  held or new, wrong   PSNR  blend")
    scores = []
    for seed in map(int, options.seeds.split(",")):
        film = make_film(seed, frames=options.frames, grain=options.grain)
        away, extra, mistaken = judge_sheet(film)
        line = f"{seed:>6} {film.frames:>7} {len(film.cuts):>5} {len(away):>7} {len(extra):>9} {mistaken:>19}"
        if not options.sheet_only:
            ours, blended, equal = judge_frames(film, pictures)
            scores.append((ours, blended))
            line += f" {ours:>6.1f} {blended:>6.1f}" + (f"  {equal} equal neighbours" if equal else "")
        print(line, flush=True)
        total, wrong, cuts = total + film.frames, wrong + mistaken, cuts + len(film.cuts)
        missed, invented = missed + len(away), invented + len(extra)
    respected, told = 1 - missed / max(1, cuts), 1 - wrong / total
    print(f"cuts respected {respected:.1%}, invented {invented}; held or new told right {told:.1%}")
    if scores:
        ours, blended = np.mean(scores, axis=0)
        print(f"new frames {ours:.1f} dB, frame blending {blended:.1f} dB: {ours - blended:+.1f} dB")
    if options.sheet and pictures:
        Image.fromarray(np.vstack(pictures)).save(options.sheet)


if __name__ == "__main__":
    main()
