"""`tooncrafter batch DIR`: the jobs, the crew and the view put together."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .batch import Crew, LocalCrew, Task, draw_all, find_tasks
from .batch_view import JsonView, LinesView, TerminalView, duration, failures_table, open_view
from .errors import UserError
from .graphics_cards import every_device, parse_devices

#: Engines that a batch gives a graphics card each.
_HEAVY_ENGINES = frozenset({"tooncrafter"})


def run_batch(root: Path, devices: str | None, scheduler: str | None, as_json: bool) -> bool:
    """Draw what is missing in every job folder below `root`; return whether all are done.

    devices: a list such as "cuda:0,cuda:1", None for every card. scheduler: address or file of a Dask scheduler
    instead. Raises UserError when nothing could begin, and Cancelled.
    """
    began = time.monotonic()
    if not root.is_dir():
        raise UserError("folder-missing", f"There is no folder “{root}”.", "Name the folder that holds the jobs.")
    root = root.resolve()
    tasks, refused = find_tasks(root)
    with (
        contextlib.closing(_crew(tasks, devices, scheduler)) as crew,
        _view(len(tasks) + len(refused), as_json) as view,
    ):
        for outcome in refused:
            view.settled(outcome)
        failed = sorted([*refused, *draw_all(tasks, crew, view)], key=lambda outcome: outcome.task.name)
    done = len(tasks) + len(refused) - len(failed)
    if as_json:
        print(json.dumps({"event": "batch", "done": done, "failed": len(failed)}), flush=True)
        return not failed
    if failed:
        print(failures_table(failed))
    print(f"{done} of {len(tasks) + len(refused)} jobs done ({duration(time.monotonic() - began)}), in {root}")
    return not failed


def _crew(tasks: list[Task], devices: str | None, scheduler: str | None) -> Crew:
    if scheduler is not None:
        from .farm import DaskCrew

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
