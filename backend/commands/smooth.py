"""`tooncrafter smooth FILM -o OUT`: make a film's movement smoother."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from tqdm import tqdm

from ..contract.frame_rates import parse_rate
from ..errors import UserError
from .drawing_options import add_drawing_options, drawing_settings


def add_smooth_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command; returns its parser, for the options that engines share."""
    command = commands.add_parser(
        "smooth",
        help="draw between the drawings of a movie",
        description="Draw between the drawings of a film, never across a cut. Run again, it goes on where it was.",
        allow_abbrev=False,
    )
    command.add_argument(
        "film",
        type=Path,
        metavar="FILM",
        help="a movie, a folder of numbered pictures, or a .txt that names pictures, one a line",
    )
    command.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="OUT",
        help=".mp4, .mov, .mkv, .webm, or a folder for pictures",
    )
    command.add_argument(
        "--fps", default="x2", metavar="RATE", help="48, 23.976, 30000/1001, or x2 (default), x3, …"
    )
    command.add_argument(
        "--source-fps",
        metavar="RATE",
        help="rate of a folder of pictures (default 24), or of a movie instead of its own",
    )
    command.add_argument("--frames", metavar="FIRST-LAST", help="only these frames of the film, counted from 1")
    add_drawing_options(command)
    command.add_argument("--overwrite", action="store_true", help="replace a film that is there")
    command.add_argument("--keep-work", action="store_true", help="leave exposure sheet and jobs beside the result")
    command.add_argument("--json", action="store_true", help="one JSON event a line instead of a progress bar")
    command.set_defaults(command=_smooth)
    return command


def _smooth(options: argparse.Namespace) -> int:
    if missing := [package for package in ("av", "scenedetect") if find_spec(package) is None]:
        raise UserError(
            "film-missing",
            f"Smoothing films needs packages that are not installed: {', '.join(missing)}.",
            "Install them in the drawing environment: pip install 'tooncrafter-blender[film]'",
        )
    from ..smoothing import SmoothRequest, smooth

    rate, factor = parse_rate(options.fps)
    request = SmoothRequest(
        source=options.film,
        out=options.out,
        rate=rate,
        factor=factor,
        source_rate=parse_rate(options.source_fps)[0] if options.source_fps else None,
        frames=_frames(options.frames) if options.frames else None,
        engine=options.engine,
        settings=drawing_settings(options),
        overwrite=options.overwrite,
        keep_work=options.keep_work,
    )
    made = smooth(request, JsonWatch() if options.json else TerminalWatch())
    if options.json:
        facts = {"frames": made.frames, "shots": made.shots, "drawings": made.drawings, "drawn": made.drawn}
        print(json.dumps({"event": "done", **facts}), flush=True)
    else:
        print(
            f"{made.shots} shots, {made.drawings} drawings held for {made.held} further frames; "
            f"{made.drawn} drawn anew. "
            f"{made.frames} frames at {float(made.rate):g} a second in {options.out}"
        )
    return 0


def _frames(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,9})-(\d{1,9})", text.strip())
    if not match:
        raise UserError("frames-invalid", f"--frames “{text}” must look like 1-48.")
    return int(match[1]), int(match[2])


class TerminalWatch:
    """A bar for each stage."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None

    def stage(self, name: str, steps: int) -> None:
        """Begin a bar."""
        self._close()
        self._bar = tqdm(total=steps or None, desc=name, unit="frame", file=sys.stderr, disable=None, leave=False)

    def step(self, done: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def note(self, sentence: str) -> None:
        """Show the sentence above the bar."""
        tqdm.write(f"Note: {sentence}", file=sys.stderr)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class JsonWatch:
    """One JSON object a line, at most ten a second."""

    def __init__(self) -> None:
        self._steps, self._began, self._told = 0, 0.0, 0.0

    def stage(self, name: str, steps: int) -> None:
        """Tell the stage."""
        self._steps, self._began = steps, time.monotonic()
        print(json.dumps({"event": "stage", "name": name, "of": steps}), flush=True)

    def step(self, done: int) -> None:
        """Tell how far it is and how long it still takes."""
        now = time.monotonic()
        if now - self._told < 0.1 and done != self._steps:
            return
        self._told = now
        left = (now - self._began) * (self._steps - done) / done if done and self._steps else -1.0
        print(
            json.dumps({"event": "progress", "step": done, "of": self._steps, "seconds_left": round(left, 1)}),
            flush=True,
        )

    def note(self, sentence: str) -> None:
        """Tell the sentence."""
        print(json.dumps({"event": "notice", "sentence": sentence}, ensure_ascii=False), flush=True)
