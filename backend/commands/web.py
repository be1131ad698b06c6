"""`tooncrafter web`: the page for those without Blender."""

from __future__ import annotations

import argparse

from ..errors import UserError

_LAST_PORT = 65535


def add_web_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command; returns its parser, for the options that engines share."""
    command = commands.add_parser(
        "web",
        help="a page in the browser, for those without Blender",
        description="Serve a page on this computer: two pictures in, the drawings between them out.",
        allow_abbrev=False,
    )
    command.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; the default is reached from this computer only. There is no password",
    )
    command.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    command.add_argument("--open", action="store_true", help="open the browser")
    command.set_defaults(command=_web)
    return command


def _web(options: argparse.Namespace) -> int:
    from ..web import serve

    if options.port is not None and not 1 <= options.port <= _LAST_PORT:
        raise UserError("port-invalid", f"--port {options.port}: a port is a number from 1 to {_LAST_PORT}.")

    serve(options.host, options.port, options.open)
    return 0
