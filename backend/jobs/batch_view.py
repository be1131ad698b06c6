"""What a batch says: bars on a terminal, lines in a log, JSON for programs, and a table of failures at the end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO

from tqdm import tqdm

from ..contract import messages
from ..contract.result import State
from .batch import Outcome, Task

#: Jobs that a terminal shows one by one; a farm runs more at a time than lines fit.
_SHOWN_JOBS = 8
_NAME_COLUMNS = 32
_REDRAW_SECONDS = 0.2


@dataclass
class Tally:
    """How far a batch is. running: task -> part that is done, 0..1, in the order in which they began."""

    total: int
    done: int = 0
    failed: int = 0
    made: int = 0
    kept: int = 0
    running: dict[Task, float] = field(default_factory=dict)
    finished: dict[Task, int] = field(default_factory=dict)
    drawing_seconds: float = 0.0
    drawn_jobs: int = 0

    def heard(self, task: Task, event: messages.Event) -> None:
        """Take in one event of a running job."""
        self.running.setdefault(task, 0.0)
        match event:
            case messages.Progress():
                part = _part(task.sizes, event)
            case messages.FrameReady():
                self.finished[task] = self.finished.get(task, 0) + 1
                part = self.finished[task] / max(1, sum(task.sizes))
            case _:
                return
        self.running[task] = max(self.running[task], min(1.0, part))

    def settled(self, outcome: Outcome) -> None:
        """Take in what became of a job."""
        self.running.pop(outcome.task, None)
        self.finished.pop(outcome.task, None)
        if outcome.made:
            self.drawing_seconds += outcome.seconds
            self.drawn_jobs += 1
        self.made += outcome.made
        self.kept += outcome.kept
        if outcome.again:
            return
        if outcome.state is State.DONE:
            self.done += 1
        else:
            self.failed += 1

    @property
    def jobs(self) -> float:
        """Jobs behind us, those that run in part."""
        return self.done + self.failed + sum(self.running.values())

    @property
    def seconds_left(self) -> float:
        """The time that the rest needs if all of it has to be drawn like the jobs before; -1 while unknown."""
        if not self.drawn_jobs:
            return -1.0
        return self.drawing_seconds / self.drawn_jobs * max(0.0, self.total - self.jobs) / max(1, len(self.running))


def _part(sizes: Sequence[int], progress: messages.Progress) -> float:
    """Return how much of a job is done, 0..1: segments count by the drawings that they hold."""
    if not sizes:
        return 0.0
    index = min(progress.segment, len(sizes) - 1)
    step = min(1.0, progress.step / progress.of) if progress.of else 0.0
    return (sum(sizes[:index]) + sizes[index] * step) / max(1, sum(sizes))


class LinesView:
    """One line for each job that settles: for logs."""

    def __init__(self, total: int, out: IO[str]) -> None:
        self._tally, self._out = Tally(total), out

    def heard(self, task: Task, event: messages.Event) -> None:
        """Hear one event of a running job."""
        self._tally.heard(task, event)

    def settled(self, outcome: Outcome) -> None:
        """Hear what became of a job."""
        tally = self._tally
        tally.settled(outcome)
        left = f" (about {duration(tally.seconds_left)} left)" if tally.seconds_left >= 1 else ""
        counted = f"[{tally.done + tally.failed}/{tally.total}]"
        print(f"{counted} {outcome.task.name}: {what_became(outcome)}{left}", file=self._out, flush=True)


class TerminalView:
    """A bar for the whole batch and one for each job that runs."""

    def __init__(self, total: int, out: IO[str]) -> None:
        self._tally, self._out = Tally(total), out
        layout = "{desc} {percentage:3.0f}% |{bar}| {postfix}"
        self._all = tqdm(total=total, file=out, bar_format=layout, leave=False, dynamic_ncols=True)
        self._layout = layout
        self._bars: dict[Task, tqdm] = {}
        self._drawn = 0.0

    def heard(self, task: Task, event: messages.Event) -> None:
        """Hear one event of a running job."""
        self._tally.heard(task, event)
        if task not in self._bars and len(self._bars) < _SHOWN_JOBS:
            name = _shortened(task.name).ljust(_NAME_COLUMNS)
            # leave=False frees the line for the next job
            self._bars[task] = tqdm(
                total=1, file=self._out, bar_format=self._layout, leave=False, desc=name, dynamic_ncols=True
            )
        if isinstance(event, messages.Stage) and task in self._bars:
            self._bars[task].set_postfix_str(event.name, refresh=False)
        self._draw()

    def settled(self, outcome: Outcome) -> None:
        """Hear what became of a job."""
        self._tally.settled(outcome)
        if bar := self._bars.pop(outcome.task, None):
            bar.close()
        if outcome.state is not State.DONE:
            self._all.write(f"{outcome.task.name}: {what_became(outcome)}", file=self._out)
        self._draw(settled=True)

    def close(self) -> None:
        """Take the bars away."""
        for bar in (*self._bars.values(), self._all):
            bar.close()

    def _draw(self, settled: bool = False) -> None:
        now = time.monotonic()
        if now - self._drawn < _REDRAW_SECONDS and not (settled and self._tally.done + self._tally.failed <= 1):
            return
        self._drawn = now
        tally = self._tally
        self._all.n = tally.jobs
        self._all.set_description_str(f"{tally.done} of {tally.total} jobs".ljust(_NAME_COLUMNS), refresh=False)
        said = [f"{tally.failed} failed"] if tally.failed else []
        said += [f"{duration(tally.seconds_left)} left"] if tally.seconds_left >= 1 else []
        self._all.set_postfix_str(", ".join(said), refresh=False)
        self._all.refresh()
        for task, bar in self._bars.items():
            bar.n = tally.running.get(task, 0.0)
            bar.refresh()


class JsonView:
    """Every event as one line of JSON, with the job's name in the batch."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def heard(self, task: Task, event: messages.Event) -> None:
        """Hear one event of a running job."""
        if not isinstance(event, messages.Ready):
            self._say({"name": task.name} | json.loads(messages.event_line(event)))

    def settled(self, outcome: Outcome) -> None:
        """Hear what became of a job."""
        self._say(
            {
                "event": "settled",
                "name": outcome.task.name,
                "folder": str(outcome.task.folder),
                "state": str(outcome.state),
                "made": outcome.made,
                "kept": outcome.kept,
                "seconds": round(outcome.seconds, 3),
                "where": outcome.where,
                "code": outcome.code,
                "sentence": outcome.sentence,
                "hint": outcome.hint,
                "attempts": outcome.attempts,
                "again": outcome.again,
            }
        )

    def _say(self, message: dict[str, object]) -> None:
        self._out.write(json.dumps(message, ensure_ascii=True) + "\n")
        self._out.flush()


