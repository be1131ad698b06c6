"""A web server on this computer that serves files and misbehaves on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_SILENCE_SECONDS = 3.0


@dataclass
class Web:
    """What is served and how. Every path starts with a slash.

    headers: further headers of a path. moved: path -> the address that it redirects to. broken: path -> status
    instead of the content. cut: path -> how many bytes to send before the connection drops, once for each number.
    stall: the same, but then it only falls silent. lie: path -> a Content-Length that is not true. ranges: whether
    a part may be asked for. no_head: paths that may only be fetched, not asked about. held: paths that send
    nothing until they are taken out. pause_seconds: before each
    block of `block` bytes. clock_seconds: how wrong the server's clock is. requests: (path, range header) of all
    requests, in order.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)
    cut: dict[str, list[int]] = field(default_factory=dict)
    stall: dict[str, list[int]] = field(default_factory=dict)
    lie: dict[str, int] = field(default_factory=dict)
    ranges: bool = True
    no_head: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    pause_seconds: float = 0.0
    block: int = 1 << 16
    clock_seconds: float = 0.0
    requests: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


@contextmanager
def serve(web: Web | None = None) -> Iterator[Web]:
    """Serve on a free port of this computer until the end of the block."""
    web = web or Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate((timestamp or time.time()) + web.clock_seconds, usegmt=True)

        def do_HEAD(self) -> None:
            self._answer(with_content=False)

        def do_GET(self) -> None:
            self._answer(with_content=True)

        def _answer(self, with_content: bool) -> None:
            asked = self.headers.get("Range", "")
            web.requests.append((self.path, asked))
            if self.path in web.moved:
                self._head(302, 0, {"Location": web.moved[self.path]} | web.headers.get(self.path, {}))
                return
            status = web.broken.get(self.path, 200 if self.path in web.files else 404)
            if not with_content and self.path in web.no_head:
                status = 403
            if status != 200:
                self._head(status, 0, {})
                return
            content = web.files[self.path]
            extra = {"Content-Type": "text/html" if self.path.endswith("/") else "application/octet-stream"}
            extra |= web.headers.get(self.path, {})
            start = 0
            if web.ranges:
                extra["Accept-Ranges"] = "bytes"
                if asked.startswith("bytes=") and asked.endswith("-"):
                    start = int(asked[6:-1])
                    if start >= len(content):
                        self._head(416, 0, {"Content-Range": f"bytes */{len(content)}"})
                        return
                    status = 206
                    extra["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._head(
                status, web.lie.get(self.path, len(content) - start) if with_content else len(content), extra
            )
            if with_content:
                self._send(content[start:])

        def _head(self, status: int, length: int, extra: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in (extra | {"Content-Length": str(length)}).items():
                self.send_header(name, value)
            self.end_headers()

        def _send(self, content: bytes) -> None:
            while self.path in web.held:
                time.sleep(0.02)
            cuts = web.cut.get(self.path)
            if cuts:
                content = content[: cuts.pop(0)]
                self.close_connection = True
            stalls = web.stall.get(self.path)
            if stalls:
                self.wfile.write(content[: stalls.pop(0)])
                time.sleep(_SILENCE_SECONDS)
                self.close_connection = True
                return
            try:
                for start in range(0, len(content), web.block):
                    time.sleep(web.pause_seconds)
                    self.wfile.write(content[start : start + web.block])
            except OSError:
                self.close_connection = True
            if cuts is not None and self.close_connection:
                self.connection.shutdown(2)

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Clients that are killed hang up; that is what they are here for."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    web.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
