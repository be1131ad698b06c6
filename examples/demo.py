"""The whole way once: build an example shot, draw its in-betweens through the real add-on, show where they are.

    python examples/demo.py FOLDER        with Blender's Python module; `python tasks.py demo` prepares that

FOLDER receives the .blend file with the result, a contact sheet and a video; nothing that is there is replaced.
Reads TOONCRAFTER_PYTHON, the Python of the backend's environment.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from examples import checkout  # noqa: E402 - found only now

checkout.use_private_resources()

import bpy  # noqa: E402 - only after it has a configuration of its own

from examples import build  # noqa: E402


def main(folder: Path) -> int:
    """Run the demo into `folder` and return the exit code."""
    shot = _free_name(folder.resolve(), "penguin")
    shot.parent.mkdir(parents=True, exist_ok=True)
    repository = checkout.enable()
    bpy.context.preferences.filepaths.save_version = 0  # no .blend1 of the shot without its in-betweens
    try:
        build.save("penguin", shot)
        bpy.ops.wm.open_mainfile(filepath=str(shot))
        commands = importlib.import_module(f"{checkout.ADDON}.tooncrafter_blender.commands")
        code = commands.inbetween(["--import", "reference", "--save", str(shot), "--overwrite"])
        if code:
            return int(code)
    finally:
        checkout.disable(repository)
    job = max((shot.parent / f"{shot.stem}_inbetweens").iterdir())
    sheet, video = shot.with_suffix(".png"), shot.with_suffix(".gif")
    command = [
        os.environ["TOONCRAFTER_PYTHON"],
        "-m",
        "backend",
        "preview",
        job,
        "--sheet",
        sheet,
        "--video",
        video,
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    print(f"""
The in-betweens are drawn. Look at
  {sheet}    keys and in-betweens on one sheet
  {video}    the same in motion
  {shot}    the shot; open it in Blender {bpy.app.version_string[:3]} or newer and press Space
  {job}    the job: captured keys, guides and every drawing
Next: install the add-on in Blender, as README.md says, and do the same with your own drawing.""")
    return 0


def _free_name(folder: Path, stem: str) -> Path:
    """Return the first of stem.blend, stem_2.blend … that no earlier run has taken."""
    number, path = 1, folder / f"{stem}.blend"
    while path.exists():
        number += 1
        path = folder / f"{stem}_{number}.blend"
    return path


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
