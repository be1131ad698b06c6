"""The same job without a window: `blender -b shot.blend --command inbetween --frames 1-48 --save out.blend`.

In parts, for a farm: --capture-only writes the job folder, `tooncrafter batch` draws, --import-only brings it in.
`inbetween` is a plain function: with the `bpy` wheel, open a file and call it. Exit codes: 0 done, 1 the job
failed, 2 bad usage or bad input, 130 cancelled.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import bpy

from ..backend.contract.job import MAX_CANVAS_SIDE_PIXELS, Easing, frame_path
from ..backend.engines import ENGINES
from ..backend.errors import UserError
from . import batches, capture
from .generate import Captured, generate
from .jobs import watching
from .jobs.queue import Entry, State, queue
from .results import HOW
from .settings.properties import Choice, choice_of
from .timeline import grease_pencil

COMMAND = "inbetween"
DONE, FAILED, BAD_INPUT, CANCELLED = 0, 1, 2, 130
#: Nobody is there to restart a drawing engine that hangs: after so long without a word it has failed.
SILENT_SECONDS = 1800.0


def inbetween(arguments: Sequence[str]) -> int:
    """Draw the in-betweens of the open file as the arguments say and return the exit code.

    What is not said is taken from the scene. Progress goes to stderr; with --json every event is one JSON object on
    a line of its own on stdout (Blender prints there too: read the lines that begin with "{").
    """
    told = _Told(as_json="--json" in arguments)
    try:
        wishes = _parser().parse_args(list(arguments))
    except SystemExit as exit_:  # argparse has said why, or printed the help
        return BAD_INPUT if exit_.code else DONE
    try:
        return _run(wishes, told)
    except UserError as error:
        told.error(error)
        return BAD_INPUT if error.bad_input else FAILED


def _run(wishes: argparse.Namespace, told: _Told) -> int:
    if not bpy.data.filepath:
        raise UserError(
            "file-not-loaded",
            "No .blend file is open: the file could not be loaded, or none was named before --command.",
            f"Name a file that this Blender can read: blender -b shot.blend --command {COMMAND} …",
        )
    _refuse_wrong_parts(wishes)
    save = _save_path(wishes.save, wishes.overwrite)
    scene = _scene(wishes.scene)
    if wishes.import_only:
        return _import_only(wishes, scene, save, told)
    obj = _object(scene, wishes.object)
    choice = _choice(scene, wishes)
    if wishes.shot is not None:
        if obj is None:
            raise UserError("no-grease-pencil", "The scene has no Grease Pencil object.", "Draw something first.")
        told.shot(capture.write_shot(scene, obj, wishes.shot, capture=choice.capture, report=told.captured))
        return DONE
    if wishes.capture_only:
        told.captured_only(batches.capture_job(scene, obj, choice, wishes.jobs, wishes.frames, told.captured))
        return DONE
    with _interrupts() as interrupted:
        entry = generate(scene, obj, choice, frames=wishes.frames, report=told.captured)
        told.started(entry)

        while entry.busy:
            for changed in queue.poll(wait_seconds=0.1):
                told.changed(changed)
            if entry.silent_seconds >= SILENT_SECONDS:
                _end_silence(entry)
            if interrupted and not entry.cancelling:
                queue.cancel(entry)
    if entry.state is State.CANCELLED:
        told.cancelled(entry)
        return CANCELLED
    if entry.state is State.FAILED:
        raise UserError(entry.code, entry.sentence, entry.hint, bad_input=entry.bad_input)
    imported = watching.import_entry(entry, choice.import_as) if choice.import_as != "none" else ""
    if save:
        _save(save)
    told.done(entry, imported, save)
    return DONE


def _end_silence(entry: Entry) -> NoReturn:
    queue.close()
    raise UserError(
        "worker-silent",
        f"The drawing engine said nothing for {entry.silent_seconds / 60:.0f} minutes and was ended.",
        f"Finished drawings are kept in “{entry.folder}”; run it again for the missing ones.",
        bad_input=False,
    )


def _refuse_wrong_parts(wishes: argparse.Namespace) -> None:
    """Refuse wishes that contradict each other, before anything is done."""
    part = wishes.capture_only or wishes.import_only
    if part and wishes.jobs is None:
        raise UserError("jobs-missing", "The job folders' place is not said.", "Add --jobs DIR.")
    if wishes.jobs is not None and not part:
        sentence = "--jobs goes with --capture-only or --import-only."
        raise UserError("jobs-unexpected", sentence, "Without them, jobs lie beside the .blend file.")
    if wishes.capture_only and wishes.save:
        sentence = "--capture-only changes nothing in the scene, so there is nothing to save."
        raise UserError("save-unexpected", sentence, "Leave out --save.")


def _import_only(wishes: argparse.Namespace, scene: bpy.types.Scene, save: Path | None, told: _Told) -> int:
    """Bring in every finished job of this file; those that are not are told, and the exit code says so."""
    how = wishes.import_as or choice_of(scene).import_as
    imported = batches.import_jobs(wishes.jobs, how, scene if wishes.scene else None)
    if imported.brought_in and save:
        _save(save)
    told.imported_only(imported, save)
    if imported.unfinished:
        hint = f"Run `tooncrafter batch {wishes.jobs}` again, then import."
        sentence = f"Jobs without all of their drawings: {', '.join(imported.unfinished)}."
        raise UserError("jobs-unfinished", sentence, hint, bad_input=False)
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"blender -b SHOT.blend --command {COMMAND}",
        description="Draw the in-betweens of Grease Pencil keys.",
        epilog="What is not said here is taken from the scene's settings in the file.",
    )
    add = parser.add_argument
    add("--frames", type=_range, metavar="A-B", help="keys from frame A to B (default: as in the panel)")
    add("--scene", metavar="NAME", help="scene (default: the active one)")
    add("--object", metavar="NAME", help="Grease Pencil object (default: the active or the only one)")
    add("--engine", metavar="NAME", help=f"one of {', '.join(ENGINES)}")
    add("--exposure", type=int, metavar="N", help="frames that each drawing is held")
    add("--easing", choices=[str(easing) for easing in Easing], help="spacing of the drawings")
    add("--breakdowns", choices=["key", "ignore"], help="whether breakdown keys count as keys")
    add("--width", type=int, metavar="PIXELS", help="width of the drawings (default: the render size)")
    add("--whole-scene", action="store_true", default=None, help="capture everything that the camera sees")
    add("--seed", type=int, metavar="N", help="another number, another try")
    add("--import", dest="import_as", choices=HOW, help="what the drawings become in the scene")
    add("--save", type=Path, metavar="FILE", help="save the scene with the result as this .blend file")
    add("--overwrite", action="store_true", help="let --save replace a file that exists, also the one that is open")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--capture-only", action="store_true", help="write the job folder into --jobs, draw nothing")
    part.add_argument("--import-only", action="store_true", help="bring in this file's finished jobs in --jobs")
    part.add_argument("--shot", type=Path, metavar="DIR", help="write every frame as a picture, for training")
    add("--jobs", type=Path, metavar="DIR", help="where job folders lie, for --capture-only and --import-only")
    add("--json", action="store_true", help="print events as JSON lines on stdout")
    return parser


def _range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(-?\d+)(?:-|\.\.|:)(-?\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"“{text}” is not a range of frames such as 1-48 (negative: --frames=-10-48)"
        )
    return int(match[1]), int(match[2])


def _scene(name: str | None) -> bpy.types.Scene:
    if name is None:
        assert bpy.context.scene
        return bpy.context.scene
    scene = bpy.data.scenes.get(name)
    if scene is None:
        raise UserError(
            "scene-unknown", f"There is no scene “{name}” in this file.", _names("scenes", bpy.data.scenes)
        )
    return scene


def _object(scene: bpy.types.Scene, name: str | None) -> bpy.types.Object | None:
    """Return the named object, else the active one if it is Grease Pencil, else the only Grease Pencil object."""
    drawn = [obj for obj in scene.objects if grease_pencil.is_grease_pencil(obj)]
    if name is not None:
        if name not in scene.objects:
            sentence = f"There is no object “{name}” in the scene “{scene.name}”."
            raise UserError("object-unknown", sentence, _names("Grease Pencil objects", drawn))
        return scene.objects[name]
    active = scene.view_layers[0].objects.active
    if active in drawn:
        return active
    if len(drawn) > 1:
        raise UserError(
            "object-unclear",
            "The scene has several Grease Pencil objects and none of them is active.",
            f"Say which with --object. {_names('Grease Pencil objects', drawn)}",
        )
    return drawn[0] if drawn else active


def _names(what: str, things: Sequence[bpy.types.ID] | bpy.types.BlendDataScenes) -> str:
    return f"Its {what}: {', '.join(thing.name for thing in things) or 'none'}."


def _choice(scene: bpy.types.Scene, wishes: argparse.Namespace) -> Choice:
    """Return the scene's settings with what the arguments say on top."""
    choice = replace(choice_of(scene), takes=1)  # nobody is there to choose
    for name in ("engine", "exposure", "breakdowns", "import_as"):
        if (wish := getattr(wishes, name)) is not None:
            choice = replace(choice, **{name: wish})
    if wishes.easing is not None:
        choice = replace(choice, easing=Easing(wishes.easing))
    if wishes.seed is not None:
        choice = replace(choice, settings=replace(choice.settings, seed=wishes.seed))
    if wishes.width is not None:
        choice = replace(choice, capture=replace(choice.capture, width=wishes.width))
    if wishes.whole_scene:
        choice = replace(choice, capture=replace(choice.capture, whole_scene=True))
    _check("exposure", choice.exposure, 1, 1000)
    _check("seed", choice.settings.seed, 0, 2**31 - 1)
    if choice.capture.width is not None:
        _check("width", choice.capture.width, 1, MAX_CANVAS_SIDE_PIXELS)
    return choice


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        sentence = f"--{name} {value} is out of range."
        raise UserError(f"{name}-invalid", sentence, f"Choose a whole number from {low} to {high}.")


