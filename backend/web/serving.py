"""The page's server: on this computer only unless somebody says otherwise."""

from __future__ import annotations

import contextlib

from ..errors import UserError

#: An upload larger than this is no key of ours.
_LARGEST_UPLOAD = "40mb"


def serve(host: str, port: int | None, open_browser: bool) -> None:
    """Serve until Ctrl-C. port: None takes the first free one from 7860 on.

    One drawing at a time; others wait in line. Raises UserError("page-missing") without Gradio and
    UserError("port-taken").
    """
    try:
        from .page import build
    except ImportError as error:
        raise UserError(
            "page-missing",
            "The page needs Gradio.",
            "Install it in the drawing environment: pip install 'tooncrafter-blender[web]'",
        ) from error
    from .sessions import Sessions

    sessions = Sessions()
    page = build(sessions)
    try:
        page.queue(default_concurrency_limit=1, max_size=32).launch(
            server_name=host,
            server_port=port,
            inbrowser=open_browser,
            share=False,
            max_file_size=_LARGEST_UPLOAD,
            footer_links=[],
            quiet=True,
            ssr_mode=False,
            prevent_thread_lock=True,
        )
        print(f"The page is at {page.local_url} — end it with Ctrl-C.", flush=True)
        page.block_thread()
    except OSError as error:
        raise UserError(
            "port-taken", f"The page cannot be served at {host}: {error}.", "Choose another one with --port."
        ) from error
    finally:
        with contextlib.suppress(Exception):  # whatever state it is in, it ends
            page.close(verbose=False)
        sessions.close_all()
