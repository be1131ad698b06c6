"""One page of text that tells what works here and what to do about the rest, without personal paths or names.

Every line begins with `ok`, or with `do` where its words end in what a person can do about it.
"""

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
from .contract.job import CONTRACT_VERSION
from .engines import engine_obstacles
from .environment.stamp import stamp_of
from .environment.torch_builds import nvidia_driver
from .errors import UserError
from .machine.devices import describe_device, free_memory_gb
from .weights import FILE_NAMES, find_weights, weights_folder

_CORE_PACKAGES = ("numpy", "opencv-python-headless", "scipy", "pillow")
_DIFFUSION_PACKAGES = ("torch", "open_clip_torch", "safetensors")
_LOG_LINES = 12
_ADVICE_BELOW_GB = 4.0
_MEMORY_BELOW_GB = 2.0

#: Where programs lie that the system or its owner put there for everybody; nothing personal.
_SYSTEM = re.compile(
    r"/(usr|opt|bin|lib|lib64|snap|Applications|Library|System)/|[A-Za-z]:\\{1,2}(Program Files|Windows)\b"
)
_PATH_BEGINS = r"(?:~[\\/]|/(?=[^\s/])|[A-Za-z]:[\\/]|\\\\)"
_QUOTED_PATH = re.compile(rf"(?<=[“\"'`])({_PATH_BEGINS}[^”\"'`\n]*)(?=[”\"'`])")
_BARE_PATH = re.compile(rf"(?<![\w:/\\.~…“\"'`])({_PATH_BEGINS}(?:[^\s”\"'`,;)]*[^\s”\"'`,;).:])?)")
_FILE_ADDRESS = re.compile(r"file://[^\s”\"'`]*")
_CREDENTIALS = re.compile(r"(?<=://)[^\s/@]+@")


def report() -> str:
    """Return the report about the environment that this Python belongs to, one fact a line."""
    lines = [*machine_facts(), *_environment_facts(Path(sys.prefix))]
    lines += [_package_fact(package, "press Repair in the preferences") for package in _CORE_PACKAGES]
    lines += [_package_fact(package, "only the ToonCrafter engine needs it") for package in _DIFFUSION_PACKAGES]
    for engine, obstacle in engine_obstacles().items():
        lines.append(fact(f"engine {engine}", obstacle or "can draw here", good=not obstacle))
    lines += weights_facts()
    return without_names("\n".join(lines))


def machine_facts() -> list[str]:
    """Return what is so on this machine whichever Python asks."""
    driver = nvidia_driver()
    memory = free_memory_gb()
    little = 0 < memory < _MEMORY_BELOW_GB
    advice = "; end other programs before drawing" if little else ""
    return [
        fact("tooncrafter", f"{__version__}, contract {CONTRACT_VERSION}"),
        fact("Python", f"{platform.python_version()} {platform.architecture()[0]}"),
        fact("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
        fact("device", describe_device()),
        fact("NVIDIA driver", str(driver) if driver else "none that answers"),
        fact("free memory", f"{memory} GB{advice}" if memory else "not told by this system", good=not little),
    ]


def weights_facts() -> list[str]:
    """Return what there is of the ToonCrafter engine's weights: how large, and made from files of which SHA-256."""
    lines = []
    for kind in FILE_NAMES:
        name = f"weights {kind}"
        try:
            weights = find_weights(kind)
        except UserError as error:
            lines.append(fact(name, str(error), good=False))
            continue
        lines.append(fact(name, f"{weights.precision}, {weights.size / 1e9:.2f} GB, identity {weights.identity}"))
        lines += [fact("", f"from {source.name}, sha256 {source.sha256}") for source in weights.sources]
    return [*lines, disk_fact(weights_folder(), "free for weights")]


def disk_fact(folder: Path, name: str = "free on its disk") -> str:
    """Return how much room there is on the disk with `folder`, which need not exist yet."""
    there = next((parent for parent in (folder, *folder.parents) if parent.is_dir()), folder)
    try:
        free = shutil.disk_usage(there).free / 1e9
    except OSError as error:
        return fact(name, f"unknown: {error.strerror}; see whether the disk is there", good=False)
    much = free >= _ADVICE_BELOW_GB
    return fact(
        name, f"{free:.1f} GB{'' if much else '; make room before installing engines or weights'}", good=much
    )


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
        made = "made by somebody else, not by the add-on"
    else:
        build = f", PyTorch {stamp.torch_build}" if stamp.torch_build else ""
        made = f"made by {stamp.made_by} with uv {stamp.installer}, packages {stamp.key[:12]}{build}"
    return [fact("environment", made), disk_fact(folder)]


def _package_fact(package: str, otherwise: str) -> str:
    try:
        return fact(package, metadata.version(package))
    except metadata.PackageNotFoundError:
        return fact(package, f"not installed; {otherwise}", good=False)


def fact(name: str, value: str, *, good: bool = True) -> str:
    """Return one line of the report. good: nothing has to be done about it; otherwise `value` says what."""
    return f"{'ok' if good else 'do':<4}{name:<26}{value}"


def without_names(text: str) -> str:
    """Return `text` without the person's and the machine's name, paths outside the system's own, and passwords.

    Of a path only the kind of file stays, such as “….blend”: what it is called is the person's own affair.
    """
    home = str(Path.home())
    for spelling in {home, home.replace("\\", "/"), home.replace("\\", "\\\\")}:
        if len(spelling) > 1:
            text = text.replace(spelling, "~")
    text = _CREDENTIALS.sub("", _FILE_ADDRESS.sub("file://…", text))
    text = _BARE_PATH.sub(_hidden, _QUOTED_PATH.sub(_hidden, text))
    for name in _names():
        text = re.sub(rf"(?<![\w]){re.escape(name)}(?![\w])", "USER", text)
    return text


def _hidden(found: re.Match[str]) -> str:
    path = found[1]
    if _SYSTEM.match(path) and ".." not in path:
        return path
    kind = re.search(r"\.\w{1,12}$", path)
    return f"…{kind[0]}" if kind else "…"


def _names() -> set[str]:
    """The person's and the machine's names, where they say something about a person."""
    names = {platform.node(), platform.node().partition(".")[0], Path.home().name}
    names |= {os.environ.get(variable, "") for variable in ("USER", "USERNAME", "LOGNAME")}
    with contextlib.suppress(OSError, KeyError, ImportError):  # a system without accounts has no names to hide
        names.add(getpass.getuser())
    return {name for name in names if len(name) > 2 and name not in ("root", "localhost", "user")}
