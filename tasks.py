"""The project's tasks. Needs Python 3.11 or newer and nothing else; works on Linux, Windows and macOS.

python tasks.py demo                    set up what is needed, in-between an example shot, show where it is
python tasks.py test [--blender 4.5]    set up everything, run the whole suite
python tasks.py faults                  do everything that can go wrong, and count it (docs/reliability.md)
python tasks.py gui [DRIVER …]          drive the add-on with the mouse in Blender's real window (Linux)
python tasks.py browser                 use the local page with the mouse in a real browser
python tasks.py lint                    ruff and mypy
python tasks.py check                   all that must hold before a change is taken
python tasks.py tooncrafter ARGUMENTS   the command line, in the prepared environment
python tasks.py lock                    write the hashed lock files anew from pyproject.toml
python tasks.py package                 build the extension's zips under dist/, one for each platform
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

from examples.checkout import link, unlink

ROOT = Path(__file__).resolve().parent
REQUIREMENTS = ROOT / "requirements"
DEMO = ROOT / "demo"
UV_VERSION = "0.13.9"
#: The Blender releases that exist as Python modules, newest first; their wheels ask for exactly this Python.
BLENDERS = ("5.0", "4.5")
BLENDER_PYTHON = "3.11"
_LONGEST_CLEANING_SECONDS = 20
#: So many processes run tests at once, as far as there are cores; each may take a gigabyte.
MOST_WORKERS = 4
#: Packages whose build depends on the machine's graphics card, by the start of their names.
PER_MACHINE = ("torch", "triton", "nvidia-", "cuda-")
#: PIP_* settings that uv does not read, and what it calls them.
UV_NAMES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one task and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(required=True, metavar="TASK")
    tasks.add_parser("demo", help="in-between an example shot").set_defaults(task=demo)
    testing = tasks.add_parser("test", help="run the test suite; further arguments go to pytest")
    testing.add_argument("--blender", choices=BLENDERS, default=BLENDERS[0])
    testing.add_argument("--long", action="store_true", help="also the tests that take minutes")
    testing.set_defaults(task=test)
    breaking = tasks.add_parser("faults", help="everything that can go wrong; further arguments go to pytest")
    breaking.set_defaults(task=faults)
    clicking = tasks.add_parser("gui", help="drive the add-on in Blender's window", add_help=False)
    clicking.set_defaults(task=gui)
    browsing = tasks.add_parser("browser", help="use the page in a real browser", add_help=False)
    browsing.set_defaults(task=browser)
    tasks.add_parser("lint", help="ruff and mypy").set_defaults(task=lint)
    tasks.add_parser("check", help="all that must hold before a change is taken").set_defaults(task=check)
    tasks.add_parser("tooncrafter", help="the command line", add_help=False).set_defaults(task=tooncrafter)
    tasks.add_parser("lock", help="write the lock files anew").set_defaults(task=lock)
    packaging = tasks.add_parser("package", help="build the extension's zips")
    packaging.add_argument("platforms", nargs="*", metavar="PLATFORM", help="such as linux-x64; default: all")
    packaging.set_defaults(task=package)
    options, rest = parser.parse_known_args(arguments)
    if rest and options.task not in (test, faults, gui, browser, tooncrafter):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    signal.signal(signal.SIGTERM, _interrupt)  # so that nothing which was started stays behind
    try:
        return int(options.task(options))
    except subprocess.CalledProcessError as error:
        print(
            f"tasks.py: this command ended with exit code {error.returncode}:\n  {_shown(error.cmd)}",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130


# --- tasks ----------------------------------------------------------------------------------------------------


def demo(options: argparse.Namespace) -> int:
    """Set up the core and Blender, run the example shot through the real add-on, say where the result is."""
    began = time.monotonic()
    backend = environment("core")
    blender = environment(f"blender-{BLENDERS[0]}", BLENDER_PYTHON)
    run([blender, ROOT / "examples" / "demo.py", DEMO], TOONCRAFTER_PYTHON=str(backend))
    print(f"({time.monotonic() - began:.0f} s)")
    return 0


def test(options: argparse.Namespace) -> int:
    """Run the suite: the backend's half in its environment, then Blender's half in Blender."""
    backend = environment("development")
    blender = environment(f"blender-{options.blender}", BLENDER_PYTHON)
    chosen = [] if options.long else ["-m", "not long"]
    # Neighbours share what they stand on, so each worker begins with a stretch of its own and helps out at the end.
    workers = ["-n", str(min(os.cpu_count() or 1, MOST_WORKERS)), "--dist", "worksteal"]
    pytest = ["-m", "pytest", *workers, *chosen, *options.rest]
    halves = [(blender, [*pytest, "tests/blender"])]
    if options.blender == BLENDERS[0]:
        elsewhere = [f"--ignore=tests/{name}" for name in ("blender", "gui", "browser")]
        halves.insert(0, (backend, [*pytest, "tests", *elsewhere]))
    return _run_halves(halves, backend)


def faults(options: argparse.Namespace) -> int:
    """Run every test of faults in both halves and in the window, also what takes long, and show the counts."""
    backend = environment("development")
    blender = environment(f"blender-{BLENDERS[0]}", BLENDER_PYTHON)
    pytest = ["-m", "pytest", "-q", "-p", "tests.faults.tally", "--timeout", "3600", *options.rest]
    elsewhere = ["farm/test_claim.py", "unit/checkpoint", "unit/test_environment_faults.py"]
    elsewhere += ["unit/test_environment_kills.py", "end_to_end/test_worker.py"]
    halves = [(backend, [*pytest, "tests/faults", *(f"tests/{name}" for name in elsewhere)])]
    code = _run_halves([*halves, (blender, [*pytest, "tests/blender/faults"])], backend)
    if options.rest:
        return code  # what was asked of pytest says nothing of the window
    return max(code, gui(argparse.Namespace(rest=["faults"])))


def _run_halves(halves: Sequence[tuple[Path, list[str]]], backend: Path) -> int:
    """Run each half of a suite in its Python and return the worse exit code."""
    codes = []
    for python, half in halves:
        tests = subprocess.Popen([python, *half], cwd=ROOT, env=_env(TOONCRAFTER_PYTHON=str(backend)))
        try:
            codes.append(tests.wait())
        except KeyboardInterrupt:  # they were interrupted, too, and take down what they have put up
            with contextlib.suppress(subprocess.TimeoutExpired):
                tests.wait(_LONGEST_CLEANING_SECONDS)
            raise
        finally:
            tests.kill()
    return max(codes)


def gui(options: argparse.Namespace) -> int:
    """Run the drivers in Blender's window; where there can be no Blender, say so."""
    backend = environment("core")
    command = [sys.executable, "-m", "tests.gui", "--python", backend, *options.rest]
    return subprocess.run(command, cwd=ROOT, env=_env()).returncode


