"""Another Blender in a window on the same screen, with the same file open: it draws at the same time, and crashes.

`Second` starts it from a driver. What it has come to it writes into a file, a line each, which the driver reads.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy

from examples import checkout
from tests.gui import driver
from tests.gui.driver import Story, wait_until

_FILE, _PLACE = "SECOND_FILE", "SECOND_PLACE"


class Second:
    """Starts the other Blender with `file`, beside which `place` is a folder for what it leaves behind."""

    def __init__(self, file: Path, place: Path) -> None:
        self._place = place
        for folder in ("temporary", "resources"):
            (place / folder).mkdir(parents=True)
        environment = os.environ | {
            _FILE: str(file),
            _PLACE: str(place),
            "TMPDIR": str(place / "temporary"),
            "BLENDER_USER_RESOURCES": str(place / "resources"),
        }
        command = [bpy.app.binary_path, "--factory-startup", "--window-geometry", "0", "0", "700", "500"]
        command += ["--no-window-focus", "--python-exit-code", "3", "--python", __file__]
        self.log = driver.OUT / "second.log"
        with self.log.open("wb") as stream:
            self.process = subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT)

    def said(self, word: str) -> str:
        """What it has said after that word; "" while it has not."""
        path = self._place / "said.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        return next(
            (rest or word for first, _, rest in (line.partition(" ") for line in lines) if first == word), ""
        )

    def go(self) -> None:
        """Let it begin to draw."""
        (self._place / "go").touch()

    def ended(self) -> bool:
        return self.process.poll() is not None

    def recovery(self) -> Path:
        """The file that Blender had saved by itself before it crashed."""
        return next((self._place / "temporary").glob("*_autosave.blend"))


def story() -> Story:
    file, place = os.environ[_FILE], Path(os.environ[_PLACE])

    def tell(word: str, *rest: object) -> None:
        with (place / "said.txt").open("a") as stream:
            stream.write(" ".join(map(str, (word, *rest))) + "\n")

    def begin() -> Any:
        settings = driver.window().scene.inbetween
        settings.engine, settings.import_as = "draft", "reference"
        with bpy.context.temp_override(window=driver.window()):
            assert bpy.ops.inbetween.generate() == {"FINISHED"}
        return importlib.import_module(f"{checkout.ADDON}.tooncrafter_blender.jobs.queue").queue.entries[-1]

    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.wm.open_mainfile(filepath=file)
    bpy.context.preferences.filepaths.use_auto_save_temporary_files = True
    bpy.context.preferences.filepaths.auto_save_time = 1  # minutes; less it cannot be
    tell("ready")
    yield from wait_until((place / "go").exists)
    entry = begin()
    yield from wait_until(lambda: any(obj.get("inbetween_job") == entry.job.id for obj in bpy.data.objects))
    tell("shown", entry.folder)
    for earlier in (place / "temporary").glob("*_autosave.blend"):
        earlier.unlink()
    yield from wait_until(lambda: list((place / "temporary").glob("*_autosave.blend")))
    driver.window().scene.render.resolution_percentage = 300  # so that the crash comes in mid-job
    entry = begin()
    queue = importlib.import_module(f"{checkout.ADDON}.tooncrafter_blender.jobs.queue").queue
    yield from wait_until(lambda: any((entry.folder / "frames").glob("[0-9]*.png")))
    os.kill(queue.worker_pid, signal.SIGSTOP)  # however fast the machine is; whoever sees the crash thaws it
    tell("crashing", queue.worker_pid, entry.folder)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    driver.run(story)
