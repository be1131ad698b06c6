"""`tooncrafter animatic BOARD -o OUT`: draw between the panels of a storyboard."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

from ..animatic.board import Timing
from ..contract.frame_rates import parse_rate
from ..contract.job import Easing
from ..errors import UserError
from .drawing_options import add_drawing_options, drawing_settings


def add_animatic_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command; returns its parser, for the options that engines share."""
    defaults = Timing()
    command = commands.add_parser(
        "animatic",
        help="draw between the panels of a storyboard",
        description="Hold every panel of a storyboard and go over into the next one of its shot, never across a "
        "cut. Run again, it goes on where it was.",
        allow_abbrev=False,
    )
    command.add_argument(
        "board",
        nargs="+",
        metavar="BOARD",
        help="a .txt with [SHOT] lines and PICTURE FRAMES lines, a folder that holds a folder of pictures for each "
        "shot, or pictures such as a.png:36 b.png:1.5s cut c.png:24",
    )
    command.add_argument(
        "-o", "--out", type=Path, required=True, metavar="DIR", help="receives a folder of pictures for each shot"
    )
    command.add_argument(
        "--movies", choices=("mp4", "mov", "mkv", "webm"), help="a movie for each shot instead of its pictures"
    )
    command.add_argument("--film", type=Path, metavar="FILE", help="also a movie of the whole board")
    command.add_argument("--fps", default="24", metavar="RATE", help="frames a second (default 24)")
    command.add_argument(
        "--panel", default="24", metavar="DURATION", help="how long panels last that do not say it (default 24)"
    )
    command.add_argument(
        "--move",
        type=int,
        default=defaults.move,
        metavar="FRAMES",
        help=f"how long each panel takes, at its end, to go over into the next (default {defaults.move})",
    )
    command.add_argument(
        "--exposure", type=int, choices=range(1, 9), default=defaults.exposure, help="2 draws the moves on twos"
    )
    command.add_argument("--easing", choices=list(Easing), default=defaults.easing)
    command.add_argument("--overwrite", action="store_true", help="replace shots that are in DIR")
    add_drawing_options(command)
    command.add_argument("--json", action="store_true", help="one JSON event a line instead of a progress bar")
    command.set_defaults(command=_animatic)
    return command


def _animatic(options: argparse.Namespace) -> int:
    from ..animatic.animatic import AnimaticRequest, make_animatic, plan_animatic
    from ..animatic.board_file import Lasting, read_board
    from .terminal import JsonListener, TerminalListener

    if options.move < 1:
        raise UserError("move-invalid", f"--move {options.move}: a movement takes at least one frame.")
    rate = _rate(options.fps)
    lasting = Lasting(_panel(options.panel, rate), rate)
    request = AnimaticRequest(
        board=read_board(options.board, lasting),
        out=options.out,
        timing=Timing(options.move, options.exposure, Easing(options.easing)),
        movies=f".{options.movies}" if options.movies else "",
        film=options.film,
        rate=rate,
        engine=options.engine,
        settings=drawing_settings(options),
        overwrite=options.overwrite,
    )
    plan = plan_animatic(request)
    make_animatic(request, plan, JsonListener() if options.json else TerminalListener(plan.wanted))
    if not options.json:
        frames = sum(shot.frames for shot in plan.shots)
        shots = f"{len(plan.shots)} shot{'' if len(plan.shots) == 1 else 's'}"
        print(f"{shots} of {len(plan.stills)} panels, {frames} frames, {plan.wanted} drawn, in {options.out}")
    return 0


def _rate(text: str) -> Fraction:
    rate, _ = parse_rate(text)
    if rate is None:
        raise UserError("rate-invalid", f"--fps “{text}”: a board has no rate of its own.", "Write one such as 24.")
    return rate


def _panel(text: str, rate: Fraction) -> int:
    from ..animatic.board_file import Lasting

    frames = Lasting(rate=rate).of(text)
    if frames is None:
        raise UserError("duration-invalid", f"--panel “{text}” must look like 36 (frames) or 1.5s.")
    return frames