def browser(options: argparse.Namespace) -> int:
    """Test the page in a browser; where there can be none, say so."""
    command = [environment("development"), "-m", "tests.browser", *options.rest]
    return subprocess.run(command, cwd=ROOT, env=_env()).returncode


def lint(options: argparse.Namespace) -> int:
    """Check style and types."""
    python = environment("development")
    run([python, "-m", "ruff", "check", "."])
    run([python, "-m", "ruff", "format", "--check", "."])
    # Inside Blender the repository is a package whose name Blender chooses; mypy sees it as one through a link.
    with tempfile.TemporaryDirectory() as place:
        package = Path(place) / "extension"
        link(ROOT, package)
        try:
            mypy = [
                python,
                "-m",
                "mypy",
                "--config-file",
                ROOT / "pyproject.toml",
                "--cache-dir",
                ROOT / ".mypy_cache",
            ]
            run([*mypy, "-p", "extension.backend", "-p", "extension.tooncrafter_blender"], cwd=Path(place))
        finally:
            unlink(package)
    return 0


def check(options: argparse.Namespace) -> int:
    """Run the demo, lint, the suite with every Blender and the drivers in the window; name all that failed."""
    began = time.monotonic()
    own = [sys.executable, ROOT / "tasks.py"]
    steps = [["lint"], *(["test", "--blender", version] for version in BLENDERS)]
    with started([*own, "demo"]) as first:  # sets up what the window needs, too
        failed = ["demo"] * bool(first.wait())
    with tempfile.TemporaryFile() as said:
        # Who drives a window mostly waits for it: that goes on beside everything else.
        with started([*own, "gui"], said) as window:
            for step in steps:
                with started([*own, *step]) as process:
                    failed += [" ".join(step)] * bool(process.wait())
            print("Waiting for the window …", flush=True)
            failed += ["gui"] * bool(window.wait())
        said.seek(0)
        shutil.copyfileobj(said, sys.stdout.buffer)
    print(f"Failed: {', '.join(failed)}." if failed else "All of it holds.", f"({time.monotonic() - began:.0f} s)")
    return 1 if failed else 0


