"""Messages: every one survives its line, and no line breaks the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.contract import messages
from backend.errors import UserError

REQUESTS = [
    messages.Run("a1", "/shots/Übung 1"),
    messages.Run("a1", "/shots/Übung 1", strokes=True),
    messages.Cancel("a1"),
    messages.Status(),
    messages.Unload(),
    messages.Shutdown(),
]
EVENTS = [
    messages.Ready({"draft": "", "tooncrafter": "Its weights are missing."}, "CPU", 15.5),
    messages.Stage("a1", "Finding motion"),
    messages.Progress("a1", 0, 3, 14, 12.5),
    messages.Progress("a1", 0, 0, 14),
    messages.FrameReady("a1", -3, "frames/-003.png"),
    messages.Preview("a1", 2, "previews/0003.png"),
    messages.Notice("a1", "The guide is too far away.", 7),
    messages.Notice("a1", "Two lines\u2028apart\nhere.", None),
    messages.Done("a1", 3, 4),
    messages.Failed("a1", "disk-full", "The disk is full.", "Free some space.", False),
    messages.Cancelled("a1"),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda item: type(item).__name__)
def test_a_request_survives_its_line(request_: messages.Request) -> None:
    line = messages.request_line(request_)
    assert line.endswith("\n") and len(line.splitlines()) == 1 and line.isascii()
    assert messages.parse_request(line) == request_


@pytest.mark.parametrize("event", EVENTS, ids=lambda item: type(item).__name__)
def test_an_event_survives_its_line(event: messages.Event) -> None:
    line = messages.event_line(event)
    assert line.endswith("\n") and len(line.splitlines()) == 1 and line.isascii()
    assert messages.parse_event(line) == event


def test_every_kind_of_message_is_covered_here() -> None:
    assert {type(item) for item in REQUESTS} == set(messages.Request.__args__)  # type: ignore[attr-defined]
    assert {type(item) for item in EVENTS} == set(messages.Event.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"request": "fly"}',
        '{"event": "sing", "job": "a"}',
        "[" * 100_000,
        "x" * 2_000_000,
    ],
)
def test_a_line_that_is_no_message_is_a_sentence(line: str) -> None:
    for parse in (messages.parse_request, messages.parse_event):
        with pytest.raises(UserError):
            parse(line)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    for parse in (messages.parse_request, messages.parse_event):
        with pytest.raises(UserError):
            parse(text)
