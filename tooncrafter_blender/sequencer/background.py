"""What the backend does for the sequencer while Blender goes on, and what becomes of it. Nothing here waits.

State lives at module level, so that it survives loading another file; it holds names and paths, never Blender's
objects. In background mode timers never fire: there `wait` does what the timer does.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy

from ...backend.environment import Level
from ...backend.errors import UserError
from ..jobs import watching
from ..jobs.errand import Errand
from ..jobs.queue import ROOT, queue
from ..settings import preferences
from ..setup import environment

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 30.0
_numbers = itertools.count(1)


class FilmErrand(Errand):
    """A command on films. stage: what it does; done, of: how far that is; facts: what it told at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.prepare()

    def prepare(self) -> None:
        """Nothing is known yet."""
        self.stage, self.done, self.of, self.seconds_left = "", 0, 0, -1.0
        self.notes: list[str] = []
        self.facts: Mapping[str, Any] = {}

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in one event."""
        match event["event"]:
            case "stage":
                self.stage, self.done, self.of, self.seconds_left = str(event["name"]), 0, int(event["of"]), -1.0
            case "progress":
                self.done, self.seconds_left = int(event["step"]), float(event["seconds_left"])
            case "notice":
                self.notes.append(str(event["sentence"]))
            case "done":
                self.facts = event


class Undertaking(ABC):
    """One thing on its way. name: what it works on. engine: which environment it needs."""

    #: The step that can be undone when it has come to its end, "" when that is no change of the file.
    undo = ""
    #: What is said of it until the command speaks.
    opening = "Starting the drawing engine"

    def __init__(self, name: str, engine: str, arguments: list[str]) -> None:
        self.number = next(_numbers)
        self.name = name
        self.errand = FilmErrand()
        self.engine, self._arguments = engine, arguments
        self._began = self.cancelled = False
        self._ended = 0.0

    @abstractmethod
    def finish(self) -> str:
        """Bring the result in, in the main thread; return what was done, in a sentence. Raises UserError."""

    def abandon(self) -> None:  # noqa: B027 - there may be nothing to clear away
        """It was cancelled or has failed: clear away what nobody will want."""

    def begin(self, python: Path) -> None:
        """Start the command."""
        self._began = True
        self.errand.begin(python, ROOT, self._arguments)

    def step(self, *, may_wait: bool) -> bool:
        """Look how far it is; return whether it goes on. may_wait: while the person is busy with the mouse."""
        if not self._began and not self.cancelled:
            return self._await_environment()
        if self.errand.running:
            return True
        self._ended = self._ended or time.monotonic()
        if may_wait and self.errand.succeeded and watching.in_the_middle():
            return time.monotonic() - self._ended < _LONGEST_WAIT_SECONDS or self._end()
        return self._end()

    def cancel(self) -> None:
        """Stop it; what is finished is kept for the next time."""
        self.cancelled = True
        self.errand.cancel()

    def _await_environment(self) -> bool:
        if queue.setup.running:
            return True
        try:
            python = environment.find_python(preferences.current(), self.engine)
        except UserError as error:
            self._fail(error)
            return False
        if python is None:
            self._fail(
                queue.setup.refused.get(Level.CORE)
                or UserError(
                    "backend-missing", "The drawing engine is not installed.", "Install it, then try again."
                )
            )
            return False
        try:
            self.begin(python)
        except UserError as error:
            self._fail(error)
            return False
        return True

    def _end(self) -> bool:
        if self.cancelled:
            self.abandon()
            watching.tell(f"{self.name}: Cancelled.")
        elif not self.errand.succeeded:
            self._fail(UserError("film-failed", self.errand.problem, bad_input=False))
        else:
            try:
                said = self.finish()
            except UserError as error:
                self._fail(error)
            else:
                if self.undo:
                    watching.push_undo(self.undo)
                watching.tell(" ".join([f"{self.name}: {said}", *self.errand.notes]))
        return False

    def _fail(self, error: UserError) -> None:
        queue.refused = error
        self.abandon()
        watching.tell(f"{self.name}: {error}", failed=True)


#: What is on its way now.
under_way: list[Undertaking] = []
#: How far that was when it was drawn last.
_seen: list[tuple[int, str, int]] = []


def undertake(undertaking: Undertaking) -> None:
    """Begin; have the environment made first where there is none. Raises UserError when it cannot begin."""
    python = environment.find_python(preferences.current(), undertaking.engine)
    queue.refused = None
    if python:
        undertaking.begin(python)
    under_way.append(undertaking)
    if python is None:
        environment.begin_setup(Level.CORE, preferences.current())
        watching.start()
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_POLL_SECONDS, persistent=True)


def cancel(number: int) -> None:
    """Stop the one with this number."""
    for undertaking in under_way:
        if undertaking.number == number:
            undertaking.cancel()


def wait() -> None:
    """Return when all that is on its way has ended: for background mode."""
    while under_way:
        if queue.setup.running:
            queue.poll(_POLL_SECONDS)
        _step(may_wait=False)
        time.sleep(0.01)


def close() -> None:
    """End everything and wait for that, at most a few seconds."""
    for undertaking in under_way:
        undertaking.errand.close()
    under_way.clear()


def _tick() -> float | None:
    global _seen
    try:
        _step(may_wait=True)
        now = [(one.number, one.errand.stage, one.errand.done) for one in under_way]
        if now != _seen:
            _seen = now
            watching.redraw()
    except Exception:
        _log.exception("following the sequencer's work failed for a moment")
    return _POLL_SECONDS if under_way else None


def _step(*, may_wait: bool) -> None:
    for undertaking in list(under_way):
        goes_on = False
        try:
            goes_on = undertaking.step(may_wait=may_wait)
        finally:
            if not goes_on:
                under_way.remove(undertaking)


def register() -> None:
    """End what is on its way when Blender ends."""
    atexit.register(close)


def unregister() -> None:
    """End it now; what is finished stays on disk."""
    atexit.unregister(close)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    close()
