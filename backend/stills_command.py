"""`tooncrafter stills -o DIR --of FILE FRAME …`: single pictures out of movies and picture files."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .errors import UserError


def add_stills_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "stills",
        help="take single pictures out of movies",
        description="Write DIR/0001.png … in the size of the first picture.",
        allow_abbrev=False,
    )
    command.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    command.add_argument(
        "--of",
        action="append",
        nargs=2,
        required=True,
        metavar=("FILE", "FRAME"),
        help="a movie and a frame of it, counted from 1, or a picture and 1; may be given several times",
    )
    command.add_argument("--json", action="store_true", help="one JSON event a line")
    command.set_defaults(command=_stills)


def _stills(options: argparse.Namespace) -> int:
    from .stills import Still, write_stills

    def note(sentence: str) -> None:
        if options.json:
            print(json.dumps({"event": "notice", "sentence": sentence}), flush=True)
        else:
            print(f"Note: {sentence}", file=sys.stderr)

    stills = [Still(Path(file), _number(frame)) for file, frame in options.of]
    width, height = write_stills(stills, options.out, note)
    if options.json:
        print(json.dumps({"event": "done", "width": width, "height": height}), flush=True)
    else:
        print(f"{len(stills)} pictures of {width} × {height} pixels in {options.out}")
    return 0


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise UserError("frames-invalid", f"“{text}” is no number of a frame; the first is 1.")
    return int(text)
