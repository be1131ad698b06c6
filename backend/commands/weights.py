"""`tooncrafter weights status|import|download`: what is there, and how the published files become it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError

if TYPE_CHECKING:
    from argparse import ArgumentParser, _SubParsersAction

    from ..weights import Weights

#: What the published files are called, here and by others; a folder is searched for them, in this order.
_MODELS = ("model.ckpt", "tooncrafter_512_interp-fp16.safetensors")
_SKETCH_ENCODERS = ("sketch_encoder.ckpt",)
_TEXT_TOWERS = ("stable-diffusion-2-1-clip-fp16.safetensors", "stable-diffusion-2-1-clip.safetensors")
_VISION_TOWERS = ("CLIP-ViT-H-fp16.safetensors", "CLIP-ViT-H-14-laion2B-s32B-b79K.safetensors")
_OPEN_CLIP = ("open_clip_pytorch_model.bin", "open_clip_model.safetensors")
_TELL_SECONDS = 0.25


def add_weights_command(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command to the command line."""
    weights = commands.add_parser("weights", help="the ToonCrafter engine's model", allow_abbrev=False)
    actions = weights.add_subparsers(required=True, metavar="ACTION")

    status = actions.add_parser("status", help="what is there and what is missing", allow_abbrev=False)
    status.add_argument("--json", action="store_true", help="as one JSON object")
    status.set_defaults(command=_status)

    taking = actions.add_parser("import", help="take a downloaded checkpoint", allow_abbrev=False)
    taking.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="checkpoint, or a folder to search for it"
    )
    taking.add_argument("--precision", choices=("fp16", "bf16"), default="fp16")
    taking.add_argument("--variant", type=Path, metavar="YAML", help="configuration of a model of other sizes")
    taking.add_argument("--name", help="call the weights so")
    taking.add_argument("--replace", action="store_true", help="replace other weights of that name")
    taking.add_argument("--json", action="store_true", help="progress as JSON lines")
    taking.set_defaults(command=_import)

    fetching = actions.add_parser("download", help="fetch the published checkpoint and take it", allow_abbrev=False)
    fetching.add_argument("kinds", nargs="*", metavar="WHAT", help="model, sketch-encoder (default: model)")
    fetching.add_argument("--mirror", default="", metavar="ADDRESS", help="fetch from here instead")
    fetching.add_argument("--keep", action="store_true", help="keep the checkpoint after taking it")
    fetching.add_argument("--json", action="store_true", help="progress as JSON lines")
    fetching.set_defaults(command=_download)


def status() -> dict[str, object]:
    """Return what is installed and what could be, JSON-ready."""
    from ..weights import find_weights, list_weights, weights_folder
    from ..weights_download import CHECKPOINTS, part_of

    kinds: dict[str, object] = {}
    for kind, published in CHECKPOINTS.items():
        try:
            found: Weights | None = find_weights("sketch-encoder" if kind == "sketch-encoder" else "model")
            problem = ""
        except UserError as error:
            found, problem = None, "" if error.code == "weights-missing" else str(error)
        kinds[kind] = {
            "title": published.title,
            "installed": found is not None,
            "problem": problem,
            "bytes": found.size if found else 0,
            "precision": found.precision if found else "",
            "sha256": found.sources[0].sha256 if found and found.sources else "",
            "download_bytes": published.bytes,
            "downloaded_bytes": part_of(published, _downloads()),
        }
    return {"folder": str(weights_folder()), "kinds": kinds, "files": [str(one.path) for one in list_weights()]}


def _status(options: argparse.Namespace) -> int:
    found = status()
    if options.json:
        print(json.dumps(found))
        return 0
    print(f"Weights in {found['folder']}")
    kinds = found["kinds"]
    assert isinstance(kinds, dict)
    for kind, facts in kinds.items():
        if facts["installed"]:
            line = f"installed, {facts['bytes'] / 1e9:.1f} GB, {facts['precision']}, from {facts['sha256'][:16]}…"
        else:
            begun = (
                f", {facts['downloaded_bytes'] / 1e9:.1f} GB of it are here" if facts["downloaded_bytes"] else ""
            )
            line = facts["problem"] or f"missing; a download of about {facts['download_bytes'] / 1e9:.1f} GB{begun}"
        print(f"  {kind:<16}{line}")
    return 0


