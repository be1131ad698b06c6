"""The page's server: on this computer only unless somebody says otherwise."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import tempfile
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from .visitors import Visitors

if TYPE_CHECKING:
    from starlette.types import ASGIApp

#: Of an upload; what is larger is no key.
_LARGEST_UPLOAD = "40mb"
#: The names of this computer that no other one can be reached by.
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
#: Where a free port is looked for.
_PORTS = range(7860, 7960)
#: Visitors who are still connected have so many seconds when the server ends.
_FAREWELL_SECONDS = 2


def serve(host: str, port: int | None, open_browser: bool) -> None:
    """Serve until Ctrl-C or a polite end. port: None takes the first free one from 7860 on.

    Everything of the page's visitors lies in one temporary folder, which goes with the server. Raises
    UserError("page-missing") without Gradio and UserError("port-taken").
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="inbetween_page_", ignore_cleanup_errors=True) as place:
        os.environ["GRADIO_TEMP_DIR"] = str(Path(place) / "uploads")
        _serve(host, port, open_browser, Path(place))


def _serve(host: str, port: int | None, open_browser: bool, place: Path) -> None:
    try:
        import uvicorn

        app = _page(place, _answered(host))
    except ImportError as error:
        raise UserError(
            "page-missing",
            "The page needs Gradio.",
            "Install it in the drawing environment: pip install 'tooncrafter-blender[web]'",
        ) from error
    with _listening(host, port) as heard:
        address = f"http://{_in_address(host)}:{heard.getsockname()[1]}"
        config = uvicorn.Config(
            app, log_level="warning", ws="none", timeout_graceful_shutdown=_FAREWELL_SECONDS, lifespan="on"
        )
        print(f"The page is at {address} — end it with Ctrl-C.", flush=True)
        if open_browser:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[heard])


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _answered(host: str) -> tuple[str, ...]:
    """Return the names under which a page of this computer alone is answered; none for a page for others."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return tuple({*_LOCAL, _in_address(host)}) if local else ()


def _page(place: Path, names: tuple[str, ...]) -> ASGIApp:
    """Return the page behind its gate. Not by Gradio's own launch, which calls itself first, through any proxy."""
    import gradio as gr
    from fastapi import FastAPI

    from .examples import write_examples
    from .gate import Gate
    from .page import LOOKS, build, theme

    visitors = Visitors(place / "made")
    # Where Gradio would copy them to; so they are served as they are.
    examples = write_examples(Path(os.environ["GRADIO_TEMP_DIR"]) / "examples")
    page = build(visitors, examples)
    page.queue(max_size=64)
    app = gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        page,
        path="/",
        footer_links=[],
        run_history=False,
        max_file_size=_LARGEST_UPLOAD,
        ssr_mode=False,
        theme=theme(),
        css_paths=LOOKS / "page.css",
        js=(LOOKS / "page.js").read_text("utf-8"),
    )
    return Gate(app, visitors, {path for _, *pair in examples for path in pair}, names)


def _listening(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens. Raises UserError("port-taken")."""
    refused: OSError | None = None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in _PORTS if port is None else (port,):
        try:
            return socket.create_server((host, candidate), family=family)
        except OSError as error:
            refused = error
    raise UserError(
        "port-taken", f"The page cannot be served at {host}: {refused}.", "Choose another one with --port."
    ) from refused
