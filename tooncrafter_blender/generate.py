"""From the timeline to a job in the queue: what the button and the command both do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..backend.contract.job import Job
from ..backend.engines import ENGINES
from ..backend.environment import Level
from ..backend.errors import UserError
from . import capture
from .jobs import job_folders, watching
from .jobs.home import home_of, source_of
from .jobs.queue import Entry, Home, queue
from .settings import preferences
from .settings.properties import MAX_SEED, Choice
from .setup import environment
from .takes.variations import add_take
from .timeline import charts, keyframes

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Captured:
    """A job folder that waits to be drawn; remarks: what was found when the keys were read."""

    folder: Path
    job: Job
    remarks: tuple[str, ...] = ()


def generate(
    scene: bpy.types.Scene,
    obj: bpy.types.Object | None,
    choice: Choice,
    *,
    frames: tuple[int, int] | None = None,
    report: Report = lambda step, of: None,
) -> Entry:
    """Capture the keys of `obj` into a new job folder and put the job into the queue; return its entry.

    frames: an explicit range instead of the selection. report: hears how many of how many pictures are captured.
    Raises UserError; then no folder is left and the scene is as it was.
    """
    _refuse_unknown(choice.engine)
    python = environment.find_python(preferences.current(), choice.engine)
    others = variations(choice)
    captured = capture_keys(scene, obj, choice, frames=frames, report=report)
    assert obj
    return submit(captured, home_of(scene, obj), choice.import_as, python, others)


def submit(
    captured: Captured, home: Home, show_as: str, python: Path | None, others: Sequence[tuple[str, int]] = ()
) -> Entry:
    """Put a job, and a take of it for each of `others` (engine and seed), into the queue; return the job's entry.

    show_as: what the drawings become. python: of the drawing engine; None has it installed first.
    """
    entry = Entry(captured.job, captured.folder, home, show_as, remarks=captured.remarks)
    takes = [entry]
    for number, (engine, seed) in enumerate(others, 2):
        folder, job = add_take(captured.folder, captured.job, number, engine=engine, seed=seed)
        takes.append(Entry(job, folder, home, show_as, take_of=entry.job.id, number=number))
    begin_setup_unless(python)
    for take in takes:
        queue.submit(take, python)
    watching.start()
    return entry


def told_of(job: Job) -> str:
    """Return in a sentence what was begun with the job."""
    count = len(job.wanted)
    return f"Drawing {count} in-between{'' if count == 1 else 's'} in the background."


def variations(choice: Choice) -> list[tuple[str, int]]:
    """Return engine and seed of each take beside the first.

    Raises UserError("engines-too-few") when engines are to be compared and only one can be used.
    """
    seed = choice.settings.seed
    if choice.takes == 1:
        return []
    if choice.vary == "seed":
        return [(choice.engine, (seed + more) % (MAX_SEED + 1)) for more in range(1, choice.takes)]
    others = [(name, seed) for name in ENGINES if name not in (choice.engine, "hold") and _can_draw(name)]
    if not others:
        raise UserError(
            "engines-too-few",
            f"Only the {choice.engine} engine can be used here, so there is nothing to compare it with.",
            "Install another engine in the add-on's preferences, or let the takes differ by their seed.",
        )
    return others[: choice.takes - 1]


def _can_draw(engine: str) -> bool:
    """Tell whether an engine can be used, as far as is known before it draws."""
    if queue.obstacles.get(engine):
        return False
    try:
        environment.find_python(preferences.current(), engine)
    except UserError:
        return False
    return True


def capture_keys(
    scene: bpy.types.Scene,
    obj: bpy.types.Object | None,
    choice: Choice,
    *,
    frames: tuple[int, int] | None = None,
    base: Path | None = None,
    report: Report = lambda step, of: None,
) -> Captured:
    """Write a job folder for the keys of `obj`, beside the .blend file or in `base`; draw nothing.

    Needs no drawing engine on this machine. Raises UserError; then no folder is left.
    """
    _refuse_unknown(choice.engine)
    found = keyframes.find_spans(obj, scene, exposure=choice.exposure, breakdowns=choice.breakdowns, frames=frames)
    assert obj
    folder = job_folders.new_folder(found.spans[0].start, found.spans[-1].end, base)
    try:
        job = capture.write_job(
            scene,
            obj,
            found.spans,
            folder,
            engine=choice.engine,
            settings=choice.settings,
            easing=choice.easing,
            charts=charts.charts_of(obj),
            capture=choice.capture,
            source=source_of(scene, obj) | {"import_as": choice.import_as},
            report=report,
        )
    except BaseException:
        job_folders.discard(folder)
        raise
    return Captured(folder, job, found.remarks)


def _refuse_unknown(engine: str) -> None:
    if engine not in ENGINES:
        known = f"Choose one of: {', '.join(ENGINES)}."
        raise UserError("engine-unknown", f"There is no engine called “{engine}”.", known)


def retry(entry: Entry) -> None:
    """Run an ended job again, for its missing drawings. Raises UserError when the engine is not there."""
    python = environment.find_python(preferences.current(), entry.job.engine, thorough=True)
    begin_setup_unless(python)
    queue.retry(entry, python)
    watching.start()


def begin_setup_unless(python: Path | None) -> None:
    """Have the environment made when there is no Python yet."""
    if python is None:
        environment.begin_setup(Level.CORE, preferences.current())
