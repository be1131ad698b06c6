"""`tooncrafter dataset build|show` and `tooncrafter train STAGE CONFIG`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError

_DONE = 0

STAGES = {
    "rectify": "the prior learns cartoons: image-context projector and spatial layers",
    "decoder": "the dual-reference decoder",
    "sketch": "the sketch encoder",
    "prior": "the whole U-Net and projector; for a model from nothing",
    "autoencoder": "encoder and decoder on single pictures; for a model from nothing",
}


def add_training_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `dataset` and `train` to the command line."""
    dataset = commands.add_parser("dataset", help="films to training clips", allow_abbrev=False)
    actions = dataset.add_subparsers(required=True, metavar="ACTION")
    build = actions.add_parser(
        "build",
        help="cut films into clips",
        description="Cut everything in SOURCES (films, folders of numbered pictures, .blend files) into clips.",
        allow_abbrev=False,
    )
    build.add_argument("sources", type=Path, metavar="SOURCES")
    build.add_argument("dataset", type=Path, metavar="DATASET", help="folder to make")
    build.add_argument("--size", type=_size, default=(512, 320), metavar="WxH", help="of the pictures (512x320)")
    build.add_argument("--shortest", type=int, default=16, metavar="N", help="fewest frames of a clip (16)")
    build.add_argument("--held-out", type=float, default=0.05, metavar="SHARE", help="never trained on (0.05)")
    build.add_argument("--blender", default="blender", metavar="PATH", help="Blender with this add-on, for .blend")
    build.set_defaults(command=_build)

    show = actions.add_parser("show", help="tell what is in a dataset", allow_abbrev=False)
    show.add_argument("dataset", type=Path, metavar="DATASET")
    show.add_argument("--clips", action="store_true", help="one line for each clip and each stretch left out")
    show.add_argument("--sheet", type=Path, metavar="PNG", help="write a contact sheet")
    show.set_defaults(command=_show)

    train = commands.add_parser(
        "train",
        help="train one stage of the model",
        description="Train one stage as CONFIG says, from the newest state of its run on.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"{name:12} {what}" for name, what in STAGES.items()),
        allow_abbrev=False,
    )
    train.add_argument("stage", choices=list(STAGES), metavar="STAGE", help=", ".join(STAGES))
    train.add_argument("configuration", type=Path, metavar="CONFIG", help="YAML file (docs/training.md)")
    train.add_argument("--lora", type=int, metavar="RANK", help="rectify: learn low-rank changes only")
    train.add_argument("--steps", type=int, metavar="N", help="instead of those in the file")
    train.set_defaults(command=_train)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) >= 8 and int(height) >= 8):
        raise argparse.ArgumentTypeError(f"“{text}” is not a size such as 512x320")
    return int(width), int(height)


def _build(options: argparse.Namespace) -> int:
    with _needs_the_extra():
        from ..training.dataset.build import Wanted, build_dataset
        from ..training.dataset.show import summary
    if options.shortest < 2 or not 0 <= options.held_out < 1:
        raise UserError(
            "dataset-options",
            "--shortest must be at least 2, and --held-out at least 0 and below 1.",
            "Leave them out for what is usual.",
        )
    width, height = options.size
    wanted = Wanted(width, height, options.shortest, options.held_out, options.blender)

    def report(done: int, of: int, name: str) -> None:
        print(f"{done}/{of} {name}", file=sys.stderr)

    print(summary(build_dataset(options.sources, options.dataset, wanted, report)))
    return _DONE


def _show(options: argparse.Namespace) -> int:
    from ..training.dataset.show import describe, details, write_sheet

    print(describe(options.dataset))
    if options.clips:
        print(details(options.dataset))
    if options.sheet is not None:
        write_sheet(options.dataset, options.sheet)
    return _DONE


def _train(options: argparse.Namespace) -> int:
    with _needs_the_extra():
        from ..training.configuration import check_training, read_training
        from ..training.stages import train
    configuration = read_training(options.configuration)
    if options.lora is not None:
        if options.stage != "rectify":
            raise UserError("training-configuration", "--lora goes with `rectify` only.", "Leave it out.")
        configuration.lora.rank = options.lora
    if options.steps is not None:
        configuration.optimisation.steps = options.steps
    check_training(configuration, str(options.configuration))
    for path in train(options.stage, configuration, lambda line: print(line, file=sys.stderr)):
        print(path)
    return _DONE


@contextmanager
def _needs_the_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(
            "training-not-installed",
            f"Training needs packages that are not installed here ({error.name}).",
            "Install them: pip install 'tooncrafter-blender[tooncrafter,training]'",
        ) from error
