"""Making an environment: built beside, proven by a run, shown in one step; what was there works until then."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from .. import __version__
from ..errors import Cancelled, UserError
from .complaints import complaint, disk_complaint, is_unavailable, not_cached
from .installer import Outcome, find_installer, installer_variables, installer_version, run_installer
from .plan import Level, Plan
from .stamp import Stamp, erase_stamp, python_in, read_stamp, standing, write_stamp
from .torch_builds import TorchBuild, candidates_here
from .turn import my_turn

#: Room for what is unpacked, and some for the rest of the system.
_ROOM_FACTOR, _ROOM_SPARE_BYTES = 1.15, 100_000_000
_PROOF_SECONDS = 600.0
_MEASURE_SECONDS = 0.5
_LOG = "log.txt"


class Listener(Protocol):
    """Who follows an installation. Every method may raise `Cancelled`, which ends it within a moment."""

    def stage(self, sentence: str) -> None:
        """Hear what happens now, in a few words."""

    def progress(self, done_bytes: int, of_bytes: int) -> None:
        """Hear how much of about how much has arrived on the disk, 0 of 0 while nothing is to arrive.

        Called several times a second.
        """


class Silent:
    """Follows nothing."""

    def stage(self, sentence: str) -> None:
        """Ignore it."""

    def progress(self, done_bytes: int, of_bytes: int) -> None:
        """Ignore it."""


def ensure(plan: Plan, home: Path, listener: Listener, *, online: bool, anew: bool = False) -> Path:
    """Return the Python of a proven environment for the plan, making or repairing it when needed.

    home: the folder described in this package. online: whether anything may be downloaded; what is in the cache is
    used first either way. anew: make it even if it seems whole. A second caller, in this or another process, waits
    for the first. Raises UserError with its own sentence for every failure, and Cancelled; then whatever was ready
    before still is, and downloads are kept.
    """
    if not anew and (python := _whole(plan, home)):
        _tidy(home, plan.level)
        return python
    try:
        home.mkdir(parents=True, exist_ok=True)
        with my_turn(home / "lock", lambda: _wait(listener)):
            if not anew and (python := _whole(plan, home)):
                return python  # somebody else has made it meanwhile
            return _Build(plan, home, listener, online).run()
    except OSError as error:
        raise disk_complaint(error, home) from error


def remove(home: Path, level: Level) -> None:
    """Take a level away. Raises UserError when the disk refuses."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        with my_turn(home / "lock", lambda: None):
            erase_stamp(home, level)
            _sweep(home, level)
    except OSError as error:
        raise disk_complaint(error, home) from error


def _whole(plan: Plan, home: Path) -> Path | None:
    return standing(home, plan, thorough=True).python


def _tidy(home: Path, level: Level) -> None:
    """Remove what a killed installation left beside a ready environment, unless somebody is installing now."""

    def give_up() -> None:
        raise Cancelled

    if len([folder for folder in home.glob(f"{level}-*") if folder.is_dir()]) > 1:
        with contextlib.suppress(Cancelled, OSError), my_turn(home / "lock", give_up):
            _sweep(home, level)


def _wait(listener: Listener) -> None:
    listener.stage("Waiting for another Blender that is installing")
    listener.progress(0, 0)


