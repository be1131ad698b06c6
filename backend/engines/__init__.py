"""Engines draw the pictures between two keys; this module is the face that they all share.

An engine hides everything about itself (its resolution, frame count, lack of alpha): the caller gets pictures of
the canvas size, with alpha, at exactly the wanted times. Nobody outside this package imports past this module.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..errors import UserError
from ..weights import find_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..contract.job import Job, Settings

    #: (height, width, 4) float32 in 0..1: sRGB-encoded colour, straight alpha, top row first.
    Picture = NDArray[np.float32]
    #: (height, width) float32 in 0..1: a line drawing of canvas size, 0 = line, 1 = paper.
    Lines = NDArray[np.float32]


@dataclass(frozen=True)
class Neighbour:
    """A key beyond the segment, for smooth arcs through the segment's own keys.

    time: on the segment's own scale (start key 0, end key 1), so negative before it and above 1 after it.
    """

    time: float
    picture: Picture


@dataclass(frozen=True)
class Interval:
    """What an engine is asked: two keys of one size and the times to draw, after easing.

    times: strictly between 0 and 1, ascending, no duplicates.
    guides: time -> line drawing of the pose at that time; times strictly between 0 and 1.
    before, after: the nearest keys outside the segment, if the job has them.
    start_lines, end_lines: the keys' own line drawings, where somebody has them: for colouring.
    anywhere: both keys are one coloured picture, and which of the line drawings it shows is not known.
    """

    start: Picture
    end: Picture
    times: tuple[float, ...]
    guides: Mapping[float, Lines] = field(default_factory=dict)
    before: Neighbour | None = None
    after: Neighbour | None = None
    start_lines: Lines | None = None
    end_lines: Lines | None = None
    anywhere: bool = False


@dataclass(frozen=True)
class Frame:
    """One finished in-between: one of the wanted times and its picture of canvas size."""

    time: float
    picture: Picture


class Report(Protocol):
    """How an engine speaks while it works. Every method may raise `Cancelled`; engines let it pass."""

    def stage(self, name: str) -> None:
        """Say what happens now, in a word or two a person understands ("finding motion")."""

    def progress(self, step: int, of: int) -> None:
        """Say how far this interval is: `step` of `of` equal steps are done."""

    def warn(self, sentence: str, *, time: float | None = None) -> None:
        """Say what could not be done, in one sentence; `time` names the guide or frame that it is about."""

    def note(self, key: str, value: object) -> None:
        """Record a fact for result.json (JSON-ready), such as which method a self-check chose."""

    def preview(self, pictures: Sequence[Picture]) -> None:
        """Show what is half made, so that a person can cancel early: small pictures in time order, of any size."""


class Engine(Protocol):
    """What `backend.jobs.run` needs of an engine."""

    name: str
    #: Part of what makes a frame: a change of it means that frames drawn before no longer match.
    version: str

    def inbetween(self, interval: Interval, settings: Settings, report: Report) -> Iterator[Frame]:
        """Yield one frame for each of `interval.times`, each as soon as it is ready, in any order."""

    def unload(self) -> None:
        """Free models and memory; the next call loads them again."""


@runtime_checkable
class ChecksJobs(Protocol):
    """An engine that cannot draw every job."""

    def check(self, job: Job) -> None:
        """Refuse, with a UserError and before any model loads, what this engine cannot draw as it is."""


#: Engine name -> one line that tells a person what it is.
ENGINES: Mapping[str, str] = {
    "draft": "Draft: instant, no graphics card needed",
    "tooncrafter": "ToonCrafter: diffusion model, needs its weights and a graphics card",
    "hold": "Hold: repeats the start key",
}


#: How a person tells the tooncrafter engine, in every process that draws, what it opens and where it computes.
MODEL_VARIABLE = "TOONCRAFTER_MODEL"
SKETCH_ENCODER_VARIABLE = "TOONCRAFTER_SKETCH_ENCODER"
DEVICE_VARIABLE = "TOONCRAFTER_DEVICE"
MEMORY_VARIABLE = "TOONCRAFTER_MEMORY"
LORA_VARIABLE = "TOONCRAFTER_LORA"


def _missing_for_tooncrafter() -> list[str]:
    packages = ("torch", "einops", "omegaconf", "open_clip", "safetensors", "cv2", "scipy")
    return [package for package in packages if find_spec(package) is None]


def _missing_weights() -> str:
    named = os.environ.get(MODEL_VARIABLE)
    try:
        find_weights("model", Path(named) if named else None)
    except UserError as error:
        return str(error)
    return ""


def engine_obstacles() -> dict[str, str]:
    """Return engine name -> "" if it can run in this environment, else the reason why not; loads nothing heavy."""
    obstacles = dict.fromkeys(ENGINES, "")
    if find_spec("cv2") is None or find_spec("scipy") is None:
        obstacles["draft"] = "OpenCV and SciPy are not installed in the drawing environment."
    if missing := _missing_for_tooncrafter():
        obstacles["tooncrafter"] = f"It needs packages that are not installed: {', '.join(missing)}."
    else:
        obstacles["tooncrafter"] = _missing_weights()
    return obstacles


def open_engine(name: str) -> Engine:
    """Return the engine of that name; heavy imports happen here.

    Raises UserError("engine-unknown") for a name that is not in `ENGINES` and UserError("engine-unavailable")
    when it cannot run in this environment, with the reason.
    """
    match name:
        case "draft":
            from .draft import DraftEngine

            return DraftEngine()
        case "hold":
            from .hold import HoldEngine

            return HoldEngine()
        case "tooncrafter":
            if missing := _missing_for_tooncrafter():
                raise UserError(
                    "engine-unavailable",
                    f"The ToonCrafter engine needs packages that are not installed: {', '.join(missing)}.",
                    "Install its part of the drawing environment, or choose the draft engine.",
                )
            from .tooncrafter.engine import ToonCrafterEngine

            return ToonCrafterEngine()
        case _:
            raise UserError(
                "engine-unknown",
                f"There is no engine called “{name}”.",
                f"Choose one of: {', '.join(ENGINES)}.",
            )
