"""`tooncrafter batch DIR`: the jobs, the crew and the view put together."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UserError
from ..jobs.batch import Crew, LocalCrew, Outcome, Task, draw_all, find_tasks
from ..jobs.batch_view import JsonView, LinesView, TerminalView, duration, failures_table, open_view
from ..machine.graphics_cards import every_device, parse_devices

#: Engines that a batch gives a graphics card each.
_HEAVY_ENGINES = frozenset({"tooncrafter"})


@dataclass(frozen=True)
class BatchRequest:
    """What was asked for.

    root: the folder around the jobs. devices: a list such as "cuda:0,cuda:1", None for every card.
    scheduler: address or file of a Dask scheduler instead. share: "2/3" for the second of three machines that
    divide the jobs. strokes: trace what was drawn.
    """

    root: Path
    devices: str | None = None
    scheduler: str | None = None
    share: str | None = None
    strokes: bool = False
    as_json: bool = False


def run_batch(request: BatchRequest) -> bool:
    """Draw what is missing in every job folder below the root; return whether all are done.

    Raises UserError when nothing could begin, and Cancelled.
    """
    began = time.monotonic()
    root = request.root
    if not root.is_dir():
        raise UserError("folder-missing", f"There is no folder “{root}”.", "Name the folder that holds the jobs.")
    root = root.resolve()
    tasks, refused = _part(*find_tasks(root), request.share)
    tasks = [replace(task, strokes=request.strokes) for task in tasks]
    total = len(tasks) + len(refused)
    with (
        contextlib.closing(_crew(tasks, request.devices, request.scheduler)) as crew,
        _view(total, request.as_json) as view,
    ):
        for outcome in refused:
            view.settled(outcome)
        failed = sorted([*refused, *draw_all(tasks, crew, view)], key=lambda outcome: outcome.task.name)
    done = total - len(failed)
    if request.as_json:
        print(json.dumps({"event": "batch", "done": done, "failed": len(failed)}), flush=True)
        return not failed
    if failed:
        print(failures_table(failed))
    print(f"{done} of {total} jobs done ({duration(time.monotonic() - began)}), in {root}")
    return not failed


def _part(tasks: list[Task], refused: list[Outcome], share: str | None) -> tuple[list[Task], list[Outcome]]:
    """Return what falls to machine K of N: every Nth job; those that cannot be read fall to the first."""
    if share is None:
        return tasks, refused
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", share)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UserError("share-invalid", f"--share “{share}” must look like 2/3, from 1/3 to 3/3.")
    part, parts = int(match[1]), int(match[2])
    return tasks[part - 1 :: parts], refused if part == 1 else []


def _crew(tasks: list[Task], devices: str | None, scheduler: str | None) -> Crew:
    if scheduler is not None:
        from ..jobs.farm import DaskCrew

        return DaskCrew(scheduler, lambda sentence: print(sentence, file=sys.stderr, flush=True))
    if devices is not None:
        return LocalCrew(parse_devices(devices))
    return LocalCrew(every_device(heavy=any(task.engine in _HEAVY_ENGINES for task in tasks)))


@contextlib.contextmanager
def _view(total: int, as_json: bool) -> Iterator[LinesView | TerminalView | JsonView]:
    view = open_view(total, as_json)
    try:
        yield view
    finally:
        if isinstance(view, TerminalView):
            view.close()
