"""A batch on many machines through Dask distributed (extra `farm`): a thin adaptor, no queue of our own.

Every Dask worker that offers the resource GPU keeps one drawing process (`drawing_process`), so a crash of a model
never takes the Dask worker, and a Dask worker that dies takes its drawing process along. What became of a job is a
value, never an exception, so Dask itself repeats only jobs whose worker died; `batch.draw_all` decides about all
others. Safe against a second writer by the job folder's own claim (`claim`). See docs/farm.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contract import messages
from ..contract.job import JOB_FILE
from ..contract.result import State
from ..errors import UserError
from .batch import Hear, Outcome, Task, outcome_of
from .drawing_process import DrawingProcess, End

if TYPE_CHECKING:
    from distributed import Client, Future

#: What a worker must offer, and how much of it a job takes: `dask worker … --resources GPU=1`.
RESOURCE = "GPU"

_CONNECT_SECONDS = 20
_CANCEL_SECONDS = 5.0
_LOOK_SECONDS = 1.0
#: A running job tells its progress this often; finished drawings are always told.
_PROGRESS_SECONDS = 1.0
#: Jobs handed out ahead of the workers, so that none waits for us and a machine that freezes holds few.
_AHEAD = 2


# --- on the machine that asks ----------------------------------------------------------------------------------


class DaskCrew:
    """The workers of a Dask scheduler."""

    def __init__(self, scheduler: str, say: Callable[[str], None] = lambda sentence: None) -> None:
        """scheduler: its address or scheduler file. say: hears what the batch waits for.

        Raises UserError: "farm-missing" without Dask, "scheduler-unreachable".
        """
        self._client = _connect(scheduler)
        self._say = say
        self._topic = f"tooncrafter-{uuid.uuid4().hex}"
        self._flying: dict[str, tuple[Task, Future]] = {}

    def draw(self, tasks: Sequence[Task], avoid: Mapping[Path, str], hear: Hear) -> Iterator[Outcome]:
        """Yield outcomes as jobs settle; only a few more than run are with the scheduler at a time."""
        by_folder = {str(task.folder): task for task in tasks}
        waiting = deque(tasks)
        said: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def listen(event: tuple[float, Mapping[str, str]]) -> None:
            said.put(event[1])

        self._client.subscribe_topic(self._topic, listen)
        looked, slots = -_LOOK_SECONDS, 0
        try:
            while waiting or self._flying:
                if time.monotonic() - looked > _LOOK_SECONDS:
                    slots, looked = self._wait_for_slots(), time.monotonic()
                while waiting and len(self._flying) < slots + _AHEAD + slots // 4:
                    self._submit(waiting.popleft(), avoid, said)
                with contextlib.suppress(queue.Empty):
                    item = said.get(timeout=_LOOK_SECONDS)
                    if isinstance(item, str):
                        yield self._settle(item)
                    elif item["folder"] in by_folder:
                        hear(by_folder[item["folder"]], messages.parse_event(item["event"]))
        except Exception as error:
            if isinstance(error, UserError) or self._client.status == "running":
                raise
            raise _scheduler_lost() from error  # what is asked of Dask fails in many ways once that has happened
        finally:
            if self._client.status == "running":
                self._client.unsubscribe_topic(self._topic)

    def cancel(self) -> None:
        """Take back what waits and stop what runs."""
        self._client.cancel([future for _, future in self._flying.values()])
        self._flying.clear()
        # A machine that has frozen never answers, so nobody waits for all of them.
        asking = threading.Thread(target=self._ask_to_stop, daemon=True)
        asking.start()
        asking.join(_CANCEL_SECONDS)

    def close(self) -> None:
        """Leave the scheduler; it and its workers go on."""
        self._client.close(timeout=5)

    def _ask_to_stop(self) -> None:
        with contextlib.suppress(Exception):
            self._client.run(stop_drawing, self._topic, on_error="ignore")

    def _submit(self, task: Task, avoid: Mapping[Path, str], said: queue.SimpleQueue[Any]) -> None:
        future = self._client.submit(
            draw_here,
            str(task.folder),
            task.job,
            self._topic,
            task.strokes,
            key=f"inbetween-{task.name}-{uuid.uuid4().hex[:12]}",
            pure=False,
            resources={RESOURCE: 1},
            **self._elsewhere(avoid.get(task.folder)),
        )
        self._flying[future.key] = task, future
        future.add_done_callback(lambda done: said.put(done.key))

    def _elsewhere(self, avoided: str | None) -> dict[str, Any]:
        """Return what asks for another worker than `avoided`, if there is one."""
        if not avoided:
            return {}
        others = [address for address in _offering(self._workers()) if address != avoided]
        return {"workers": others, "allow_other_workers": True} if others else {}

    def _settle(self, key: str) -> Outcome:
        """Return the outcome of a finished task and forget it: what we hold, Dask makes again when it gets lost."""
        task, future = self._flying.pop(key)
        try:
            if future.status != "finished":
                return _broken(task, future)
            told: Mapping[str, Any] = future.result(timeout=_CONNECT_SECONDS)
        except Exception as error:  # what travels by pickle can fail in any way
            return _lost(task, f"{type(error).__name__}: {error}")
        finally:
            future.release()
        end = messages.parse_event(told["end"])
        if not isinstance(end, End):
            return _lost(task, f"a strange answer, {end}")
        return outcome_of(task, end, float(told["seconds"]), str(told["where"]))

    def _wait_for_slots(self) -> int:
        """Return how many jobs can run at a time, when that is more than none.

        Raises UserError: "scheduler-lost", "workers-without-resource".
        """
        told = nobody_offers = False
        while True:
            while self._client.status == "connecting":  # it broke; Dask tries to mend it for _CONNECT_SECONDS
                time.sleep(_LOOK_SECONDS / 5)
            if self._client.status != "running":
                raise _scheduler_lost()
            workers = self._workers()
            if offering := _offering(workers):
                return sum(offering.values())
            if workers and nobody_offers:  # one who has just joined has not said yet what it offers
                raise UserError(
                    "workers-without-resource",
                    f"None of the Dask workers offers the resource {RESOURCE}.",
                    f"Start each with: dask worker … --nthreads 1 --resources {RESOURCE}=1",
                )
            nobody_offers = bool(workers)
            if not told:
                self._say("Waiting for a Dask worker to join …")
                told = True
            time.sleep(_LOOK_SECONDS)

    def _workers(self) -> Mapping[str, Mapping[str, Any]]:
        """Return worker address -> what the scheduler knows of it; none while the connection is away."""
        workers: Mapping[str, Mapping[str, Any]] = self._client.scheduler_info(n_workers=-1).get("workers", {})
        return workers


def _offering(workers: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return worker address -> how many jobs it takes at a time."""
    return {
        address: int(worker["resources"][RESOURCE])
        for address, worker in workers.items()
        if worker.get("resources", {}).get(RESOURCE, 0) >= 1
    }


