"""The page in a real browser: the tests of this folder, with a mouse, a clipboard and downloads.

    python -m tests.browser [--browser CHROMIUM] [--out DIR] [--keep] [PYTEST ARGUMENTS]

Takes the Chromium or Chrome that is named, else the one on PATH, else one in a folder of its own
(tests/debian_folder.py). Where none of them is possible, says so and ends with exit code 0. --keep: pictures that
the documentation shows go to docs/img.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PICTURES = ROOT / "docs" / "img"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests; return 0 when everything passed or nothing can run here."""
    parser = argparse.ArgumentParser(
        prog="python tasks.py browser", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--browser", help="an executable")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "browser", help="for pictures")
    parser.add_argument("--keep", action="store_true", help="renew the pictures in docs/img")
    options, rest = parser.parse_known_args(arguments)
    out = options.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    start = _start(options.browser, out)
    if isinstance(start, str):
        print(f"The tests in a browser {'cannot run' if options.browser else 'are skipped'}: {start}.")
        return 2 if options.browser else 0
    browser, before = start
    settings = [f"TEST_BROWSER={browser}", f"TEST_BROWSER_OUT={out}"]
    tests = [sys.executable, "-m", "pytest", str(HERE), *rest]
    code = subprocess.run([*before, *settings, *tests], cwd=ROOT).returncode
    if options.keep:
        for picture in out.glob("*.png"):
            if (PICTURES / picture.name).exists():
                shutil.copy(picture, PICTURES)
    return code


def _start(named: str | None, out: Path) -> tuple[str, list[str]] | str:
    """Return the browser and the start of a command line beside it, or why there is none. out: is seen there."""
    if named and shutil.which(named) is None:
        return f"there is no program “{named}”"
    if found := named or next((found for name in NAMES if (found := shutil.which(name))), None):
        return found, ["env"]
    try:
        from tests import debian_folder  # not on Windows
    except ImportError:
        return "there is no Chromium here; name one with --browser"
    if why_not := debian_folder.why_not():
        return f"there is no Chromium here, and a folder with one cannot be made: {why_not}"
    folder = debian_folder.BROWSER
    try:
        debian_folder.make(folder, lambda words: print(words, flush=True))
    except RuntimeError as error:
        return str(error)
    shown = [ROOT, out, *debian_folder.needed_by_python(Path(sys.executable))]
    return "/usr/bin/chromium", debian_folder.entered(folder.place, shown, ["env"], ROOT)


if __name__ == "__main__":
    sys.exit(main())