def tooncrafter(options: argparse.Namespace) -> int:
    """Pass the arguments to the command line."""
    full, core = ROOT / ".venv", ROOT / ".venv-core"
    python = python_of(full) if _stamp(full).exists() or not core.exists() else python_of(core)
    if not python.exists():
        python = environment("core")
    return subprocess.run([python, "-m", "backend", *options.rest], env=_env(PYTHONPATH=str(ROOT))).returncode


def lock(options: argparse.Namespace) -> int:
    """Resolve anew; the files hold names, versions and hashes but no addresses, so they are true everywhere."""
    common = ["pip", "compile", "--universal", "--generate-hashes", "--no-annotate", "--quiet", "--no-config"]
    common += ["--python-version", BLENDER_PYTHON, "--custom-compile-command", "python tasks.py lock"]
    files: dict[str, list[str | Path]] = {
        "core": ["pyproject.toml", "--extra", "film"],
        "development": ["pyproject.toml", "--all-extras"],
    }
    files |= {f"blender-{version}": [REQUIREMENTS / f"blender-{version}.in"] for version in BLENDERS}
    for name, sources in files.items():
        # Local folders of wheels must not decide what everybody gets.
        run([uv(), *common, *sources, "-o", REQUIREMENTS / f"{name}.txt"], UV_FIND_LINKS="")
    everything = re.findall(r"^([\w.-]+)==([\w.]+)", (REQUIREMENTS / "development.txt").read_text("utf-8"), re.M)
    per_machine = [name for name, _ in everything if name.startswith(PER_MACHINE)]
    without = [argument for name in per_machine for argument in ("--no-emit-package", name)]
    sources = [
        "pyproject.toml",
        "--extra",
        "film",
        "--extra",
        "tooncrafter",
        "-c",
        REQUIREMENTS / "development.txt",
        *without,
    ]
    run([uv(), *common, *sources, "-o", REQUIREMENTS / "tooncrafter.txt"], UV_FIND_LINKS="")
    pins = [f"{name}=={version}\n" for name, version in everything if name == "torch"]
    note = "# Which build of it and what that brings depends on the machine; no hash fits all builds.\n"
    (REQUIREMENTS / "torch.txt").write_text(note + "".join(pins), encoding="utf-8", newline="\n")
    return 0


def package(options: argparse.Namespace) -> int:
    """Build the extension with Blender's own builder."""
    blender = environment(f"blender-{BLENDERS[0]}", BLENDER_PYTHON)
    run([sys.executable, ROOT / "wheels" / "fetch.py", *options.platforms])
    run([blender, ROOT / "release" / "build.py", ROOT / "dist", *options.platforms])
    return 0


