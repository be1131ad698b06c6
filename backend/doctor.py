"""One page of text that tells what works here and what to do about the rest, without personal paths or names."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from . import __version__
from .devices import describe_device, free_memory_gb
from .engines import engine_obstacles
from .environment.stamp import stamp_of
from .environment.torch_builds import nvidia_driver
from .job import CONTRACT_VERSION

_PACKAGES = ("numpy", "opencv-python-headless", "scipy", "pillow", "torch", "open_clip_torch", "safetensors")
_LOG_LINES = 12
_ADVICE_BELOW_GB = 4.0


def report() -> str:
    """Return the report about the environment that this Python belongs to, one fact a line."""
    lines = [*machine_facts(), *_environment_facts(Path(sys.prefix))]
    for package in _PACKAGES:
        try:
            lines.append(fact(package, metadata.version(package)))
        except metadata.PackageNotFoundError:
            lines.append(fact(package, "not installed"))
    for engine, obstacle in engine_obstacles().items():
        lines.append(fact(f"engine {engine}", obstacle or "ok"))
    return without_names("\n".join(lines))


def machine_facts() -> list[str]:
    """Return what is so on this machine whichever Python asks."""
    driver = nvidia_driver()
    memory = free_memory_gb()
    return [
        fact("tooncrafter", f"{__version__}, contract {CONTRACT_VERSION}"),
        fact("Python", f"{platform.python_version()} {platform.architecture()[0]}"),
        fact("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
        fact("device", describe_device()),
        fact("NVIDIA driver", str(driver) if driver else "none that answers"),
        fact("free memory", f"{memory} GB" if memory else "not told by this system"),
    ]


def disk_fact(folder: Path) -> str:
    """Return how much room there is on the disk with `folder`, which need not exist yet."""
    there = next((parent for parent in (folder, *folder.parents) if parent.is_dir()), folder)
    try:
        free = shutil.disk_usage(there).free / 1e9
    except OSError as error:
        return fact("free on its disk", f"unknown: {error.strerror}")
    advice = "" if free >= _ADVICE_BELOW_GB else "; make room before installing engines or weights"
    return fact("free on its disk", f"{free:.1f} GB{advice}")


def log_facts(home: Path) -> list[str]:
    """Return the last lines of what the last installation in `home` said."""
    try:
        lines = (home / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return ["last installation:", *(f"    {line}" for line in lines[-_LOG_LINES:])]


def _environment_facts(folder: Path) -> Iterable[str]:
    stamp = stamp_of(folder)
    if stamp is None:
        return [fact("environment", "made by somebody else, not by the add-on")]
    build = f", PyTorch {stamp.torch_build}" if stamp.torch_build else ""
    made = f"made by {stamp.made_by} with uv {stamp.installer}, packages {stamp.key[:12]}{build}"
    return [fact("environment", made), disk_fact(folder)]


def fact(name: str, value: str) -> str:
    """Return one line of the report."""
    return f"{name:<26}{value}"


def without_names(text: str) -> str:
    """Return `text` without the person's home folder and name, as they stand in paths and by themselves."""
    home = str(Path.home())
    for spelling in {home, home.replace("\\", "/"), home.replace("\\", "\\\\")}:
        if len(spelling) > 1:
            text = text.replace(spelling, "~")
    for name in _names():
        text = re.sub(rf"(?<![\w]){re.escape(name)}(?![\w])", "USER", text)
    return text


def _names() -> set[str]:
    """The person's and the machine's names, where they say something about a person."""
    names = {platform.node(), platform.node().partition(".")[0], Path.home().name}
    names |= {os.environ.get(variable, "") for variable in ("USER", "USERNAME", "LOGNAME")}
    with contextlib.suppress(OSError, KeyError, ImportError):  # a system without accounts has no names to hide
        names.add(getpass.getuser())
    return {name for name in names if len(name) > 2 and name not in ("root", "localhost", "user")}
