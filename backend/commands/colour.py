"""`tooncrafter colour LINES -o OUT --reference 1=FIRST.png`: colour a sequence of line drawings."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from ..errors import UserError
from .drawing_options import add_drawing_options, drawing_settings


def add_colour_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command; returns its parser, for the options that engines share."""
    command = commands.add_parser(
        "colour",
        help="colour a sequence of line drawings",
        description="Colour line drawings as one or a few of them are coloured already.",
        allow_abbrev=False,
    )
    command.add_argument("lines", type=Path, metavar="LINES", help="folder of numbered line drawings")
    command.add_argument(
        "--reference",
        action="append",
        default=[],
        required=True,
        metavar="[N=]PICTURE",
        help="line drawing number N as it is coloured (without N=: the first); may be given several times",
    )
    command.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    command.add_argument("--overwrite", action="store_true", help="replace pictures that are in DIR")
    add_drawing_options(command)
    command.add_argument("--json", action="store_true", help="one JSON event a line instead of a progress bar")
    command.set_defaults(command=_colour)
    return command


def _colour(options: argparse.Namespace) -> int:
    from ..colouring.colour_sequence import ColourRequest, colour_sequence, plan_colouring
    from .terminal import JsonListener, TerminalListener

    request = ColourRequest(
        lines=options.lines,
        references=dict(_reference(text) for text in options.reference),
        out=options.out,
        engine=options.engine,
        settings=drawing_settings(options),
        overwrite=options.overwrite,
    )
    plan = plan_colouring(request)
    coloured = colour_sequence(request, plan, JsonListener() if options.json else TerminalListener(plan.wanted))
    if not options.json:
        print(f"{len(coloured)} coloured drawings in {options.out}")
    return 0


def _reference(text: str) -> tuple[int | None, Path]:
    number, equals, path = text.partition("=")
    if not equals:
        return None, Path(text)
    if not re.fullmatch(r"[0-9]{1,9}", number.strip()) or not path:
        raise UserError("reference-invalid", f"--reference “{text}” must look like 12=coloured.png.")
    return int(number), Path(path)
