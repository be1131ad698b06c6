"""Fetches the installer's wheels that `wheels.lock` names into this folder, through pip and its settings.

    python wheels/fetch.py [PLATFORM …]     all platforms of the lock when none is named

A wheel that is here already and has the right hash is not fetched again. Python 3.11 and nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Wheel:
    """One line of the lock. tag: the platform tag that pip is to choose it by."""

    name: str
    version: str
    file: str
    tag: str
    sha256: str


def read_lock(path: Path = FOLDER / "wheels.lock") -> dict[str, Wheel]:
    """Return Blender's platform name -> wheel."""
    lock = tomllib.loads(path.read_text(encoding="utf-8"))
    return {platform: Wheel(lock["name"], lock["version"], **wheel) for platform, wheel in lock["wheels"].items()}


def is_here(wheel: Wheel, folder: Path = FOLDER) -> bool:
    """Tell whether the wheel lies in `folder`, complete and unchanged."""
    path = folder / wheel.file
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == wheel.sha256


def fetch(wheel: Wheel, pip: Sequence[str], folder: Path = FOLDER) -> None:
    """Put one wheel in its place once it is whole; CalledProcessError when pip has none with its hash."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as temporary:
        pinned = Path(temporary) / "pinned.txt"
        pinned.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="ascii")
        command = [*pip, "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--platform", wheel.tag]
        command += ["--require-hashes", "--requirement", str(pinned), "--dest", temporary]
        subprocess.run(command, check=True)
        (Path(temporary) / wheel.file).replace(folder / wheel.file)


@contextmanager
def find_pip() -> Iterator[list[str]]:
    """Give a command that runs pip: this Python's own, or that of a passing environment where it has none."""
    if find_spec("pip"):
        yield [sys.executable, "-m", "pip"]
        return
    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run([sys.executable, "-m", "venv", temporary], check=True)
        scripts = "Scripts" if sys.platform == "win32" else "bin"
        yield [str(Path(temporary) / scripts / "python"), "-m", "pip"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the wheels of the platforms named on the command line."""
    lock = read_lock()
    parser = argparse.ArgumentParser(description="Fetch the installer's wheels that wheels.lock names.")
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help=", ".join(lock))
    platforms = parser.parse_args(arguments).platforms or list(lock)
    if unknown := sorted(set(platforms) - set(lock)):
        parser.error(f"wheels.lock knows no platform {', '.join(unknown)}; it knows {', '.join(lock)}")
    missing = [lock[platform] for platform in platforms if not is_here(lock[platform])]
    try:
        if missing:
            with find_pip() as pip:
                for wheel in missing:
                    fetch(wheel, pip)
    except subprocess.CalledProcessError as error:
        print(f"fetch.py: this command failed: {subprocess.list2cmdline(error.cmd)}", file=sys.stderr)
        return 1
    print("\n".join(lock[platform].file for platform in platforms))
    return 0


if __name__ == "__main__":
    sys.exit(main())
