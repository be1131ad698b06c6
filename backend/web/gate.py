"""The door of the page: which requests are let in, and who may fetch which file.

Gradio serves every file that it knows to whoever asks, and many addresses that this page has no use for. Here a
visitor is known by a cookie, gets only what they uploaded, what was drawn for them and the examples, and reaches
only the addresses that the page itself calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .visitors import Visitor, Visitors

COOKIE = "inbetween_visitor"
#: Where drawings of a visitor are fetched: MADE + run / file.
MADE = "/made/"
#: Larger than any picture that is taken, with what a form adds.
MOST_UPLOAD_BYTES = 41 * 2**20
_MOST_QUESTION_BYTES = 4 * 2**20
#: At most so many uploads of one visitor lie here at a time.
_MOST_UPLOADS = 200

_API = "/gradio_api/"
_FILE = f"{_API}file="
_UPLOAD = f"{_API}upload"
_PROGRESS = f"{_API}upload_progress"
_HEARTBEAT = f"{_API}heartbeat/"
#: What the page consists of, the same for everybody.
_OPEN = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt|/(assets|static|svelte)/.*"
    r"|/gradio_api/(info/?|startup-events|app_id/?)"
)
#: What a person's presses become: they carry the key of the open page, and files by their paths.
_QUESTIONS = re.compile(r"/gradio_api/(queue/join|run/predict)/?")
_ANSWERS = f"{_API}queue/data"


class Gate:
    """What stands between the network and Gradio.

    public: files that everybody may use. names: the only names of this computer that are answered to, so that no
    page of another site can reach this one under a name of its own; none: any name is.
    """

    def __init__(self, app: ASGIApp, visitors: Visitors, public: Iterable[Path], names: Collection[str]) -> None:
        self._app, self._visitors, self._names = app, visitors, names
        self._public = {path.resolve() for path in public}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        name = re.sub(r":\d+$", "", Headers(scope=scope).get("host", ""))
        path: str = scope["path"]
        visitor = self._visitor(scope)
        if self._names and name not in self._names:
            await _refuse(403, "This page answers on this computer only.")(scope, receive, send)
        elif _OPEN.fullmatch(path):
            await self._app(scope, receive, send if visitor else self._welcoming(send))
        elif visitor is None:
            await _refuse(403, "Open the page first.")(scope, receive, send)
        elif path.startswith(MADE):
            await self._made(visitor, path.removeprefix(MADE))(scope, receive, send)
        elif path.startswith(_FILE):
            allowed = self._may_use(visitor, path.removeprefix(_FILE))
            await (self._app if allowed else _refuse(404, "There is no such file."))(scope, receive, send)
        elif path == _UPLOAD and scope["method"] == "POST":
            await self._upload(visitor, scope, receive, send)
        elif path == _PROGRESS:
            # Gradio tells anybody who names an upload; here files come from the same computer or near it.
            await Response('data: {"msg": "done"}\n\n', media_type="text/event-stream")(scope, receive, send)
        elif _QUESTIONS.fullmatch(path) and scope["method"] == "POST":
            await self._question(visitor, scope, receive, send)
        elif path == _ANSWERS:
            key = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
            await self._for_tab(visitor, key)(scope, receive, send)
        elif path.startswith(_HEARTBEAT):
            await self._for_tab(visitor, path.removeprefix(_HEARTBEAT))(scope, receive, send)
        else:
            await _refuse(404, "There is no such page.")(scope, receive, send)

    def _visitor(self, scope: Scope) -> Visitor | None:
        try:
            cookie = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(COOKIE)
        except CookieError:
            return None
        return self._visitors.known(cookie.value) if cookie else None

    def _welcoming(self, send: Send) -> Send:
        """Give a cookie with the answer."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                token = self._visitors.new().token
                MutableHeaders(scope=message).append("set-cookie", f"{COOKIE}={token}; HttpOnly; SameSite=Strict")
            await send(message)

        return sending

    def _made(self, visitor: Visitor, name: str) -> ASGIApp:
        path = (visitor.folder / name).resolve()
        if not path.is_relative_to(visitor.folder.resolve()) or not path.is_file():
            return _refuse(404, "There is no such file.")
        return FileResponse(path, headers={"Cache-Control": "private, max-age=3600"})

    def _may_use(self, visitor: Visitor, name: str) -> bool:
        path = Path(name).resolve()
        return path in self._public or path in visitor.uploads

    def _for_tab(self, visitor: Visitor, key: str) -> ASGIApp:
        if not key or self._visitors.tab(key, visitor) is None:
            return _refuse(403, "This is somebody else's page.")
        return self._app

    async def _upload(self, visitor: Visitor, scope: Scope, receive: Receive, send: Send) -> None:
        """Let Gradio take the files and note whose they are."""
        length = Headers(scope=scope).get("content-length", "")
        if not length.isdigit() or int(length) > MOST_UPLOAD_BYTES:
            await _refuse(413, "The file is larger than 40 MB.")(scope, receive, send)
            return
        if len(visitor.uploads) >= _MOST_UPLOADS:
            await _refuse(429, "Too many pictures. Load the page again.")(scope, receive, send)
            return
        answer = bytearray()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body":
                answer.extend(message.get("body", b""))
                if not message.get("more_body"):
                    for path in _strings(_parsed(bytes(answer))):
                        self._visitors.has_uploaded(visitor, Path(path).resolve())
            await send(message)

        await self._app(scope, receive, sending)

    async def _question(self, visitor: Visitor, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what a person asked, if the page and every file that it speaks of are theirs."""
        try:
            body = bytearray()
            async for part in Request(scope, receive).stream():
                body += part
                if len(body) > _MOST_QUESTION_BYTES:
                    await _refuse(413, "That is too much.")(scope, receive, send)
                    return
        except ClientDisconnect:
            return
        asked = _parsed(bytes(body))
        key = asked.get("session_hash") if isinstance(asked, dict) else None
        answering = self._for_tab(visitor, key if isinstance(key, str) else "")
        if not all(self._may_use(visitor, path) for path in _paths(asked)):
            answering = _refuse(403, "This is somebody else's file.")

        await answering(scope, _once(bytes(body), receive), send)


def _once(body: bytes, receive: Receive) -> Receive:
    """Say again what has been heard, then go on listening."""
    said = False

    async def saying() -> Message:
        nonlocal said
        if said:
            return await receive()
        said = True
        return {"type": "http.request", "body": body, "more_body": False}

    return saying


def _refuse(status: int, sentence: str) -> ASGIApp:
    return PlainTextResponse(sentence, status)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _paths(value: Any) -> Iterable[str]:
    """Yield every path of a file that a question speaks of."""
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str):
            yield path
        for item in value.values():
            yield from _paths(item)
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item)