def _connect(scheduler: str) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        hint = "Install it in the drawing environment: pip install 'tooncrafter-blender[farm]'"
        raise UserError("farm-missing", "Batches on many machines need Dask distributed.", hint) from error
    where: dict[str, Any] = {"address": scheduler}
    if scheduler.endswith(".json") or Path(scheduler).is_file():
        _wait_for_file(Path(scheduler))
        where = {"scheduler_file": scheduler}
    try:
        return Client(**where, timeout=_CONNECT_SECONDS, set_as_default=False, name="tooncrafter")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            "scheduler-unreachable",
            f"There is no Dask scheduler at “{scheduler}”: {error}.",
            "Give the address that `dask scheduler` printed, or its scheduler file.",
            bad_input=False,
        ) from error


def _scheduler_lost() -> UserError:
    sentence = "The connection to the Dask scheduler broke."
    hint = "Start it again and repeat the command: what is finished is kept."
    return UserError("scheduler-lost", sentence, hint, bad_input=False)


def _wait_for_file(file: Path) -> None:
    """Return when a scheduler that was just started has written its whole file."""
    until = time.monotonic() + _CONNECT_SECONDS
    while True:
        try:
            if "address" in json.loads(file.read_text(encoding="utf-8")):
                return
            reason = "it names no address"
        except (OSError, ValueError) as error:
            reason = str(error)
        if time.monotonic() > until:
            raise UserError(
                "scheduler-unreachable",
                f"There is no Dask scheduler behind the file “{file}”: {reason}.",
                "Start one with: dask scheduler --scheduler-file FILE",
                bad_input=False,
            )
        time.sleep(_LOOK_SECONDS / 5)


