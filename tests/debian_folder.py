"""Folders with programs from Debian's packages in them, for machines that have none: Blender, a browser.

A folder lies in the person's cache, is made once in some minutes, and is used again. What runs in it sees this
checkout at its own place. Everything that is mounted for that, and every process, ends with the command: the mounts
are in a namespace of their own, so deleting the folder is always safe. Linux, root.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_KEPT_FREE_BYTES = 4 * 1024**3
_READY = "tooncrafter-ready"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LONGEST_SECONDS = 1800

Tell = Callable[[str], None]


@dataclass(frozen=True)
class DebianFolder:
    """A folder to be. suite: the release of Debian. proof: a command that works when all that matters is there."""

    name: str
    suite: str
    packages: tuple[str, ...]
    proof: tuple[str, ...]

    @property
    def place(self) -> Path:
        """Where it lies."""
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(cache) / "tooncrafter-blender" / self.name


#: Blender with what its own add-ons import, a screen, a mouse, software graphics, and what tests in Blender need.
#: 1.4 GB, from the release with a current one.
BLENDER = DebianFolder(
    "debian-sid",
    "sid",
    (
        *("blender", "python3-numpy", "python3-requests", "python3-cattr"),
        *("xvfb", "xauth", "xdotool", "imagemagick", "fonts-dejavu-core", "procps"),
        *("libgl1-mesa-dri", "libegl1", "libegl-mesa0", "libglx-mesa0", "mesa-vulkan-drivers"),
        *("python3-pytest", "python3-pil"),
    ),
    ("blender", "--background", "--factory-startup", "--version"),
)
#: Chromium; 0.9 GB.
BROWSER = DebianFolder(
    "debian-browser", "stable", ("chromium", "ca-certificates", "fonts-dejavu-core"), ("chromium", "--version")
)


def why_not() -> str:
    """Return why the folder can be neither made nor entered here, "" if it can."""
    if not sys.platform.startswith("linux"):
        return "it needs Linux"
    if os.geteuid() != 0:
        return "it needs root"
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return "it needs Debian"
    mounting = ["unshare", "--mount", "--propagation", "private", "mount", "--bind", "/tmp", "/tmp"]
    if shutil.which("unshare") is None or subprocess.run(mounting, capture_output=True).returncode:
        return "nothing may be mounted here"
    return ""


def is_ready(folder: DebianFolder) -> bool:
    """Tell whether the folder is whole: what was made by half, or for another list of packages, is not."""
    try:
        return (folder.place / _READY).read_text(encoding="ascii").split() == list(folder.packages)
    except OSError:
        return False


def make(folder: DebianFolder, tell: Tell) -> None:
    """Make the folder unless it is whole already. Raises RuntimeError with a sentence that names the log."""
    place = folder.place
    place.parent.mkdir(parents=True, exist_ok=True)
    with _alone(place.with_suffix(".lock"), tell):
        if is_ready(folder):
            return
        half = place.with_suffix(".half")
        for left in (place, half):
            if left.exists():
                tell(f"Removing what an interrupted attempt left in {left} …")
                shutil.rmtree(left)
        if shutil.disk_usage(place.parent).free < _KEPT_FREE_BYTES:
            raise RuntimeError(f"there is less than {_KEPT_FREE_BYTES // 1024**3} GB free in {place.parent}")
        tell(f"Making a folder with {folder.packages[0].capitalize()} in {place} …")
        began, log = time.monotonic(), place.with_suffix(".log")
        with log.open("wb") as stream:
            try:
                _install(folder, half, stream.fileno())
            except (subprocess.SubprocessError, OSError) as error:
                raise RuntimeError(f"the folder could not be made: {_sentence(error)}; see {log}") from error
        (half / _READY).write_text("\n".join(folder.packages), encoding="ascii")
        half.rename(place)
        tell(f"({time.monotonic() - began:.0f} s)")


def entered(place: Path, shown: Sequence[Path], command: Sequence[str | Path], folder: Path) -> list[str]:
    """Return the command line that runs `command` inside the folder.

    shown: files and folders of this system that are to be seen inside, at the same places. folder: where it runs.
    """
    script = """
        set -e; root=$1; shift
        mount -t proc proc "$root/proc"
        mount --bind /dev "$root/dev"
        mkdir -p "$root/dev/shm"; mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
        while [ "$1" != -- ]; do
            if [ -d "$1" ]; then mkdir -p "$root$1"
            else mkdir -p "$root$(dirname "$1")"; [ -e "$root$1" ] || : > "$root$1"; fi
            mount --bind "$1" "$root$1"; shift
        done
        shift; exec chroot "$root" env -C "$@"
    """
    unshared = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
    places = [str(path) for path in _outermost(shown)]
    inside = ["env", f"PATH={_PATH}", "HOME=/root", *map(str, command)]
    return [*unshared, "sh", "-c", script, "sh", str(place), *places, "--", str(folder), *inside]


def needed_by_python(python: Path) -> list[Path]:
    """Return what must be seen of this system for an environment's Python to run inside a folder."""
    code = "import os, sys, sysconfig; print(sys.prefix, sys.base_prefix, os.path.realpath(sys.executable), "
    code += "sysconfig.get_path('stdlib', vars={'base': sys.base_prefix}), sep='\\n')"
    told = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    prefix, base, executable, library = map(Path, told.splitlines())
    own = [prefix, Path(os.path.realpath(prefix))]
    # An interpreter of the system's lies among programs that the folder has in its own versions.
    return [*own, base] if base not in (Path("/usr"), Path("/")) else [*own, executable, library]


def _install(folder: DebianFolder, half: Path, log: int) -> None:
    """Fill the folder. Raises CalledProcessError or TimeoutExpired."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "PATH": _PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"}

    def run(*command: str | Path) -> None:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | quiet,
            timeout=_LONGEST_SECONDS,
            check=True,
        )

    if shutil.which("debootstrap") is None:
        run("apt-get", "update", "-q")
        run("apt-get", "install", "-y", "-q", "--no-install-recommends", "debootstrap")
    run("debootstrap", "--variant=minbase", folder.suite, half, *_mirror())
    # What this system needs to reach its packages, the folder needs as well.
    with contextlib.suppress(OSError):
        shutil.copy("/etc/resolv.conf", half / "etc")
    for file in Path("/etc/apt/apt.conf.d").glob("*prox*"):
        shutil.copy(file, half / "etc" / "apt" / "apt.conf.d")
    installing = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *folder.packages]
    run(*entered(half, [], installing, Path("/")))
    run(*entered(half, [], ["apt-get", "clean"], Path("/")))
    run(*entered(half, [], folder.proof, Path("/")))


def _mirror() -> list[str]:
    """Return where this system gets its own packages from; nothing when it does not say it."""
    sources = Path("/etc/apt")
    for file in (
        *sources.glob("sources.list.d/*.sources"),
        *sources.glob("sources.list.d/*.list"),
        sources / "sources.list",
    ):
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        for match in re.finditer(r"^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(\S+)", text, re.MULTILINE):
            if "security" not in match[1]:
                return [match[1]]
    return []


def _outermost(paths: Sequence[Path]) -> list[Path]:
    """Return the paths without those inside others of them, each once."""
    whole = sorted({path.absolute() for path in paths})
    return [path for path in whole if not any(path != other and path.is_relative_to(other) for other in whole)]


def _sentence(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"a command ended with exit code {error.returncode}"
    return str(error)


@contextlib.contextmanager
def _alone(lock: Path, tell: Tell) -> Iterator[None]:
    """Hold the lock; whoever comes second waits."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Waiting for another run that makes it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