def _save_path(save: Path | None, overwrite: bool) -> Path | None:
    """Return where to save, checked before hours of drawing rather than after."""
    if save is None:
        return None
    path = save.expanduser().absolute()
    if not path.parent.is_dir():
        sentence = f"The folder “{path.parent}” to save in is not there."
        raise UserError("save-refused", sentence, "Make it, or choose another.")
    if path.exists() and not overwrite:
        what = "the file that is open" if path.samefile(bpy.data.filepath) else "a file that exists"
        raise UserError("save-refused", f"“{path}” is {what}.", "Choose another name, or add --overwrite.")
    return path


def _save(path: Path) -> None:
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    except RuntimeError as error:
        sentence = f"The drawings are done, but “{path}” could not be saved: {error}."
        hint = "They are in the job's folder; import them in Blender."
        raise UserError("save-refused", sentence, hint, bad_input=False) from error


@contextlib.contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C instead of dying of it: Blender in the background would ignore it, Python lose the job."""
    caught: list[int] = []

    def note(number: int, _: object) -> None:
        caught.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)


class _Told:
    """What people read on stderr, or programs on stdout."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._last = ""

    def captured(self, step: int, of: int) -> None:
        self._tell(f"Captured {step} of {of} pictures", event="captured", step=step, of=of)

    def started(self, entry: Entry) -> None:
        for remark in entry.remarks:
            self._tell(remark, event="remark", sentence=remark)
        self._tell(
            f"Drawing {len(entry.job.wanted)} in-betweens in {entry.folder}",
            event="started",
            job=entry.job.id,
            folder=str(entry.folder),
            wanted=list(entry.job.wanted),
        )

    def changed(self, entry: Entry) -> None:
        if not entry.busy:
            return
        left = f", {entry.seconds_left:.0f} s left" if entry.seconds_left >= 1 else ""
        if entry.silent_seconds:
            left = f"; no word from the drawing engine for {entry.silent_seconds:.0f} s"
        self._tell(
            f"{entry.progress:4.0%} {entry.stage}{left}",
            event="progress",
            job=entry.job.id,
            fraction=round(entry.progress, 4),
            stage=entry.stage,
            finished=len(entry.finished),
            seconds_left=entry.seconds_left,
            silent_seconds=entry.silent_seconds,
        )

    def done(self, entry: Entry, imported: str, saved: Path | None) -> None:
        for caution in entry.warnings:
            where = f"frame {caution.frame}: " if caution.frame is not None else ""
            self._tell(f"Warning: {where}{caution.sentence}", event="warning", **vars(caution))
        saying = f"Saved “{saved}”." if saved else ("Not saved: add --save FILE." if imported else "")
        self._tell(
            " ".join(filter(None, (entry.sentence, imported, saying))),
            event="done",
            job=entry.job.id,
            folder=str(entry.folder),
            frames=[str(frame_path(entry.folder, frame)) for frame in entry.job.wanted],
            imported=imported,
            saved=str(saved) if saved else None,
        )

    def shot(self, frames: int) -> None:
        self._tell(f"Wrote {frames} pictures", event="done", frames=frames)

    def captured_only(self, captured: Captured) -> None:
        for remark in captured.remarks:
            self._tell(remark, event="remark", sentence=remark)
        self._tell(
            f"Captured {len(captured.job.wanted)} wanted in-betweens into {captured.folder}",
            event="done",
            job=captured.job.id,
            folder=str(captured.folder),
            wanted=list(captured.job.wanted),
        )

    def imported_only(self, imported: batches.Imported, saved: Path | None) -> None:
        for name in imported.passed_over:
            self._tell(f"Passed over {name}", event="passed-over", sentence=name)
        saying = f"Saved “{saved}”." if saved else "Not saved: add --save FILE."
        brought_in = imported.brought_in
        self._tell(
            " ".join((*(f"{job}: added {', '.join(names)}." for job, names in brought_in.items()), saying)),
            event="done",
            imported={job: list(names) for job, names in brought_in.items()},
            saved=str(saved) if saved else None,
        )

    def cancelled(self, entry: Entry) -> None:
        self._tell(entry.sentence, event="cancelled", job=entry.job.id, folder=str(entry.folder))

    def error(self, error: UserError) -> None:
        self._tell(f"Error: {error}", event="error", code=error.code, sentence=error.sentence, hint=error.hint)

    def _tell(self, line: str, **event: object) -> None:
        if self._as_json:
            line, stream = json.dumps(event, ensure_ascii=True), sys.stdout
        else:
            stream = sys.stderr
        if line != self._last:
            self._last = line
            print(line, file=stream, flush=True)


_registered: list[object] = []


def register() -> None:
    """Make `blender --command inbetween` known."""
    _registered.append(bpy.utils.register_cli_command(COMMAND, inbetween))


def unregister() -> None:
    """Forget the command."""
    while _registered:
        bpy.utils.unregister_cli_command(_registered.pop())
