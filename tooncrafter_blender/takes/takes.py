"""Takes of one job side by side: one is previewed, the others stand aside; kept and discarded without losing any.

Discarding takes a take out of sight. Its drawings stay in the job's folder and come back at a click.
"""

from __future__ import annotations

from dataclasses import replace

import bpy

from .. import results
from ..jobs.home import find_scene
from ..jobs.queue import Entry, queue
from ..language import say
from ..settings.preferences import ENGINE_CHOICES
from .marks import Marks, write_marks

_ENGINE_NAMES = {name: label for name, label, _ in ENGINE_CHOICES}


def name_of(take: Entry) -> str:
    """Return how a take is called beside the others of its job."""
    others = queue.takes(take)
    differs = len({one.job.engine for one in others}) > 1
    if differs:
        engine = _ENGINE_NAMES.get(take.job.engine, take.job.engine)
        return say("Take {number} · {engine}", number=take.number, engine=engine)
    return say("Take {number} · Seed {seed}", number=take.number, seed=take.job.settings.seed)


def previewed(entry: Entry) -> Entry:
    """Return the take of the job that is looked at: the first that is shown and does not stand aside."""
    takes = [take for take in queue.takes(entry) if not take.marks.discarded] or [entry]
    return next((take for take in takes if take.shown_as and not take.stands_aside), takes[0])


def arrange(entry: Entry, chosen: Entry | None = None) -> None:
    """Have the chosen take, else the previewed one, stand where it is looked at, and the others beside it."""
    scene = find_scene(entry)
    takes = [take for take in queue.takes(entry) if take.shown_as and not take.marks.discarded]
    if scene is None or len(queue.takes(entry)) < 2:
        return
    first = chosen if chosen in takes else previewed(entry)
    for slot, take in enumerate(sorted(takes, key=lambda take: (take is not first, take.number))):
        results.stand(scene, take.job, take.shown_as, slot)
        take.stands_aside = slot > 0


def keep(take: Entry, kept: bool) -> None:
    """Mark a take as kept or not: what is kept stays when the rest is discarded."""
    mark(take, replace(take.marks, kept=kept))


def discard(take: Entry, scene: bpy.types.Scene | None) -> None:
    """Take a take out of the scene and out of sight; its drawings stay in the job's folder."""
    mark(take, replace(take.marks, discarded=True, kept=False))
    if scene:
        results.take_down(scene, take.job)
        take.shown_as = ""
    arrange(take)


def not_kept(entry: Entry) -> list[Entry]:
    """Return the takes that go when the rest is discarded: none, while no take is kept."""
    present = [take for take in queue.takes(entry) if not take.marks.discarded]
    if not any(take.marks.kept for take in present):
        return []
    return [take for take in present if not take.marks.kept and not take.busy]


def bring_back(entry: Entry) -> None:
    """Have all discarded takes of the job in the list again; they are shown when they are previewed."""
    for take in queue.takes(entry):
        if take.marks.discarded:
            mark(take, replace(take.marks, discarded=False))


def mark(take: Entry, marks: Marks) -> None:
    """Write down what the artist thinks of a take."""
    take.marks = marks
    write_marks(take.folder, marks)
