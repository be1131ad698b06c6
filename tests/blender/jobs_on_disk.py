"""Job folders made by hand, and the backend's Python to run them: for tests of the queue without a scene."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from bl_ext.checkout.tooncrafter_blender.backend.contract import job as contract
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, Home, Queue
from PIL import Image, ImageDraw

from tests.patience import wait_until

ROOT = Path(__file__).resolve().parents[2]
_VENV = ROOT / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

#: What the add-on asks first for the backend's Python; whoever runs the tests may have set it.
os.environ.setdefault("TOONCRAFTER_PYTHON", str(_VENV))
PYTHON = Path(os.environ["TOONCRAFTER_PYTHON"])


def make_job(folder: Path, *keys: int, engine: str = "hold", size: tuple[int, int] = (64, 40)) -> contract.Job:
    """Write a job with a disc that moves from key to key, on ones; return it."""
    (folder / contract.KEYS_FOLDER).mkdir(parents=True)
    width, height = size
    for index, frame in enumerate(keys):
        picture = Image.new("RGBA", size)
        x = width * (0.2 + 0.6 * index / max(1, len(keys) - 1))
        radius = height / 4
        disc = (x - radius, height / 2 - radius, x + radius, height / 2 + radius)
        ImageDraw.Draw(picture).ellipse(disc, fill=(230, 69, 59, 255), outline=(20, 20, 30, 255), width=2)
        picture.save(folder / contract.KEYS_FOLDER / contract.picture_name(frame))
    segments = tuple(
        contract.Segment(_key(start), _key(end), tuple(range(start + 1, end))) for start, end in pairwise(keys)
    )
    job = contract.Job(contract.new_id(), engine, contract.Canvas(width, height, 12.0), segments)
    contract.write_job(folder, job)
    return job


def make_entry(folder: Path, *keys: int, engine: str = "hold", size: tuple[int, int] = (64, 40)) -> Entry:
    """A job on disk and its place in a queue."""
    job = make_job(folder, *keys, engine=engine, size=size)
    return Entry(job, folder, Home("", "", "Scene", 0, "Art"), "none")


def frames_of(folder: Path) -> dict[str, int]:
    """Finished frames by name, with their times of writing."""
    return {path.name: path.stat().st_mtime_ns for path in sorted((folder / "frames").glob("*.png"))}


def _key(frame: int) -> contract.Picture:
    return contract.Picture(frame, f"{contract.KEYS_FOLDER}/{contract.picture_name(frame)}")


def poll_until(queue: Queue, happened: Callable[[], object]) -> None:
    """Hear what the worker says until it has happened."""
    wait_until(happened, lambda: queue.poll(wait_seconds=0.05))
