"""`tooncrafter stills -o DIR --of FILE FRAME …`: single pictures out of movies and picture files."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..errors import UserError


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
        default=[],
        metavar=("FILE", "FRAME"),
        help="a movie and a frame of it, counted from 1, or a picture and 1; may be given several times",
    )
    command.add_argument("--list", type=Path, metavar="TXT", help="a text file with a line “FRAME FILE” for each")
    command.add_argument("--json", action="store_true", help="one JSON event a line")
    command.set_defaults(command=_stills)


def _stills(options: argparse.Namespace) -> int:
    from ..film.stills import Still, write_stills

    def note(sentence: str) -> None:
        if options.json:
            print(json.dumps({"event": "notice", "sentence": sentence}), flush=True)
        else:
            print(f"Note: {sentence}", file=sys.stderr)

    asked = [*options.of, *(_listed(options.list) if options.list else ())]
    if not asked:
        raise UserError("stills-missing", "No picture is asked for.", "Name some with --of or --list.")
    stills = [Still(Path(file), _number(frame)) for file, frame in asked]
    width, height = write_stills(stills, options.out, note)
    if options.json:
        print(json.dumps({"event": "done", "width": width, "height": height}), flush=True)
    else:
        print(f"{len(stills)} pictures of {width} × {height} pixels in {options.out}")
    return 0


def _listed(file: Path) -> list[tuple[str, str]]:
    """Return the files and frames that a list names; command lines have an end, boards of many panels do not."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UserError("stills-missing", f"The list “{file}” cannot be read: {error}.") from error
    found = [line.partition(" ") for line in lines if line.strip()]
    return [(path, frame) for frame, _, path in found]


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise UserError("frames-invalid", f"“{text}” is no number of a frame; the first is 1.")
    return int(text)