def _broken(task: Task, future: Future) -> Outcome:
    """Return the outcome of a task that Dask gave up, or that could not run on its worker at all."""
    from distributed.scheduler import KilledWorker

    if future.status != "error":
        return _lost(task, f"the scheduler calls it {future.status}")
    error = future.exception(timeout=_CONNECT_SECONDS)
    if isinstance(error, KilledWorker):
        sentence = "Machine after machine died while drawing it."
        hint = "Look at the machines' own logs, then run the batch again: finished drawings are kept."
        return Outcome(task, State.FAILED, code="machines-died", sentence=sentence, hint=hint)
    if isinstance(error, ImportError):
        sentence = f"A Dask worker does not have this program: {error}."
        hint = "Start Dask workers from the environment that `tooncrafter` runs in."
        return Outcome(task, State.FAILED, code="worker-without-program", sentence=sentence, hint=hint)
    return _lost(task, f"{type(error).__name__}: {error}")


def _lost(task: Task, why: str) -> Outcome:
    sentence = f"The farm lost it: {why}."
    hint = "Run the batch again: finished drawings are kept."
    return Outcome(task, State.FAILED, code="farm-failed", sentence=sentence, hint=hint, again=True)


# --- on a worker -----------------------------------------------------------------------------------------------

#: Drawing processes that wait for the next job; their models stay loaded.
_idle: list[DrawingProcess] = []
#: Those that draw, by the batch that they draw for.
_drawing: dict[DrawingProcess, str] = {}
_lock = threading.Lock()


def draw_here(folder: str, job: str, topic: str, strokes: bool) -> dict[str, Any]:
    """Draw one job in this worker's drawing process; runs in a thread of the Dask worker.

    Returns {"end": the last event as a line, "seconds", "where": this worker's address}.
    """
    from distributed import get_worker

    worker = get_worker()
    began, told = time.monotonic(), -_PROGRESS_SECONDS

    def hear(event: messages.Event) -> None:
        nonlocal told
        if isinstance(event, messages.Ready):
            return
        if isinstance(event, messages.Progress):
            if time.monotonic() - told < _PROGRESS_SECONDS:
                return
            told = time.monotonic()
        worker.log_event(topic, {"folder": folder, "event": messages.event_line(event)})

    if not os.path.exists(os.path.join(folder, JOB_FILE)):  # noqa: PTH110, PTH118 - the asker's path, as it came
        end: End = _not_shared(folder, job)
    else:
        with _lock:
            process = _idle.pop() if _idle else DrawingProcess()
            _drawing[process] = topic
        try:
            end = process.run(job, Path(folder), hear, strokes=strokes)
        finally:
            with _lock:
                del _drawing[process]
                _idle.append(process)
    return {"end": messages.event_line(end), "seconds": time.monotonic() - began, "where": worker.address}


def stop_drawing(topic: str) -> None:
    """Cancel what this worker draws for the batch `topic`."""
    with _lock:
        for process, drawn_for in _drawing.items():
            if drawn_for == topic:
                process.cancel()


def _not_shared(folder: str, job: str) -> messages.Failed:
    return messages.Failed(
        job,
        "folder-not-shared",
        f"The machine “{platform.node()}” does not see the folder “{folder}”.",
        "All machines must reach the jobs under the same path.",
        bad_input=False,
    )
