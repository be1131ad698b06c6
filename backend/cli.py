"""The command line: `tooncrafter` or `python -m backend`.

Exit codes: 0 done, 1 the job failed, 2 bad usage or bad input, 130 cancelled.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__
from .commands.animatic import add_animatic_command
from .commands.colour import add_colour_command
from .commands.smooth import add_smooth_command
from .commands.stills import add_stills_command
from .commands.training import add_training_commands
from .commands.web import add_web_command
from .commands.weights import add_weights_command
from .contract.job import Easing, Settings
from .engines import (
    DEVICE_VARIABLE,
    ENGINES,
    LORA_VARIABLE,
    MEMORY_VARIABLE,
    MODEL_VARIABLE,
    SKETCH_ENCODER_VARIABLE,
)
from .errors import Cancelled, Unheard, UserError
from .outlet import open_outlets

if TYPE_CHECKING:
    from .jobs.run import Listen

DONE, FAILED, BAD_INPUT, CANCELLED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every failure is a sentence on stderr."""
    try:
        open_outlets()
        try:
            options = _parser().parse_args(arguments)
            _tell_engine(options)
            logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
            return int(options.command(options))
        finally:
            if sys.stdout:  # a program without a console has none
                sys.stdout.flush()
    except UserError as error:
        print(f"tooncrafter: {error}", file=sys.stderr)
        return BAD_INPUT if error.bad_input else FAILED
    except Unheard:
        return CANCELLED
    except (Cancelled, KeyboardInterrupt):
        print("tooncrafter: cancelled; finished drawings are kept.", file=sys.stderr)
        return CANCELLED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tooncrafter", description="Draw the pictures between two keys.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"tooncrafter {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_inbetween(commands)

    run = commands.add_parser("run", help="run a job folder; draws only what is missing", allow_abbrev=False)
    run.add_argument("folder", type=Path, metavar="JOBDIR")
    run.add_argument("--json", action="store_true", help="one JSON event a line instead of a progress bar")
    _add_engine_options(run)
    run.set_defaults(command=_run)

    batch = commands.add_parser(
        "batch",
        help="run all job folders below a folder, here or on a farm",
        description="Draw what is missing in every job folder below DIR.",
        allow_abbrev=False,
    )
    batch.add_argument("folder", type=Path, metavar="DIR")
    who = batch.add_mutually_exclusive_group()
    who.add_argument(
        "--device", metavar="NAME,…", help="one process for each of: cuda:0, cuda:1, cpu, … (default: every card)"
    )
    who.add_argument("--scheduler", metavar="ADDRESS|FILE", help="hand the jobs to a Dask scheduler (docs/farm.md)")
    batch.add_argument(
        "--share", metavar="K/N", help="only this part of the jobs: 1/3, 2/3 or 3/3 of three machines"
    )
    batch.add_argument("--strokes", action="store_true", help="also trace the drawings into strokes")
    batch.add_argument("--json", action="store_true", help="one JSON event a line instead of progress bars")
    batch.set_defaults(command=_batch)

    _add_engine_options(add_smooth_command(commands))
    add_stills_command(commands)
    _add_engine_options(add_colour_command(commands))
    _add_engine_options(add_animatic_command(commands))
    _add_engine_options(add_web_command(commands))

    trace = commands.add_parser("trace", help="turn a job's drawings into strokes", allow_abbrev=False)
    trace.add_argument("folder", type=Path, metavar="JOBDIR")
    trace.add_argument("--json", action="store_true", help="one JSON event a line instead of a progress bar")
    trace.set_defaults(command=_trace)

    preview = commands.add_parser("preview", help="show a job folder as a sheet or video", allow_abbrev=False)
    preview.add_argument("folder", type=Path, metavar="JOBDIR")
    preview.add_argument("--sheet", type=Path, metavar="PNG", help="contact sheet of keys and in-betweens")
    preview.add_argument("--video", type=Path, metavar="FILE", help=".mp4 or .gif with the timing of the shot")
    preview.set_defaults(command=_preview)

    worker = commands.add_parser("worker", help="serve jobs over stdin and stdout, for Blender", allow_abbrev=False)
    worker.set_defaults(command=_worker)

    doctor = commands.add_parser("doctor", help="tell what works on this machine", allow_abbrev=False)
    doctor.set_defaults(command=_doctor)
    add_weights_command(commands)
    add_training_commands(commands)
    return parser


