"""The queue that the panel shows: jobs one after another through one worker. Knows nothing of Blender.

State lives at module level in `queue`, so that it survives loading another file. Entries hold names and paths,
never Blender's objects, which die when a file is loaded or a step undone.
"""

from __future__ import annotations

import logging
import queue as queues
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from ...backend.contract import messages
from ...backend.contract.job import CONTRACT_VERSION, Job
from ...backend.contract.result import Caution, read_result
from ...backend.environment import Level
from ...backend.errors import UserError
from ..setup.installation import Outcome, Setup
from ..takes.marks import Marks
from .worker_process import Exited, WorkerProcess

_log = logging.getLogger(__name__)

#: The folder that holds the `backend` package: the extension itself.
ROOT = Path(__file__).resolve().parents[2]

_EVENTS_PER_POLL = 200
#: A worker that has said nothing for so long may hang. It may also load a model, or compute one long step on a slow
#: machine: so the person is told, and decides.
SILENT_SECONDS = 120.0
_SILENCE_STEP_SECONDS = 10.0


class State(StrEnum):
    """Where an entry of the queue stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass
class Home:
    """Where a job came from, by names that outlive Blender's objects.

    file: the .blend file, "" while it was never saved. session: changes whenever a file is loaded.
    scene, object: names. scene_uid, object_uid: their numbers, good within the session even when they are renamed;
    0 while unknown.
    """

    file: str
    session: str
    scene: str
    scene_uid: int
    object: str
    object_uid: int = 0


@dataclass(eq=False)
class Entry:
    """One job in the queue.

    import_as: how the result comes in ("strip", "reference", "strokes", "none"). progress: 0..1.
    seconds_left: -1 while unknown. sentence, hint: what became of it. warnings: what could not be done.
    remarks: what was found when the keys were read. silent_seconds: how long the worker has said nothing, in steps
    of ten seconds; 0 while that is no reason to worry. shown_as: how the result is shown in its scene now, "" if it
    is not. is_old: found on disk, from an earlier session. take_of: the id of the job that this is another take
    of, "" for a job of its own; number: which take, from 1. stands_aside: shown beside the take that is previewed.
    marks: what the person thinks of it. accepting: frames that become keys as soon as they are traced.
    """

    job: Job
    folder: Path
    home: Home
    import_as: str
    remarks: tuple[str, ...] = ()
    state: State = State.WAITING
    stage: str = ""
    progress: float = 0.0
    seconds_left: float = -1.0
    silent_seconds: float = 0.0
    finished: set[int] = field(default_factory=set)
    sentence: str = ""
    hint: str = ""
    code: str = ""
    bad_input: bool = False
    warnings: list[Caution] = field(default_factory=list)
    shown_as: str = ""
    cancelling: bool = False
    is_old: bool = False
    take_of: str = ""
    number: int = 1
    stands_aside: bool = False
    marks: Marks = field(default_factory=Marks)
    accepting: set[int] = field(default_factory=set)

    @property
    def wants_strokes(self) -> bool:
        """Whether its drawings are to be traced."""
        return self.import_as == "strokes" or bool(self.accepting)

    @property
    def busy(self) -> bool:
        """Whether it waits or runs."""
        return self.state in (State.WAITING, State.RUNNING)

    @property
    def imported(self) -> bool:
        """Whether the result is shown in its scene."""
        return bool(self.shown_as)

    @property
    def first(self) -> int:
        """The frame of the first key."""
        return self.job.segments[0].first

    @property
    def last(self) -> int:
        """The frame of the last key."""
        return self.job.segments[-1].last

    def clear(self) -> None:
        """Forget what became of it, to be run anew."""
        self.state, self.stage, self.progress, self.seconds_left = State.WAITING, "", 0.0, -1.0
        self.sentence = self.hint = self.code = ""
        self.silent_seconds, self.bad_input, self.cancelling = 0.0, False, False
        self.warnings.clear()


class Queue:
    """Jobs one after another. Every method returns at once except `wait` and `close`."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        #: Engine name -> why it cannot run here, "" if it can; empty until a worker has said so.
        self.obstacles: dict[str, str] = {}
        #: What came of the last request if it did not become a job; the panel shows it until the next one.
        self.refused: UserError | None = None
        #: Makes the environment that jobs run in.
        self.setup = Setup()
        self._worker: WorkerProcess | None = None
        self._running: Entry | None = None
        #: When the worker last said something, on the clock that only runs forwards.
        self._heard = 0.0
        #: None while it is being made.
        self._python: Path | None = None

    @property
    def busy(self) -> bool:
        """Whether any entry waits or runs."""
        return any(entry.busy for entry in self.entries)

    @property
    def running(self) -> Entry | None:
        """The job that is being drawn."""
        return self._running

    @property
    def worker_pid(self) -> int | None:
        """The worker's process number, None when there is none."""
        return self._worker.pid if self._worker else None

    def find(self, job_id: str) -> Entry | None:
        """Return the entry of that job."""
        return next((entry for entry in self.entries if entry.job.id == job_id), None)

    def heads(self) -> list[Entry]:
        """Return one entry for each job: its first take."""
        known = {entry.job.id for entry in self.entries}
        return [entry for entry in self.entries if entry.take_of not in known]

    def takes(self, entry: Entry) -> list[Entry]:
        """Return all takes of the job that the entry is a take of, the first one first."""
        head = entry.take_of or entry.job.id
        return sorted(
            (one for one in self.entries if head in (one.job.id, one.take_of)), key=lambda one: one.number
        )

    def submit(self, entry: Entry, python: Path | None) -> None:
        """Put a job at the end of the queue, to be run by the backend's `python`; None: by what `setup` makes."""
        self.entries.append(entry)
        self.refused = None
        self._python = python
        self._start_next()

    def retry(self, entry: Entry, python: Path | None) -> None:
        """Run a job again that has ended; drawings that are there already are kept."""
        if entry.busy:
            return
        entry.clear()
        self.entries.remove(entry)
        self.submit(entry, python)

    def cancel(self, entry: Entry) -> None:
        """Stop a job; finished drawings stay. A worker that does not listen is ended: one that has been silent for
        long at once, any other when cancelled a second time.
        """
        if entry.state is State.WAITING:
            self._end(entry, State.CANCELLED, "Cancelled before it began.")
            if self._python is None and not self.busy:
                self.setup.cancel()
        elif entry is self._running and self._worker:
            if entry.cancelling or entry.silent_seconds:
                self._worker.stop()
            entry.cancelling = True
            entry.stage = "Cancelling"
            self._worker.send(messages.Cancel(entry.job.id))

    def restart(self, entry: Entry) -> None:
        """End a worker that seems to hang and run its job again in a new one; finished drawings are kept."""
        if entry is self._running and self._worker and self._python:
            self._worker.stop()
            self._worker = self._running = None
            entry.clear()
            self._start_next()

    def may_move(self, entry: Entry, by: int) -> bool:
        """Tell whether a job can run earlier (-1) or later (1): only jobs that wait change places."""
        return self._neighbour(entry, by) is not None

    def move(self, entry: Entry, by: int) -> None:
        """Have a waiting job, with its takes, change places with the one that waits before (-1) or after (1)."""
        if (other := self._neighbour(entry, by)) is not None:
            mine, theirs = self.takes(entry), self.takes(other)
            places = sorted(self.entries.index(take) for take in (*mine, *theirs))
            for place, take in zip(places, (*mine, *theirs) if by < 0 else (*theirs, *mine), strict=True):
                self.entries[place] = take

    def _neighbour(self, entry: Entry, by: int) -> Entry | None:
        waiting = [head for head in self.heads() if all(take.state is State.WAITING for take in self.takes(head))]
        if entry not in waiting or not 0 <= waiting.index(entry) + by < len(waiting):
            return None
        return waiting[waiting.index(entry) + by]

    def adopt(self, old: Iterable[Entry]) -> None:
        """List jobs of earlier sessions before those of this one; a job that is listed already stays as it is."""
        known = {entry.job.id for entry in self.entries}
        self.entries[:0] = [entry for entry in old if entry.job.id not in known]

    def remove(self, entry: Entry) -> None:
        """Take an ended job off the list; its folder stays on disk."""
        if not entry.busy and entry in self.entries:
            self.entries.remove(entry)

    def poll(self, wait_seconds: float = 0.0) -> list[Entry]:
        """Take in what the worker said, waiting at most so long for the first word; return the changed entries."""
        changed = self._await_setup(wait_seconds)
        for _ in range(_EVENTS_PER_POLL):
            if self._worker is None:
                break
            try:
                event = self._worker.events.get(wait_seconds > 0, wait_seconds or None)
            except queues.Empty:
                break
            wait_seconds = 0.0
            self._heard = time.monotonic()
            entry = self._take(event)
            if entry and entry not in changed:
                changed.append(entry)
        if (entry := self._mind_silence()) and entry not in changed:
            changed.append(entry)
        self._start_next()
        return changed

    def wait(self, entry: Entry, listen: Callable[[Entry], None] = lambda entry: None) -> None:
        """Return when the job has ended: for background mode, where nothing else would poll."""
        while entry.busy:
            for changed in self.poll(wait_seconds=0.1):
                listen(changed)
            if self._worker is None and entry.busy:
                time.sleep(0.01)

    def close(self) -> None:
        """End the worker and wait for its end; what ran or waited counts as cancelled."""
        worker, self._worker = self._worker, None
        self.setup.close()
        for entry in self.entries:
            if entry.busy:
                self._end(entry, State.CANCELLED, "Stopped because Blender or the add-on was closed.")
        if worker:
            worker.stop_and_wait()

    def _mind_silence(self) -> Entry | None:
        """Note on the running entry how long the worker has said nothing; return the entry if that is news."""
        entry = self._running
        if entry is None:
            return None
        silent = time.monotonic() - self._heard
        steps = silent // _SILENCE_STEP_SECONDS
        shown = steps * _SILENCE_STEP_SECONDS if silent >= SILENT_SECONDS else 0.0
        if shown == entry.silent_seconds:
            return None
        entry.silent_seconds = shown
        return entry

    def _await_setup(self, wait_seconds: float) -> list[Entry]:
        """Take in how the environment is coming along; return the entries that wait for it."""
        if not self.setup.running:
            return []
        outcome = self.setup.poll(0.0 if self._worker else wait_seconds)
        waiting = [entry for entry in self.entries if entry.state is State.WAITING]
        if self._python is not None:
            return []
        if outcome is None:
            for entry in waiting:
                entry.stage = self.setup.words.rstrip("…")
        elif outcome.python:
            self._python = outcome.python
        elif outcome.level is Level.CORE or not self.setup.running:
            self._give_up(waiting, outcome)
        return waiting

    def _give_up(self, waiting: list[Entry], outcome: Outcome) -> None:
        """There will be no environment for those who wait."""
        for entry in waiting:
            if error := outcome.error:
                self._end(entry, State.FAILED, error.sentence, error.hint)
                entry.code, entry.bad_input = error.code, error.bad_input
            else:
                self._end(entry, State.CANCELLED, "The installation of the drawing engine was cancelled.")

    def _start_next(self) -> None:
        if self._running or self._python is None:
            return
        entry = next((entry for entry in self.entries if entry.state is State.WAITING), None)
        if entry is None:
            return
        if self._worker and (not self._worker.alive or self._worker.python != self._python):
            self._worker.stop()
            self._worker = None
        if self._worker is None:
            self._worker = WorkerProcess(self._python, ROOT)
        self._running = entry
        self._heard = time.monotonic()
        entry.state, entry.stage = State.RUNNING, "Starting the drawing engine"
        self._worker.send(messages.Run(entry.job.id, str(entry.folder), strokes=entry.wants_strokes))

    def _take(self, event: messages.Event | Exited) -> Entry | None:
        """Obey one event; return the entry that it changed."""
        match event:
            case messages.Ready():
                return self._meet(event)
            case Exited():
                return self._bury(event)
        entry = self._running
        if entry is None or event.job != entry.job.id:
            return None
        match event:
            case messages.Stage(_, name):
                if not entry.cancelling:
                    entry.stage = name
            case messages.Progress():
                entry.progress = max(entry.progress, _overall(entry.job, event))
                entry.seconds_left = event.seconds_left
            case messages.FrameReady():
                entry.finished.add(event.frame)
            case messages.Preview():
                return None  # half-made drawings are on disk for who wants to look
            case messages.Notice():
                entry.warnings.append(Caution(event.sentence, event.frame))
            case messages.Done():
                self._finish(entry, event)
            case messages.Failed():
                self._end(entry, State.FAILED, event.sentence, event.hint)
                entry.code, entry.bad_input = event.code, event.bad_input
            case messages.Cancelled():
                self._end(entry, State.CANCELLED, _kept(entry, "Cancelled."), "Retry draws only the missing ones.")
            case _:
                assert_never(event)
        return entry

    def _meet(self, ready: messages.Ready) -> Entry | None:
        self.obstacles = dict(ready.engines)
        if ready.version == CONTRACT_VERSION or self._running is None:
            return None
        entry = self._running
        sentence = f"The drawing engine speaks version {ready.version}, this add-on version {CONTRACT_VERSION}."
        self._end(entry, State.FAILED, sentence, "Install the add-on again, so that both halves match.")
        if self._worker:
            self._worker.stop()
        return entry

    def _bury(self, exited: Exited) -> Entry | None:
        """The worker is gone: its job has failed, unless it was asked to end."""
        entry, self._worker = self._running, None
        if entry is None:
            return None
        for line in exited.tail:
            _log.warning("worker: %s", line)
        if entry.cancelling:
            self._end(entry, State.CANCELLED, _kept(entry, "Cancelled."), "Retry draws only the missing ones.")
        elif exited.code is None:
            hint = "Check the backend's Python in the add-on's preferences."
            self._end(entry, State.FAILED, f"The drawing engine {exited.how}.", hint)
            entry.code = "worker-not-started"
        else:
            last = f" Its last words: {exited.tail[-1]}" if exited.tail else ""
            hint = f"Press Retry: only the missing drawings are made.{last}"
            self._end(entry, State.FAILED, _kept(entry, f"The drawing engine {exited.how}."), hint)
            entry.code = "worker-died"
        return entry

    def _finish(self, entry: Entry, done: messages.Done) -> None:
        entry.finished = set(entry.job.wanted)
        entry.progress = 1.0
        kept = f" {done.kept} were there already." if done.kept else ""
        made = f"{_drawings(done.made)} made." if done.made else ""
        self._end(entry, State.DONE, f"{made}{kept}".strip())
        if result := read_result(entry.folder):
            entry.warnings = list(result.warnings)

    def _end(self, entry: Entry, state: State, sentence: str, hint: str = "") -> None:
        entry.state, entry.stage, entry.seconds_left, entry.silent_seconds = state, "", -1.0, 0.0
        entry.sentence, entry.hint, entry.cancelling = sentence, hint, False
        if entry is self._running:
            self._running = None


def _overall(job: Job, progress: messages.Progress) -> float:
    """Return how much of the whole job is done, 0..1: segments count by the drawings that they hold."""
    sizes = [len(segment.wanted) for segment in job.segments]
    index = min(progress.segment, len(sizes) - 1)
    part = min(1.0, progress.step / progress.of) if progress.of else 0.0
    return (sum(sizes[:index]) + sizes[index] * part) / max(1, sum(sizes))


def _kept(entry: Entry, sentence: str) -> str:
    if count := len(entry.finished):
        return f"{sentence} {_drawings(count)} finished before {'is' if count == 1 else 'are'} kept."
    return sentence


def _drawings(count: int) -> str:
    return f"{count} drawing{'' if count == 1 else 's'}"


#: The one queue of this Blender.
queue = Queue()
