"""Making the backend's environment in the background, one level after another. Knows nothing of Blender.

The preferences show it and the queue waits for it; neither ever blocks.
"""

from __future__ import annotations

import logging
import queue as queues
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from ...backend.environment import Level, Plan, ensure
from ...backend.errors import Cancelled, UserError
from ..jobs.hush import stand_aside

_log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Wish:
    """What is to be made, and where. online: whether anything may be downloaded. anew: even if it seems whole."""

    plan: Plan
    home: Path
    online: bool
    anew: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a wish: a Python, or an error, or neither when it was cancelled."""

    level: Level
    python: Path | None = None
    error: UserError | None = None


class Setup:
    """Wishes one after another, in a thread of their own. Every method but `close` returns at once."""

    def __init__(self) -> None:
        #: Level -> why it could not be made, until it is wished for again.
        self.refused: dict[Level, UserError] = {}
        self.level: Level | None = None
        self.stage = ""
        self.done_bytes = self.of_bytes = 0
        self._wishes: deque[Wish] = deque()
        self._outcomes: queues.SimpleQueue[Outcome] = queues.SimpleQueue()
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether anything is made now or waits to be, or an outcome waits to be polled."""
        return self._thread is not None or not self._outcomes.empty()

    @property
    def fraction(self) -> float:
        """How much has arrived, 0..1."""
        return self.done_bytes / self.of_bytes if self.of_bytes else 0.0

    @property
    def words(self) -> str:
        """What happens now, with amounts, in a few words."""
        if not self.done_bytes or not self.stage.startswith("Downloading"):
            return f"{self.stage}…"
        return f"{self.stage}: {self.done_bytes / 1e6:.0f} of {self.of_bytes / 1e6:.0f} MB"

    def begin(self, wish: Wish) -> None:
        """Wish for an environment; a wish that is being fulfilled already is not doubled."""
        level = wish.plan.level
        with self._lock:
            made_now = self.level is level and not self._cancelled.is_set()
            if made_now or any(waiting.plan.level is level for waiting in self._wishes):
                return
            self.refused.pop(level, None)
            self._wishes.append(wish)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="in-between setup", daemon=True)
                self._thread.start()

    def cancel(self) -> None:
        """Stop what is being made, and forget what waits; downloads are kept."""
        with self._lock:
            for wish in self._wishes:
                self._outcomes.put(Outcome(wish.plan.level))
            self._wishes.clear()
            self._cancelled.set()

    def poll(self, wait_seconds: float = 0.0) -> Outcome | None:
        """Return what came of a wish, once; wait at most so long for it."""
        try:
            outcome = self._outcomes.get(wait_seconds > 0, wait_seconds or None)
        except queues.Empty:
            return None
        if outcome.error:
            self.refused[outcome.level] = outcome.error
        return outcome

    def close(self) -> None:
        """Cancel and wait until the installer has ended, at most a few seconds."""
        self.cancel()
        if thread := self._thread:
            thread.join(_PATIENCE_SECONDS)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._wishes:
                    self.level, self._thread = None, None
                    return
                wish = self._wishes.popleft()
                self._cancelled.clear()
                self.level, self.stage, self.done_bytes, self.of_bytes = wish.plan.level, "Preparing", 0, 0
            self._outcomes.put(self._fulfil(wish))

    def _fulfil(self, wish: Wish) -> Outcome:
        level = wish.plan.level
        try:
            return Outcome(level, ensure(wish.plan, wish.home, _Follower(self), online=wish.online, anew=wish.anew))
        except Cancelled:
            return Outcome(level)
        except UserError as error:
            return Outcome(level, error=error)
        except Exception as error:
            _log.exception("installing the drawing engine failed")
            sentence = f"The installation stopped on an unforeseen fault: {error}"
            return Outcome(
                level, error=UserError("install-failed", sentence, "Send the report from the preferences.")
            )


class _Follower:
    """Passes on what the installation says, and the wish to cancel it."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def stage(self, sentence: str) -> None:
        """Remember it for whoever draws."""
        self._check()
        self._setup.stage = sentence

    def progress(self, done_bytes: int, of_bytes: int) -> None:
        """Remember it for whoever draws."""
        self._check()
        self._setup.done_bytes, self._setup.of_bytes = done_bytes, of_bytes

    def _check(self) -> None:
        stand_aside()
        if self._setup._cancelled.is_set():
            raise Cancelled
