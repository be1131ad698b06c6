"""Messages between Blender and the worker: one JSON object a line over stdin (requests) and stdout (events).

stdout carries nothing else; what libraries print goes to the log. Standard library only: both halves import this.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Protocol, TypeAlias

from ..errors import LONGEST_TEXT, UserError, presentable
from .job import CONTRACT_VERSION, FRAME_MAX, FRAME_MIN
from .record import Record, parse_json

_log = logging.getLogger(__name__)

#: A longer line is not one of ours; the reader drops it instead of filling memory.
MAX_LINE_BYTES = 1024 * 1024


# --- requests: Blender -> worker -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """Run the job in `folder` (an absolute path), after those asked for before; `strokes`: trace what it drew."""

    job: str
    folder: str
    strokes: bool = False


@dataclass(frozen=True)
class Cancel:
    """Stop the job, running or waiting; finished frames stay."""

    job: str


@dataclass(frozen=True)
class Status:
    """Ask for a `Ready` event."""


@dataclass(frozen=True)
class Unload:
    """Free models and memory when nothing runs."""


@dataclass(frozen=True)
class Shutdown:
    """End, cancelling what runs."""


Request: TypeAlias = Run | Cancel | Status | Unload | Shutdown


# --- events: worker -> Blender ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The worker listens. `engines`: name -> "" if it can run here, else the reason why not."""

    engines: Mapping[str, str]
    device: str = "CPU"
    memory_gb: float = 0.0
    version: int = CONTRACT_VERSION


@dataclass(frozen=True)
class Stage:
    """What the job does now, in a word or two."""

    job: str
    name: str


@dataclass(frozen=True)
class Progress:
    """`step` of `of` equal steps of segment number `segment` (from 0) are done; -1 seconds left: not known yet."""

    job: str
    segment: int
    step: int
    of: int
    seconds_left: float = -1.0


@dataclass(frozen=True)
class FrameReady:
    """The in-between at `frame` is complete at `path`, relative to the job folder."""

    job: str
    frame: int
    path: str


@dataclass(frozen=True)
class Preview:
    """A sheet of half-made drawings of segment number `segment` lies at `path`, relative to the job folder."""

    job: str
    segment: int
    path: str


@dataclass(frozen=True)
class Notice:
    """One thing that could not be done, in a sentence; `frame` names the drawing or guide that it is about."""

    job: str
    sentence: str
    frame: int | None = None


@dataclass(frozen=True)
class Done:
    """Every wanted frame is there: `made` now, `kept` from before."""

    job: str
    made: int
    kept: int


@dataclass(frozen=True)
class Failed:
    """The job stopped; `code`, `sentence` and `hint` as in `UserError`. Finished frames stay."""

    job: str
    code: str
    sentence: str
    hint: str = ""
    bad_input: bool = True


@dataclass(frozen=True)
class Cancelled:
    """The job stopped because it was asked to; finished frames stay."""

    job: str


Event: TypeAlias = Ready | Stage | Progress | FrameReady | Preview | Notice | Done | Failed | Cancelled

_REQUESTS: Mapping[type[Request], str] = {
    Run: "run",
    Cancel: "cancel",
    Status: "status",
    Unload: "unload",
    Shutdown: "shutdown",
}
_EVENTS: Mapping[type[Event], str] = {
    Ready: "ready",
    Stage: "stage",
    Progress: "progress",
    FrameReady: "frame",
    Preview: "preview",
    Notice: "notice",
    Done: "done",
    Failed: "error",
    Cancelled: "cancelled",
}


def request_line(request: Request) -> str:
    """Return the request as one line of JSON, newline included."""
    return _line({"request": _REQUESTS[type(request)]} | asdict(request))


def event_line(event: Event) -> str:
    """Return the event as one line of JSON, newline included; what it says is cut to what a line may hold."""
    return _line({"event": _EVENTS[type(event)]} | {name: _sayable(value) for name, value in asdict(event).items()})