class _Build:
    """One attempt, while the lock is held."""

    def __init__(self, plan: Plan, home: Path, listener: Listener, online: bool) -> None:
        self._plan, self._home, self._listener, self._online = plan, home, listener, online
        self._folder = home / f"{plan.level}-{uuid.uuid4().hex[:8]}"
        self._variables = installer_variables(os.environ, home)
        self._measured_at, self._bytes, self._bytes_before = 0.0, 0, 0
        self._log: list[str] = []

    def run(self) -> Path:
        """Build, prove, show; leave nothing behind on failure but downloads and the log."""
        _sweep(self._home, self._plan.level)
        self._bytes_before = _size(self._home / "cache")
        self._check_room()
        try:
            self._listener.stage("Preparing")
            self._uv = find_installer(self._plan.root, self._home)
            version = self._make_empty()
            build = self._install_packages(version)
            self._prove()
            python = self._show(version, build)
            self._log.append("It is ready.")
        except BaseException as error:
            self._log.append(str(error) or type(error).__name__)
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        finally:
            with contextlib.suppress(OSError):
                (self._home / _LOG).write_text("\n".join(self._log) + "\n", encoding="utf-8")
        return python

    def _check_room(self) -> None:
        needed = max(0, self._plan.unpacked_bytes - self._bytes_before) * _ROOM_FACTOR + _ROOM_SPARE_BYTES
        free = shutil.disk_usage(self._home).free
        if free < needed:
            raise UserError(
                "disk-full",
                f"Installing needs about {_gigabytes(needed)} in “{self._home}”, "
                f"but only {_gigabytes(free)} are free.",
                "Make room on that disk and try again.",
                bad_input=False,
            )

    def _make_empty(self) -> str:
        """Make an environment without packages; return its Python's version.

        Blender's own interpreter is the first choice, because it is there. The second is one that the installer
        downloads, for a Blender whose interpreter cannot be built on.
        """
        make = ["venv", "--relocatable", "--no-project"]
        own = self._call(
            [*make, "--python", str(self._plan.interpreter), "--no-python-downloads", str(self._folder)]
        )
        if own.code and self._online:
            self._listener.stage("Downloading Python")
            self._call([*make, "--python", "3.11", "--managed-python", str(self._folder)], must_succeed=True)
        elif own.code:
            raise complaint(own.said, self._home, "")
        settings = (self._folder / "pyvenv.cfg").read_text(encoding="utf-8")
        found = re.search(r"^version(?:_info)?\s*=\s*([\d.]+)", settings, re.MULTILINE)
        return found[1] if found else ""

    def _install_packages(self, version: str) -> TorchBuild:
        """Install the locked packages, then those whose build depends on the machine; return the build taken."""
        install = ["pip", "install", "--python", str(python_in(self._folder)), "--no-build"]
        self._listener.stage("Downloading")
        self._download([*install, "--require-hashes", "--no-deps", "--requirement", str(self._plan.lock)], version)
        if self._plan.pins is None:
            return TorchBuild.REGISTRY
        pinned = [*install, "--constraint", str(self._plan.lock), "--requirement", str(self._plan.pins)]
        builds = candidates_here(self._plan.torch_build)
        for build in builds:
            backend = [] if build is TorchBuild.REGISTRY else ["--torch-backend", build]
            self._listener.stage("Downloading PyTorch")
            try:
                self._download([*pinned, *backend], version)
            except UserError as error:
                if build is builds[-1] or not is_unavailable(error):
                    raise
            else:
                return build
        raise AssertionError("at least one build is tried")

    def _download(self, arguments: Sequence[str], version: str) -> None:
        """Install from the cache alone if that is possible, else from the network if that is allowed."""
        without = self._call([*arguments, "--offline"])
        if without.code == 0:
            return
        if not self._online:
            if not_cached(without.said):
                raise UserError(
                    "online-access-off",
                    "The drawing engine has to be downloaded, but Blender is set to stay offline.",
                    "Allow online access in Blender's preferences under System, then try again.",
                    bad_input=False,
                )
            raise complaint(without.said, self._home, version)
        self._call(arguments, version, must_succeed=True)

    def _call(self, arguments: Sequence[str], version: str = "", *, must_succeed: bool = False) -> Outcome:
        outcome = run_installer(self._uv, arguments, self._variables, self._hear, self._follow)
        self._log += [f"$ uv {subprocess.list2cmdline(arguments)}", outcome.said, f"(exit code {outcome.code})"]
        if must_succeed and outcome.code:
            raise complaint(outcome.said, self._home, version)
        return outcome

    def _hear(self, line: str) -> None:
        """Runs in the thread that reads what the installer says."""
        if line.startswith("Prepared "):
            self._measured_at = 0.0

    def _follow(self) -> None:
        now = time.monotonic()
        if now - self._measured_at >= _MEASURE_SECONDS:
            self._bytes = max(self._bytes, _size(self._home / "cache") - self._bytes_before)
            spent = time.monotonic() - now
            self._measured_at = now + 4 * spent  # a large cache is looked at less often
        expected = max(0, self._plan.unpacked_bytes - self._bytes_before)
        self._listener.progress(min(self._bytes, expected), expected)

    def _prove(self) -> None:
        """Run the new environment's Python on the plan's proof."""
        self._listener.stage("Trying it out")
        inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("PYTHON")}
        variables = inherited | {"PYTHONPATH": str(self._plan.root), "PYTHONNOUSERSITE": "1"}
        command = ["-P", "-X", "utf8", *self._plan.proof]
        deadline = time.monotonic() + _PROOF_SECONDS

        def watch() -> None:
            self._follow()
            if time.monotonic() > deadline:
                raise UserError("environment-broken", "The new drawing engine does not answer.", "Try again.")

        outcome = run_installer(python_in(self._folder), command, variables, lambda line: None, watch)
        self._log += ["$ proof", outcome.said, f"(exit code {outcome.code})"]
        if outcome.code == 0:
            return
        last = next((line for line in reversed(outcome.said.splitlines()) if line.strip()), "it says nothing")
        hint = "Try again. If this stays, send the report from the preferences."
        if "DLL load failed" in outcome.said:
            hint = "Install Microsoft's “Visual C++ Redistributable” (x64), then try again."
        raise UserError("environment-broken", f"The new drawing engine does not run: {last}", hint, bad_input=False)

    def _show(self, version: str, build: TorchBuild) -> Path:
        """Write the stamp, from which moment on the environment is the ready one; then remove the one before."""
        python = python_in(self._folder)
        stamp = Stamp(
            folder=self._folder.name,
            key=self._plan.key,
            interpreter=_stands_on(self._folder),
            python=version,
            torch_build=build if self._plan.pins else "",
            installer=installer_version(self._plan.root),
            made_by=__version__,
        )
        write_stamp(self._home, self._plan.level, stamp)
        _sweep(self._home, self._plan.level)
        self._call(["cache", "prune"])
        return python


def _stands_on(folder: Path) -> str:
    """Return the interpreter that an environment's Python is a link or a way to, as its pyvenv.cfg has it."""
    settings = (folder / "pyvenv.cfg").read_text(encoding="utf-8")
    found = re.search(r"^home\s*=\s*(.+?)\s*$", settings, re.MULTILINE)
    python = python_in(folder)
    if os.name == "nt" or not python.is_symlink():
        return str(Path(found[1]) / python.name) if found else ""
    return str(python.resolve())


def _sweep(home: Path, level: Level) -> None:
    """Remove every environment of the level that is not the ready one; what is in use stays until next time."""
    stamp = read_stamp(home, level)
    for folder in home.glob(f"{level}-*"):
        if folder.is_dir() and (stamp is None or folder.name != stamp.folder):
            shutil.rmtree(folder, ignore_errors=True)


def _size(folder: Path) -> int:
    """Return the bytes of all files below `folder`, 0 when it is not there."""
    total, left = 0, [str(folder)]
    while left:
        with contextlib.suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
    return total


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