def _import(options: argparse.Namespace) -> int:
    from ..weights import import_checkpoint

    for group in _groups(options.files):
        made = import_checkpoint(
            group,
            precision=options.precision,
            variant=options.variant,
            name=options.name,
            replace=options.replace,
            report=_Telling(options.json).share,
        )
        _told_done(made, options.json)
    return 0


def _groups(paths: Sequence[Path]) -> list[list[Path]]:
    """Return the files to import together: as named, or as found in the one folder that is named."""
    if not any(path.is_dir() for path in paths):
        return [list(paths)]
    if len(paths) > 1:
        raise UserError("usage", "A folder is searched alone.", "Name one folder, or files.")
    groups = _search(paths[0])
    if not groups:
        raise UserError(
            "checkpoint-missing",
            f"There is no ToonCrafter checkpoint in “{paths[0]}”.",
            f"Name the file itself. Known names: {', '.join((*_MODELS, *_SKETCH_ENCODERS))}.",
        )
    return groups


def _search(folder: Path) -> list[list[Path]]:
    """Find checkpoints below a folder, such as another program's folder of models."""
    by_name = {path.name: path for path in sorted(folder.rglob("*")) if path.is_file()}

    def first(names: Sequence[str]) -> list[Path]:
        return next(([by_name[name]] for name in names if name in by_name), [])

    groups = []
    if model := first(_MODELS):
        pruned = model[0].suffix == ".safetensors"
        towers = (first(_OPEN_CLIP) or [*first(_TEXT_TOWERS), *first(_VISION_TOWERS)]) if pruned else []
        groups.append([*model, *towers])
    if sketch := first(_SKETCH_ENCODERS):
        groups.append(sketch)
    return groups


def _download(options: argparse.Namespace) -> int:
    from ..weights import import_checkpoint
    from ..weights_download import CHECKPOINTS, address_of, download

    kinds = options.kinds or ["model"]
    if unknown := [kind for kind in kinds if kind not in CHECKPOINTS]:
        raise UserError(
            "usage", f"There is nothing called {', '.join(unknown)}.", f"Known: {', '.join(CHECKPOINTS)}."
        )
    for kind in kinds:
        published = CHECKPOINTS[kind]
        if not options.json:
            print(f"{published.title} from {address_of(published, options.mirror)}", file=sys.stderr)
        telling = _Telling(options.json)
        file = download(published, _downloads(), telling, mirror=options.mirror)
        made = import_checkpoint([file], report=telling.share)
        if not options.keep:
            file.unlink()
        _told_done(made, options.json)
    return 0


def _downloads() -> Path:
    from ..weights import weights_folder

    return weights_folder() / "downloads"


def _told_done(made: Weights, as_json: bool) -> None:
    if as_json:
        print(
            json.dumps({"event": "done", "path": str(made.path), "kind": made.kind, "bytes": made.size}), flush=True
        )
    else:
        print(f"\r{made.path}: {made.kind}, {made.size / 1e9:.1f} GB")


class _Telling:
    """Tells progress, a few times a second, as a line on a terminal or as JSON lines."""

    def __init__(self, as_json: bool) -> None:
        self._as_json, self._told_at = as_json, 0.0

    def progress(self, done: int, of: int, bytes_per_second: float, seconds_left: float) -> None:
        """Tell how a download goes."""
        left = f", {_duration(seconds_left)} left" if seconds_left >= 0 else ""
        self._tell(
            f"{done / 1e9:.2f} of {of / 1e9:.2f} GB, {bytes_per_second / 1e6:.1f} MB/s{left}",
            done >= of,
            event="download",
            done=done,
            of=of,
            rate=round(bytes_per_second),
            seconds_left=round(seconds_left, 1),
        )

    def share(self, doing: str, share: float) -> None:
        """Tell how an import goes."""
        self._tell(f"{doing} {share:.0%}", share >= 1, event="import", doing=doing, share=round(share, 4))

    def _tell(self, line: str, last: bool, **event: object) -> None:
        now = time.monotonic()
        if now - self._told_at < _TELL_SECONDS and not last:
            return
        self._told_at = now
        if self._as_json:
            print(json.dumps(event), flush=True)
        else:
            print(f"\r{line:<70}", end="", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
