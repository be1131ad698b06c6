"""Builds the extension: one zip for each platform, with Blender's own builder, the same bytes every time.

    python release/build.py OUT [PLATFORM …]     in a Python that has the `bpy` wheel; wheels fetched before

What goes in is listed here, so that nothing gets in by accident. The installer's wheel goes in as a plain file and
not under the manifest's `wheels`: Blender unpacks those without the executable bit, into a folder that it shares
between extensions, where another one's version may win. The add-on unpacks and checks its own.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from wheels.fetch import Wheel, is_here, read_lock  # noqa: E402 - a script, found only once the root is known

#: Files of the extension, as patterns from the root; everything else stays out.
CONTENTS = (
    "__init__.py",
    "LICENSE",
    "README.md",
    "tooncrafter_blender/**/*.py",
    "backend/**/*.py",
    "backend/**/*.yaml",
    "requirements/core.txt",
    "requirements/tooncrafter.txt",
    "requirements/torch.txt",
    "wheels/wheels.lock",
)
MANIFEST = "blender_manifest.toml"
#: What the zip format can say at the earliest; the same on every machine.
TIME = 315_532_800 + 86_400
MAX_BYTES = 25_000_000


def contents() -> list[str]:
    """Return the extension's files, wheel and manifest excepted, as sorted paths from the root with slashes."""
    found = {path.relative_to(ROOT).as_posix() for pattern in CONTENTS for path in ROOT.glob(pattern)}
    return sorted(found)


def build(platform: str, wheel: Wheel, out: Path, builder: Path) -> Path:
    """Build and validate the zip of one platform in the folder `out`; return its path.

    CalledProcessError when Blender's builder refuses, ValueError when the zip is too large.
    """
    version = tomllib.loads((ROOT / MANIFEST).read_text(encoding="utf-8"))["version"]
    target = out / f"tooncrafter_blender-{version}-{platform}.zip"
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary) / "extension"
        files = [*contents(), f"wheels/{wheel.file}"]
        for name in files:
            _place((ROOT / name).read_bytes(), stage / name)
        manifest = "\n".join(_manifest_lines(platform, files)) + "\n"
        _place(manifest.encode("utf-8"), stage / MANIFEST)
        built = Path(temporary) / target.name
        _run(builder, "build", "--source-dir", str(stage), "--output-filepath", str(built))
        _run(builder, "validate", str(built))
        if built.stat().st_size > MAX_BYTES:
            raise ValueError(f"{target.name} has {built.stat().st_size} bytes; at most {MAX_BYTES} are allowed")
        out.mkdir(parents=True, exist_ok=True)
        shutil.move(built, target)
    return target


def find_builder() -> Path:
    """Return Blender's own extension tool from the `bpy` wheel of this Python."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        sys.exit("build.py: this Python has no bpy wheel, whose builder is needed")
    tools = sorted(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not tools:
        sys.exit("build.py: this bpy wheel comes without Blender's extension tool")
    return tools[-1]


def _manifest_lines(platform: str, files: Sequence[str]) -> Iterator[str]:
    """The manifest for one platform: `platforms` named, and `[build]` with the very files, in order."""
    lines = (ROOT / MANIFEST).read_text(encoding="utf-8").splitlines()
    first_table = next(index for index, line in enumerate(lines) if line.startswith("["))
    build = lines.index("[build]")
    after_build = next(
        (i for i, line in enumerate(lines[build + 1 :], build + 1) if line.startswith("[")), len(lines)
    )
    yield from lines[:first_table]
    yield f'platforms = ["{platform}"]'
    yield ""
    yield from lines[first_table:build]
    yield from lines[after_build:]
    yield "[build]"
    yield "paths = ["
    yield from (f'  "{name}",' for name in files)
    yield "]"


def _place(content: bytes, path: Path) -> None:
    """Write a file with the one time and mode that all files of the zip have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)
    os.utime(path, (TIME, TIME))


def _run(builder: Path, *arguments: str) -> None:
    environment = os.environ | {"TZ": "UTC"}  # the zip format keeps local times
    subprocess.run([sys.executable, str(builder), *arguments], env=environment, check=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the zips of the platforms named on the command line, all when none is named."""
    lock = read_lock()
    parser = argparse.ArgumentParser(description="Build the extension's zips, one for each platform.")
    parser.add_argument("out", type=Path)
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help=", ".join(lock))
    options = parser.parse_args(arguments)
    platforms = options.platforms or list(lock)
    if unknown := sorted(set(platforms) - set(lock)):
        parser.error(f"wheels.lock knows no platform {', '.join(unknown)}; it knows {', '.join(lock)}")
    if missing := [lock[platform].file for platform in platforms if not is_here(lock[platform])]:
        parser.error(f"not fetched yet: {', '.join(missing)}; run: python wheels/fetch.py")
    builder = find_builder()
    for platform in platforms:
        zipped = build(platform, lock[platform], options.out, builder)
        digest = hashlib.sha256(zipped.read_bytes()).hexdigest()
        print(f"{zipped}  {zipped.stat().st_size / 1e6:.1f} MB  sha256 {digest}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