def _add_inbetween(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    defaults = Settings()
    command = commands.add_parser(
        "inbetween",
        help="draw between two pictures",
        description="Write OUT/0001.png … in time order.",
        allow_abbrev=False,
    )
    command.add_argument("start", type=Path, metavar="START", help="picture of the start key")
    command.add_argument("end", type=Path, metavar="END", help="picture of the end key")
    when = command.add_mutually_exclusive_group()
    when.add_argument("-n", type=int, default=None, metavar="N", help="that many, evenly spaced (default 7)")
    when.add_argument("--times", metavar="T,T,…", help="at these times, between 0 (start) and 1 (end)")
    command.add_argument("-o", "--out", type=Path, default=Path("inbetweens"), metavar="DIR")
    command.add_argument("--overwrite", action="store_true", help="replace pictures that are in DIR")
    command.add_argument(
        "--guide", action="append", default=[], metavar="T=PNG", help="a line drawing of the pose at time T"
    )
    command.add_argument("--easing", choices=list(Easing), default=Easing.LINEAR)
    command.add_argument("--engine", choices=list(ENGINES), default="draft")
    command.add_argument("--fit", action="store_true", help="fit the end key into the size of the start key")
    command.add_argument("--seed", type=int, default=defaults.seed, help="another number, another try")
    command.add_argument("--guide-strength", type=float, default=defaults.guide_strength, help="0 ignores guides")
    command.add_argument("--no-arcs", action="store_true", help="straight paths instead of arcs through guides")
    command.add_argument("--sheet", type=Path, metavar="PNG", help="also write a contact sheet")
    command.add_argument("--video", type=Path, metavar="FILE", help="also write an .mp4 or .gif")
    command.add_argument("--fps", type=float, default=12.0, help="frame rate of the video (default 12)")
    command.add_argument("--json", action="store_true", help="one JSON event a line instead of a progress bar")
    _add_model_settings(command, defaults)
    _add_engine_options(command)
    command.set_defaults(command=_inbetween)


def _add_model_settings(command: argparse.ArgumentParser, defaults: Settings) -> None:
    group = command.add_argument_group("what the tooncrafter engine's model is told")
    group.add_argument("--prompt", default=defaults.prompt, help="what is to be seen, in words")
    group.add_argument("--negative-prompt", default=defaults.negative_prompt, help="what is not to be seen")
    group.add_argument("--preset", choices=("quick", "balanced", "best"), default=defaults.preset)
    group.add_argument("--sampler", choices=("ddim", "dpm"), default=defaults.sampler, help="default: the preset's")
    group.add_argument("--steps", type=int, default=defaults.steps, help="denoising steps; 0: as the preset")
    group.add_argument(
        "--guidance", type=float, default=defaults.guidance, help="how strongly prompt and keys steer; 1: off"
    )
    group.add_argument(
        "--motion-speed",
        type=int,
        default=defaults.motion_speed,
        metavar="FPS",
        help="frame rate that the model is told, 1..30; a small number means large motion from frame to frame",
    )
    group.add_argument(
        "--guide-from",
        type=float,
        default=defaults.guide_from,
        help="guides lead from this part of denoising, 0..1",
    )
    group.add_argument("--guide-until", type=float, default=defaults.guide_until, help="… to this part of it")
    group.add_argument(
        "--no-flat-colours", action="store_true", help="leave even areas as the model paints them, not quite even"
    )


#: Option -> environment variable that carries it to the engine, also in other processes.
_ENGINE_OPTIONS = {
    "weights": MODEL_VARIABLE,
    "sketch_weights": SKETCH_ENCODER_VARIABLE,
    "device": DEVICE_VARIABLE,
    "memory": MEMORY_VARIABLE,
    "lora": LORA_VARIABLE,
}


def _add_engine_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the tooncrafter engine")
    group.add_argument("--weights", type=Path, metavar="FILE", help="the model's weights (default: the installed)")
    group.add_argument("--sketch-weights", type=Path, metavar="FILE", help="the sketch encoder's weights")
    group.add_argument("--lora", metavar="FILE[@STRENGTH]", help="what a show's training added (strength: 1)")
    group.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"), help="where to compute (default: auto)")
    group.add_argument(
        "--memory",
        choices=("auto", "resident", "staged", "sliced", "streamed"),
        help="from the fastest to the one that needs least (default: auto, by the memory that is free)",
    )


def _tell_engine(options: argparse.Namespace) -> None:
    for option, variable in _ENGINE_OPTIONS.items():
        value = getattr(options, option, None)
        if value is not None:
            os.environ[variable] = str(value)


def _inbetween(options: argparse.Namespace) -> int:
    from .jobs.picture_pair import PairRequest, draw_between

    settings = Settings(
        seed=options.seed,
        arcs=not options.no_arcs,
        guide_strength=options.guide_strength,
        guide_from=options.guide_from,
        guide_until=options.guide_until,
        prompt=options.prompt,
        negative_prompt=options.negative_prompt,
        preset=options.preset,
        motion_speed=options.motion_speed,
        guidance=options.guidance,
        sampler=options.sampler,
        steps=options.steps,
        flat_colours=not options.no_flat_colours,
    )
    request = PairRequest(
        start=options.start,
        end=options.end,
        times=_times(options.n, options.times),
        guides=_guides(options.guide),
        easing=Easing(options.easing),
        engine=options.engine,
        settings=settings,
        out=options.out,
        overwrite=options.overwrite,
        fit=options.fit,
        sheet=options.sheet,
        video=options.video,
        fps=options.fps,
    )
    written = draw_between(request, _listener(options.json, len(request.times)))
    if not options.json:
        print(f"{len(written)} in-betweens in {options.out}")
    return DONE


def _times(count: int | None, listed: str | None) -> tuple[float, ...]:
    if listed is not None:
        try:
            times = tuple(sorted(float(item) for item in listed.split(",")))
        except ValueError as error:
            raise UserError(
                "times-invalid", f"--times “{listed}” is not a list of numbers such as 0.25,0.5."
            ) from error
    else:
        count = 7 if count is None else count
        if not 1 <= count <= 1000:
            raise UserError("count-invalid", f"-n {count}: between 1 and 1000 in-betweens can be drawn.")
        times = tuple((index + 1) / (count + 1) for index in range(count))
    if any(not 0 < time < 1 for time in times):
        raise UserError(
            "times-invalid", "Every time must lie between 0 (start key) and 1 (end key), both excluded."
        )
    return times


def _guide(text: str) -> tuple[float, Path]:
    time, _, path = text.partition("=")
    try:
        value = float(time)
    except ValueError as error:
        raise UserError("guide-invalid", f"--guide “{text}” must look like 0.5=guide.png.") from error
    if not 0 < value < 1 or not path:
        raise UserError("guide-invalid", f"--guide “{text}”: the time must lie between 0 and 1, both excluded.")
    return value, Path(path)


def _guides(texts: Sequence[str]) -> dict[float, Path]:
    guides: dict[float, Path] = {}
    for text in texts:
        time, path = _guide(text)
        if time in guides:
            raise UserError("guide-invalid", f"--guide “{text}”: there is a guide at that time already.")
        guides[time] = path
    return guides


def _run(options: argparse.Namespace) -> int:
    from .contract.job import read_job
    from .jobs.run import run_job

    job = read_job(options.folder)
    result = run_job(options.folder, _listener(options.json, len(job.wanted)))
    if not options.json:
        print(f"{result.made} in-betweens drawn, {result.kept} were there, in {options.folder}")
    return DONE


def _batch(options: argparse.Namespace) -> int:
    from .commands.batch import BatchRequest, run_batch

    request = BatchRequest(
        root=options.folder,
        devices=options.device,
        scheduler=options.scheduler,
        share=options.share,
        strokes=options.strokes,
        as_json=options.json,
    )
    return DONE if run_batch(request) else FAILED


def _trace(options: argparse.Namespace) -> int:
    from .contract.job import read_job
    from .tracing import trace_job

    traced = trace_job(options.folder, _listener(options.json, len(read_job(options.folder).wanted)))
    if not options.json:
        print(f"{traced} in-betweens traced in {options.folder}")
    return DONE


def _listener(as_json: bool, total: int) -> Listen:
    from .commands.terminal import JsonListener, TerminalListener

    return JsonListener() if as_json else TerminalListener(total)


def _preview(options: argparse.Namespace) -> int:
    from .previews import preview_job

    preview_job(options.folder, options.sheet, options.video)
    return DONE


def _worker(options: argparse.Namespace) -> int:
    from .worker import main as serve

    return serve()


def _doctor(options: argparse.Namespace) -> int:
    from .doctor import report

    print(report())
    return DONE
