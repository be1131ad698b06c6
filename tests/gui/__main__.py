"""All drivers in Blender's real window, and what depends on Blender's version in the same Blender.

    python -m tests.gui [DRIVER …] [--blender BLENDER] [--python PYTHON] [--out DIR] [--keep]

Takes the Blender that is named, else the one on PATH, else one in a folder of its own (tests/debian_folder.py).
Where none of them is possible, says so and ends with exit code 0. DRIVER: panel for drive_panel.py; without one
all, and then the tests of results in Blender without a window, too. --keep: pictures that the
documentation shows go to docs/img.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.gui import window

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PICTURES = ROOT / "docs" / "img"
#: The oldest Blender that the add-on works in.
_OLDEST = (4, 5)
#: Drivers for other occasions: one needs the extension's package, one takes long and breaks things.
_APART = {"setup", "faults"}
#: What is written differently for each version of Blender.
_TESTS = (
    "test_colouring.py",
    "test_remembered.py",
    "test_results.py",
    "test_strokes.py",
    "test_showing.py",
    "test_smooth_strip.py",
    "test_transitions.py",
)


@dataclass(frozen=True)
class House:
    """Where Blender runs: on this system (place None), or inside a folder."""

    blender: str
    place: Path | None
    python: Path

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command line that runs Python's `arguments` beside Blender."""
        if self.place is None:
            return [sys.executable, *map(str, arguments)]
        from tests import debian_folder

        shown = [ROOT, *debian_folder.needed_by_python(self.python)]
        return debian_folder.entered(self.place, shown, ["/usr/bin/python3", *arguments], ROOT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; return 0 when everything passed or nothing can run here."""
    parser = argparse.ArgumentParser(
        prog="python tasks.py gui", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("drivers", nargs="*", metavar="DRIVER", help=f"one of {', '.join(_drivers())}")
    parser.add_argument("--blender", help="an executable")
    parser.add_argument("--python", type=Path, default=window.PYTHON, help="the backend's")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gui", help="for pictures and logs")
    parser.add_argument("--keep", action="store_true", help="renew the pictures in docs/img")
    options = parser.parse_args(arguments)
    if unknown := set(options.drivers) - set(_drivers()):
        parser.error(f"there is no driver {', '.join(sorted(unknown))}; there are {', '.join(_drivers())}")
    house = _house(options.blender, options.python)
    if isinstance(house, str):
        print(f"{'The GUI tests cannot run' if options.blender else 'The GUI tests are skipped'}: {house}.")
        return 2 if options.blender else 0
    codes = {}
    for name in options.drivers or [name for name in _drivers() if name not in _APART]:
        out = options.out.resolve() / name
        shutil.rmtree(out, ignore_errors=True)
        driver = [HERE / f"drive_{name}.py", out, "--blender", house.blender, "--python", options.python]
        codes[name] = _run(name, house.command(HERE / "window.py", *driver))
        if options.keep:
            _keep(out)
    if not options.drivers:
        told = [house.blender, options.python, window.SHADERS, *_TESTS]
        codes["results"] = _run("results", house.command("-c", _BACKGROUND, *told))
    failed = [name for name, code in codes.items() if code]
    print(f"Failed: {', '.join(failed)}." if failed else "All passed.")
    return 1 if failed else 0


#: Blender without a window, with a configuration of its own.
_BACKGROUND = """
import os, subprocess, sys, tempfile
blender, python, shaders, *tests = sys.argv[1:]
with tempfile.TemporaryDirectory() as home:
    env = os.environ | {"BLENDER_USER_RESOURCES": home, "TOONCRAFTER_PYTHON": python}
    env |= {"LIBGL_ALWAYS_SOFTWARE": "1", "MESA_SHADER_CACHE_DIR": shaders}
    start = [blender, "-b", "--factory-startup", "-P", "tests/blender/run_in_blender.py", "--", "-q"]
    start += ["-W", "ignore::DeprecationWarning", *(f"tests/blender/{test}" for test in tests)]
    sys.exit(subprocess.run(start, env=env).returncode)
"""


def _house(blender: str | None, python: Path) -> House | str:
    """Return where to run, or why nowhere."""
    found = blender or _on_path()
    missing = [tool for tool in window.TOOLS if shutil.which(tool) is None]
    if found and not missing:
        return House(found, None, python)
    if blender:
        return f"these programs are not installed: {', '.join(missing)}"
    try:
        from tests import debian_folder  # not on Windows
    except ImportError:
        return "there is no Blender with Xvfb, xdotool and ImageMagick here"
    if why_not := debian_folder.why_not():
        return (
            "there is no Blender with Xvfb, xdotool and ImageMagick here, and a folder with one cannot be made: "
            + why_not
        )
    try:
        debian_folder.make(debian_folder.BLENDER, lambda words: print(words, flush=True))
    except RuntimeError as error:
        return str(error)
    return House("blender", debian_folder.BLENDER.place, python)


def _on_path() -> str | None:
    """Return Blender's executable on PATH, if it is new enough."""
    found = shutil.which("blender")
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
    version = re.search(r"^Blender (\d+)\.(\d+)", said, re.MULTILINE)
    return found if version and (int(version[1]), int(version[2])) >= _OLDEST else None


def _drivers() -> list[str]:
    return sorted(path.stem.removeprefix("drive_") for path in HERE.glob("drive_*.py"))


def _run(name: str, command: Sequence[str]) -> int:
    print(f"--- {name}", flush=True)
    began = time.monotonic()
    code = subprocess.run(command, cwd=ROOT).returncode
    print(
        f"--- {name}: {'passed' if code == 0 else f'exit code {code}'} in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return code


def _keep(out: Path) -> None:
    for picture in out.glob("*.png"):
        if (PICTURES / picture.name).exists():
            shutil.copy(picture, PICTURES)


if __name__ == "__main__":
    sys.exit(main())
