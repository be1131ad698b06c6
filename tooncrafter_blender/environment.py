"""The Python environment that the backend runs in; Blender's own is never touched."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy

from ..backend.errors import UserError
from .preferences import EXTENSION, Preferences

#: Names an interpreter to use before any other: for developers, tests and farms.
PYTHON_VARIABLE = "TOONCRAFTER_PYTHON"


def data_folder(name: str) -> Path:
    """Return a writable folder of the add-on's own; not created. The extension's own folder dies with updates."""
    try:
        return Path(bpy.utils.extension_path_user(EXTENSION, path=name))
    except ValueError:  # not installed as an extension
        return Path(bpy.utils.user_resource("DATAFILES", path=str(Path("tooncrafter_blender") / name)))


def private_python() -> Path:
    """Return where the interpreter of the private environment is, or would be."""
    core = data_folder("environment") / "core"
    return core / "Scripts" / "python.exe" if sys.platform == "win32" else core / "bin" / "python"


def backend_python(preferences: Preferences) -> Path:
    """Return the interpreter of the backend: the variable's, else the chosen one, else the private one.

    Raises UserError("backend-missing") with where to look when it is not there.
    """
    if named := os.environ.get(PYTHON_VARIABLE):
        return _existing(
            Path(named), f"The variable {PYTHON_VARIABLE} names", "Correct the variable, or remove it."
        )
    if preferences.backend_python:
        chosen = Path(bpy.path.abspath(preferences.backend_python))
        return _existing(chosen, "The preferences name", "Correct “Backend Python” in the add-on's preferences.")
    python = private_python()
    if not python.is_file():
        raise UserError(
            "backend-missing",
            "The drawing engine is not installed yet.",
            "Set “Backend Python” in the add-on's preferences to a Python that has its requirements.",
            bad_input=False,
        )
    return python


def _existing(python: Path, who: str, hint: str) -> Path:
    if not python.is_file():
        raise UserError(
            "backend-missing", f"{who} “{python}” as the drawing engine's Python, which is not there.", hint
        )
    return python