# --- processes ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def started(command: Sequence[str | Path], into: IO[bytes] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command beside the block; nothing of it outlives the block. into: takes what it says."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=into, stderr=None if into is None else subprocess.STDOUT, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            _end_session(process)


def _end_session(leader: subprocess.Popen[bytes]) -> None:
    """Interrupt a process with all that it has started in its session, and end by force what does not end."""
    if os.name == "nt":
        leader.kill()
    else:
        os.killpg(leader.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            leader.wait(_LONGEST_CLEANING_SECONDS)
        with contextlib.suppress(ProcessLookupError):  # nobody is left
            os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


# --- environments ---------------------------------------------------------------------------------------------


def environment(name: str, version: str | None = None) -> Path:
    """Return the Python of the environment `name`, making it from its lock file if it is not there or outdated."""
    folder = ROOT / (".venv" if name == "development" else f".venv-{name}")
    lock_file = REQUIREMENTS / f"{name}.txt"
    want = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    python = python_of(folder)
    if python.exists() and _stamp(folder).exists() and _stamp(folder).read_text(encoding="ascii") == want:
        return python
    print(f"Setting up {folder.name} …", flush=True)
    _remove_dead_link(folder)
    _stamp(folder).unlink(missing_ok=True)
    if not python.exists():
        own = f"{sys.version_info.major}.{sys.version_info.minor}"
        run(
            [
                uv(),
                "venv",
                "--quiet",
                "--clear",
                "--python",
                sys.executable if version in (None, own) else version,
                folder,
            ]
        )
    run([uv(), "pip", "sync", "--quiet", "--no-config", "--require-hashes", "--python", python, lock_file])
    _stamp(folder).write_text(want, encoding="ascii")
    return python


def python_of(folder: Path) -> Path:
    """Return where the Python of an environment lies."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _remove_dead_link(folder: Path) -> None:
    """Make room where a link leads to an environment that is not there any more."""
    if folder.is_symlink() and not folder.exists():
        folder.unlink()


def _stamp(folder: Path) -> Path:
    return folder / "ready.sha256"


def uv() -> Path:
    """Return uv, from PATH or else from a small environment of its own."""
    found = shutil.which("uv")
    if found:
        return Path(found)
    folder = ROOT / ".tools"
    tool = python_of(folder).with_name("uv.exe" if os.name == "nt" else "uv")
    if not tool.exists():
        print("Setting up uv …", flush=True)
        _remove_dead_link(folder)
        made = subprocess.run([sys.executable, "-m", "venv", folder])
        if made.returncode:
            sys.exit("tasks.py: Python cannot make an environment. On Debian and Ubuntu: apt install python3-venv")
        run([python_of(folder), "-m", "pip", "install", "--quiet", f"uv=={UV_VERSION}"])
    return tool


def run(command: Sequence[str | Path], cwd: Path = ROOT, **variables: str) -> None:
    """Run a command, by default in the project's folder; CalledProcessError when it fails."""
    subprocess.run(list(command), cwd=cwd, env=_env(**variables), check=True)


def _env(**variables: str) -> Mapping[str, str]:
    env = dict(os.environ)
    for pip_name, uv_name in UV_NAMES.items():
        if pip_name in env:
            env.setdefault(uv_name, env[pip_name])
    env.setdefault("UV_HTTP_TIMEOUT", "120")
    if env.get("PYTHONDONTWRITEBYTECODE") and "PYTHONPYCACHEPREFIX" not in env:
        # Hundreds of short processes would compile PyTorch anew; nothing is written beside a source this way, too.
        del env["PYTHONDONTWRITEBYTECODE"]
        env["PYTHONPYCACHEPREFIX"] = str(ROOT / "build" / "bytecode")
    return env | variables


def _shown(command: Sequence[str | Path] | str) -> str:
    return command if isinstance(command, str) else subprocess.list2cmdline([str(part) for part in command])


if __name__ == "__main__":
    sys.exit(main())
