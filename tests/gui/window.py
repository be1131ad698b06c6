"""Run a driver in Blender's real window on a screen that nobody sees.

    python tests/gui/window.py DRIVER.py OUT [--blender BLENDER] [--python PYTHON | --zip ZIP]
                               [--size 1360x800] [--seconds 3600]

Needs Blender, Xvfb, xdotool and ImageMagick's `import` (Linux). The driver runs inside Blender with the checkout
enabled as an extension, a fresh configuration, and OUT for its pictures; see driver.py. With --zip the driver
installs that package instead, and the add-on has to make its own environment. Ends with Blender's exit
code: 0 only when the driver came to its end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("Xvfb", "xdotool", "import")
#: What the driver of software graphics has compiled, so that each window need not compile it anew.
SHADERS = ROOT / "build" / "shaders"
#: So many half seconds a process has to follow Blender.
_MOMENTS = 20
#: The backend's, when none is named.
PYTHON = ROOT / ".venv-core" / "bin" / "python"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one driver and return Blender's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("driver", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--blender", default="blender")
    parser.add_argument("--python", type=Path, default=PYTHON, help="the backend's")
    parser.add_argument("--zip", type=Path, help="the extension's package, for a driver that installs it")
    parser.add_argument("--size", default="1360x800")
    parser.add_argument("--seconds", type=float, default=3600, help="the longest that it may take")
    options = parser.parse_args(arguments)
    missing = [tool for tool in (*TOOLS, options.blender) if shutil.which(tool) is None]
    if missing:
        print(f"These programs are needed and not installed: {', '.join(missing)}", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    with _screen(options.size, options.out) as display, tempfile.TemporaryDirectory() as home:
        return _blender(options, display, Path(home))


@contextlib.contextmanager
def _screen(size: str, out: Path) -> Iterator[str]:
    """Start an X server on a display that it chooses itself; yield the display's name."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
    with (out / "screen.log").open("wb") as log:
        server = subprocess.Popen(command, pass_fds=[write], stdout=log, stderr=log)
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        if not number:
            raise RuntimeError(f"Xvfb did not start; see {out / 'screen.log'}")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


def _blender(options: argparse.Namespace, display: str, home: Path) -> int:
    width, height = options.size.split("x")
    resources, runtime = home / "blender", home / "run"
    resources.mkdir()
    runtime.mkdir(mode=0o700)
    environment = {
        name: value for name, value in os.environ.items() if name not in ("WAYLAND_DISPLAY", "PYTHONPATH")
    } | {
        "DISPLAY": display,
        "HOME": str(home),
        "BLENDER_USER_RESOURCES": str(resources),
        "XDG_RUNTIME_DIR": str(runtime),
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "MESA_SHADER_CACHE_DIR": str(SHADERS),
        "GUI_OUT": str(options.out.resolve()),
    }
    if options.zip:
        environment["GUI_ZIP"] = str(options.zip.absolute())
    else:
        environment["TOONCRAFTER_PYTHON"] = str(options.python.absolute())
    command = [options.blender, "--factory-startup", "--window-geometry", "0", "0", width, height]
    command += ["--no-window-focus", "--python-exit-code", "3", "--python", str(options.driver.resolve())]
    log = options.out / "blender.log"
    with log.open("wb") as stream:
        try:
            code = subprocess.run(
                command, env=environment, stdout=stream, stderr=subprocess.STDOUT, timeout=options.seconds
            ).returncode
        except subprocess.TimeoutExpired:
            print(f"Blender did not end within {options.seconds:g} s; see {log}", file=sys.stderr)
            return 1
    said = log.read_text(errors="replace")
    print("\n".join(line for line in said.splitlines() if line.startswith("GUI ")))
    if orphans := _outlived_by(home):
        print(f"Blender has ended, but not {', '.join(orphans)}", file=sys.stderr)
        return 1
    if not code and "Traceback" in said:
        print(f"There is a traceback in what Blender said; see {log}", file=sys.stderr)
        return 1
    if code:
        print(f"Blender ended with exit code {code}; see {log}", file=sys.stderr)
    return code


def _outlived_by(home: Path) -> list[str]:
    """Return the processes that were started with this home and still run, after a moment to end in."""
    for _ in range(_MOMENTS):
        found = []
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"HOME={home}".encode() in environment.read_bytes().split(b"\0"):
                    words = environment.with_name("cmdline").read_bytes().decode(errors="replace").split("\0")
                    found.append(" ".join(words).strip())
        if not found:
            return []
        time.sleep(0.5)
    return found


if __name__ == "__main__":
    sys.exit(main())
