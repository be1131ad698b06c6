"""Which Python the backend runs in: one that the person names, else the private one. Never Blender's own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy

from ...backend.environment import Level, Plan, Standing, TorchBuild, core_plan, diffusion_plan, standing
from ...backend.errors import UserError
from ..jobs.queue import ROOT, queue
from ..settings.preferences import EXTENSION, Preferences
from .installation import Wish

#: Names an interpreter to use before any other: for developers, tests and farms.
PYTHON_VARIABLE = "TOONCRAFTER_PYTHON"


def data_folder(name: str) -> Path:
    """Return a writable folder of the add-on's own; not created. The extension's own folder dies with updates."""
    try:
        return Path(bpy.utils.extension_path_user(EXTENSION, path=name))
    except ValueError:  # not installed as an extension
        return Path(bpy.utils.user_resource("DATAFILES", path=str(Path("tooncrafter_blender") / name)))


def home() -> Path:
    """Return the folder of the private environment."""
    return data_folder("environment")


def own_python(preferences: Preferences) -> Path | None:
    """Return the interpreter that the person names, by variable or preference; None for the private environment.

    Raises UserError("backend-missing") when it is not there.
    """
    if named := os.environ.get(PYTHON_VARIABLE):
        return _existing(
            Path(named), f"The variable {PYTHON_VARIABLE} names", "Correct the variable, or remove it."
        )
    if preferences.backend_python:
        chosen = Path(bpy.path.abspath(preferences.backend_python))
        return _existing(chosen, "The preferences name", "Correct “Backend Python” in the add-on's preferences.")
    return None


def plan_of(level: Level, preferences: Preferences) -> Plan:
    """Return what the environment of a level is to be, on this Blender's interpreter."""
    interpreter = Path(sys.executable)
    if level is Level.CORE:
        return core_plan(ROOT, interpreter)
    return diffusion_plan(ROOT, interpreter, TorchBuild(preferences.torch_build))


def standing_of(level: Level, preferences: Preferences, *, thorough: bool = False) -> Standing:
    """Tell whether a level of the private environment can be used."""
    return standing(home(), plan_of(level, preferences), thorough=thorough)


def find_python(preferences: Preferences, engine: str, *, thorough: bool = False) -> Path | None:
    """Return the Python to run an engine in; None when the private environment has to be made first.

    thorough: look at every file of it, for when something went wrong before. Raises UserError("backend-missing")
    when the Python that the person named is not there, and when an engine that is large must be installed by hand.
    """
    if own := own_python(preferences):
        return own
    for level in (Level.DIFFUSION, Level.CORE):
        if python := standing_of(level, preferences, thorough=thorough).python:
            return python
        if level is Level.DIFFUSION and engine == "tooncrafter":
            raise UserError(
                "backend-missing",
                f"The ToonCrafter engine cannot be used. {standing_of(level, preferences).reason}",
                "Install it in the add-on's preferences, or choose the draft engine.",
                bad_input=False,
            )
    return None


def backend_python(preferences: Preferences) -> Path:
    """Return the interpreter of the backend as it is now.

    Raises UserError("backend-missing") with what to do when there is none.
    """
    python = find_python(preferences, "draft")
    if python is None:
        raise UserError(
            "backend-missing",
            "The drawing engine is not installed yet.",
            "Press Install in the add-on's preferences.",
            bad_input=False,
        )
    return python


def begin_setup(level: Level, preferences: Preferences, *, anew: bool = False) -> None:
    """Make or repair a level in the background; `jobs.queue.setup` tells how it goes."""
    queue.setup.begin(Wish(plan_of(level, preferences), home(), bpy.app.online_access, anew))


def _existing(python: Path, who: str, hint: str) -> Path:
    if not python.is_file():
        raise UserError(
            "backend-missing", f"{who} “{python}” as the drawing engine's Python, which is not there.", hint
        )
    return python
