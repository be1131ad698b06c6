"""Many job folders in one go: found, handed to a crew that draws them, tried again where that can help, told.

A crew is whoever draws: worker processes on this machine (`LocalCrew`) or a farm (`farm.DaskCrew`). What is
finished already is kept by each job's own run, so a second batch over the same folder makes only what is missing.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ..contract import messages
from ..contract.job import JOB_FILE, read_job
from ..contract.result import State
from ..errors import Cancelled, UserError
from .drawing_process import DrawingProcess, End

#: A job that failed for a reason that may pass (a crash, too little memory, a full disk) is drawn this often.
ATTEMPTS = 3

_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True)
class Task:
    """One job folder of the batch. name: below the batch's folder. sizes: wanted drawings of each segment.

    strokes: whether its drawings are traced.
    """

    folder: Path
    name: str
    job: str
    engine: str
    sizes: tuple[int, ...]
    strokes: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one task. where: who drew it last. again: whether another try may help."""

    task: Task
    state: State
    made: int = 0
    kept: int = 0
    seconds: float = 0.0
    where: str = ""
    code: str = ""
    sentence: str = ""
    hint: str = ""
    again: bool = False
    attempts: int = 1


Hear = Callable[[Task, messages.Event], None]


class Crew(Protocol):
    """Whoever draws."""

    def draw(self, tasks: Sequence[Task], avoid: Mapping[Path, str], hear: Hear) -> Iterator[Outcome]:
        """Yield one outcome for each task, as they settle. avoid: folder -> who better does not draw it again."""

    def cancel(self) -> None:
        """Stop what runs; finished drawings stay."""

    def close(self) -> None:
        """End everything that was started."""


class View(Protocol):
    """Whoever watches."""

    def heard(self, task: Task, event: messages.Event) -> None:
        """Hear one event of a running job."""

    def settled(self, outcome: Outcome) -> None:
        """Hear what became of a job; with `again`, it will be tried once more."""


def find_tasks(root: Path) -> tuple[list[Task], list[Outcome]]:
    """Return the jobs in and below `root`, by name, and the outcomes of those whose job.json is no good.

    Raises UserError("jobs-missing") when there is none.
    """
    tasks: list[Task] = []
    refused: list[Outcome] = []
    for folder in _job_folders(root):
        name = folder.relative_to(root).as_posix() if folder != root else folder.name
        try:
            job = read_job(folder)
        except UserError as error:
            task = Task(folder, name, "", "", ())
            refused.append(Outcome(task, State.FAILED, 0, 0, 0.0, "", error.code, error.sentence, error.hint))
        else:
            sizes = tuple(len(segment.wanted) for segment in job.segments)
            tasks.append(Task(folder, name, job.id, job.engine, sizes))
    if not tasks and not refused:
        raise UserError(
            "jobs-missing", f"There are no job folders in “{root}”.", "Name the folder that holds them."
        )
    return tasks, refused


def _job_folders(root: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(root):
        if JOB_FILE in files:
            yield Path(place)
            folders.clear()  # what lies in a job belongs to it
        folders[:] = sorted(name for name in folders if not name.startswith("."))


def draw_all(tasks: Sequence[Task], crew: Crew, view: View) -> list[Outcome]:
    """Draw every task and return the outcomes of those that failed for good, in order.

    What may pass is tried again after all others have settled, on another machine if there is one, ATTEMPTS times
    in all. Bad input is never tried twice. Raises Cancelled on Ctrl-C, after the crew has stopped.
    """
    failed: list[Outcome] = []
    left, avoid = list(tasks), dict[Path, str]()
    try:
        for attempt in range(1, ATTEMPTS + 1):
            again: list[Task] = []
            for settled in crew.draw(left, avoid, view.heard):
                last = attempt == ATTEMPTS or not settled.again
                outcome = replace(settled, attempts=attempt, again=not last)
                view.settled(outcome)
                if not last:
                    again.append(outcome.task)
                    avoid[outcome.task.folder] = outcome.where
                elif outcome.state is not State.DONE:
                    failed.append(outcome)
            left = again
            if not left:
                break
    except KeyboardInterrupt:
        crew.cancel()
        raise Cancelled from None
    return sorted(failed, key=lambda outcome: outcome.task.name)


def outcome_of(task: Task, end: End, seconds: float, where: str) -> Outcome:
    """Return the outcome that the last word of a worker means."""
    match end:
        case messages.Done():
            return Outcome(task, State.DONE, end.made, end.kept, seconds, where)
        case messages.Cancelled():
            sentence = "It was cancelled."
            return Outcome(task, State.CANCELLED, 0, 0, seconds, where, "cancelled", sentence)
        case messages.Failed():
            return Outcome(
                task,
                State.FAILED,
                0,
                0,
                seconds,
                where,
                end.code,
                end.sentence,
                end.hint,
                again=not end.bad_input,
            )


class LocalCrew:
    """One worker process for each device of this machine."""

    def __init__(self, devices: Sequence[str]) -> None:
        """devices: as `graphics_cards.environment_for` knows them; one that is named twice gets two processes."""
        from ..machine.graphics_cards import environment_for

        self._hands = [(device, DrawingProcess(environment_for(device))) for device in devices]
        self._waiting: deque[Task] = deque()
        self._threads: list[threading.Thread] = []

    def draw(self, tasks: Sequence[Task], avoid: Mapping[Path, str], hear: Hear) -> Iterator[Outcome]:
        """Yield outcomes as they settle; who drew a job before makes no difference on one machine."""
        self._waiting.extend(tasks)
        said: queue.SimpleQueue[Outcome | tuple[Task, messages.Event]] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, args=(device, process, said), daemon=True)
            for device, process in self._hands
        ]
        for thread in self._threads:
            thread.start()
        settled = 0
        while settled < len(tasks):
            try:
                item = said.get(timeout=0.5)  # waiting without end would not hear Ctrl-C on Windows
            except queue.Empty:
                continue
            if isinstance(item, Outcome):
                settled += 1
                yield item
            else:
                hear(*item)

    def _serve(
        self,
        device: str,
        process: DrawingProcess,
        said: queue.SimpleQueue[Outcome | tuple[Task, messages.Event]],
    ) -> None:
        while True:
            try:
                task = self._waiting.popleft()
            except IndexError:
                return
            began = time.monotonic()

            def hear(event: messages.Event, task: Task = task) -> None:
                said.put((task, event))

            try:
                end = process.run(task.job, task.folder, hear, strokes=task.strokes)
            except Exception as error:  # a thread that dies would leave the batch waiting for ever
                sentence = f"The batch met an internal error: {type(error).__name__}: {error}."
                end = messages.Failed(task.job, "internal", sentence, bad_input=False)
            said.put(outcome_of(task, end, time.monotonic() - began, device))

    def cancel(self) -> None:
        """Stop what runs; a process that does not listen in time is ended."""
        self._waiting.clear()
        for _, process in self._hands:
            process.cancel()
        until = time.monotonic() + _PATIENCE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for _, process in self._hands:
            process.kill() if any(thread.is_alive() for thread in self._threads) else process.close()

    def close(self) -> None:
        """End the processes."""
        for _, process in self._hands:
            process.close()
