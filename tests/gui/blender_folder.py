"""A folder with a complete Blender in it, from Debian's packages, for machines that have none.

It lies in the person's cache, takes 1.4 GB and 1 to 4 minutes once, and is used again. What runs in it sees this
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
from pathlib import Path

#: The release of Debian with a current Blender.
SUITE = "sid"
#: Blender with what its own add-ons import, a screen, a mouse, software graphics, and what tests in Blender need.
PACKAGES = [
    *("blender", "python3-numpy", "python3-requests", "python3-cattr"),
    *("xvfb", "xauth", "xdotool", "imagemagick", "fonts-dejavu-core", "procps"),
    *("libgl1-mesa-dri", "libegl1", "libegl-mesa0", "libglx-mesa0", "mesa-vulkan-drivers"),
    *("python3-pytest", "python3-pil"),
]
_KEPT_FREE_BYTES = 4 * 1024**3
_READY = "tooncrafter-ready"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LONGEST_SECONDS = 1800

Tell = Callable[[str], None]


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


def default_place() -> Path:
    """Return where the folder lies."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tooncrafter-blender" / f"debian-{SUITE}"


def is_ready(place: Path) -> bool:
    """Tell whether the folder is whole: what was made by half, or for another list of packages, is not."""
    try:
        return (place / _READY).read_text(encoding="ascii").split() == PACKAGES
    except OSError:
        return False


def make(place: Path, tell: Tell) -> None:
    """Make the folder unless it is whole already. Raises RuntimeError with a sentence that names the log."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with _alone(place.with_suffix(".lock"), tell):
        if is_ready(place):
            return
        half = place.with_suffix(".half")
        for left in (place, half):
            if left.exists():
                tell(f"Removing what an interrupted attempt left in {left} …")
                shutil.rmtree(left)
        if shutil.disk_usage(place.parent).free < _KEPT_FREE_BYTES:
            raise RuntimeError(f"there is less than {_KEPT_FREE_BYTES // 1024**3} GB free in {place.parent}")
        tell(f"Making a folder with Blender in {place} …")
        began, log = time.monotonic(), place.with_suffix(".log")
        with log.open("wb") as stream:
            try:
                _install(half, stream.fileno())
            except (subprocess.SubprocessError, OSError) as error:
                raise RuntimeError(f"the folder could not be made: {_sentence(error)}; see {log}") from error
        (half / _READY).write_text("\n".join(PACKAGES), encoding="ascii")
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


def _install(half: Path, log: int) -> None:
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
    run("debootstrap", "--variant=minbase", SUITE, half, *_mirror())
    # What this system needs to reach its packages, the folder needs as well.
    with contextlib.suppress(OSError):
        shutil.copy("/etc/resolv.conf", half / "etc")
    for file in Path("/etc/apt/apt.conf.d").glob("*prox*"):
        shutil.copy(file, half / "etc" / "apt" / "apt.conf.d")
    run(*entered(half, [], ["apt-get", "install", "-y", "-q", "--no-install-recommends", *PACKAGES], Path("/")))
    run(*entered(half, [], ["apt-get", "clean"], Path("/")))
    run(*entered(half, [], ["blender", "--background", "--factory-startup", "--version"], Path("/")))


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