def _sayable(value: object) -> object:
    if isinstance(value, str):
        return presentable(value)
    if isinstance(value, dict):
        return {presentable(key): presentable(text) for key, text in value.items()}
    return value


def _line(message: Mapping[str, object]) -> str:
    # ASCII only: no locale, no console code page and no odd line separator can break a message.
    return json.dumps(message, ensure_ascii=True, allow_nan=False) + "\n"


def parse_request(line: str) -> Request:
    """Return the request in `line`; UserError("message-invalid") says what is wrong with it."""
    record = _record(line)
    match record.text("request", 32):
        case "run":
            return Run(record.text("job", 128), record.path("folder", 32_768), record.flag("strokes", False))
        case "cancel":
            return Cancel(record.text("job", 128))
        case "status":
            return Status()
        case "unload":
            return Unload()
        case "shutdown":
            return Shutdown()
        case other:
            raise UserError("message-invalid", f"The worker does not know the request “{other}”.")


def parse_event(line: str) -> Event:
    """Return the event in `line`; UserError("message-invalid") says what is wrong with it."""
    record = _record(line)
    kind = record.text("event", 32)
    if kind == "ready":
        return Ready(
            record.texts("engines"),
            record.text("device", LONGEST_TEXT, ""),
            record.number("memory_gb", 0, 1e9, 0.0),
            record.whole("version", 1, 2**31),
        )
    job = record.text("job", 128)
    match kind:
        case "stage":
            return Stage(job, record.text("name", LONGEST_TEXT))
        case "progress":
            return Progress(
                job,
                record.whole("segment", 0, 10_000),
                record.whole("step", 0, 2**31),
                record.whole("of", 0, 2**31),
                record.number("seconds_left", -1, 1e12, -1.0),
            )
        case "frame":
            return FrameReady(job, record.whole("frame", FRAME_MIN, FRAME_MAX), record.text("path", 512))
        case "preview":
            return Preview(job, record.whole("segment", 0, 10_000), record.text("path", 512))
        case "notice":
            frame = record.optional_whole("frame", FRAME_MIN, FRAME_MAX)
            return Notice(job, record.text("sentence", LONGEST_TEXT), frame)
        case "done":
            return Done(job, record.whole("made", 0, 2**31), record.whole("kept", 0, 2**31))
        case "error":
            return Failed(
                job,
                record.text("code", 128),
                record.text("sentence", LONGEST_TEXT),
                record.text("hint", LONGEST_TEXT, ""),
                record.flag("bad_input", True),
            )
        case "cancelled":
            return Cancelled(job)
        case other:
            raise UserError("message-invalid", f"The add-on does not know the event “{other}”.")


class Lines(Protocol):
    """What messages are read from: a pipe, or whatever reads one."""

    def readline(self, limit: int, /) -> bytes:
        """Return the next line, or so many bytes of it; b"" at the end."""


def read_events(stream: Lines) -> Iterator[Event]:
    """Yield the events that a worker says, until it ends.

    What libraries printed past the worker's care is dropped and logged, and not kept in memory however long it is.
    """
    whole = True
    while line := stream.readline(MAX_LINE_BYTES):
        complete = line.endswith(b"\n")
        if whole and complete:
            try:
                yield parse_event(line.decode("utf-8", "replace"))
            except UserError as error:
                _log.warning("no message: %s %r", error.sentence, line[:200])
        elif whole:
            _log.warning("a line that is too long for a message was dropped: %r…", line[:200])
        whole = complete


def _record(line: str) -> Record:
    if len(line) > MAX_LINE_BYTES:
        raise UserError("message-invalid", "A message line is longer than any message may be.")
    try:
        raw = parse_json(line)
    except ValueError as error:
        raise UserError("message-invalid", f"A message line is not JSON: {error}.") from error
    return Record(raw, "the message")