def open_view(total: int, as_json: bool) -> LinesView | TerminalView | JsonView:
    """Return the view that suits where we print."""
    if as_json:
        return JsonView(sys.stdout)
    return TerminalView(total, sys.stderr) if sys.stderr.isatty() else LinesView(total, sys.stderr)


def what_became(outcome: Outcome) -> str:
    """Return what became of a job in a few words."""
    if outcome.state is State.DONE:
        kept = f", {outcome.kept} were there" if outcome.kept else ""
        return f"{outcome.made} drawn{kept} ({duration(outcome.seconds)})"
    return f"{outcome.sentence}{' It will be tried again.' if outcome.again else ''}"


def failures_table(failed: Sequence[Outcome]) -> str:
    """Return the jobs that failed as a table of name, tries and reason; log.txt in each folder tells more."""
    names = [outcome.task.name for outcome in failed]
    width = max(len("job"), *(len(name) for name in names))
    lines = [f"{'job'.ljust(width)}  tries  reason"]
    lines += [
        f"{name.ljust(width)}  {outcome.attempts:5d}  {outcome.sentence} {outcome.hint}".rstrip()
        for name, outcome in zip(names, failed, strict=True)
    ]
    return "\n".join(lines)


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_COLUMNS else f"…{name[-_NAME_COLUMNS + 1 :]}"


def duration(seconds: float) -> str:
    """Return a time in words, as exact as a person wants it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
