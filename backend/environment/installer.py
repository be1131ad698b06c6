"""The installer, uv: unpacked from the wheel that the extension carries, checked, and run so that it never blocks.

Blender's own unpacking of wheels would drop the executable bit and share the file between extensions.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError

_POLL_SECONDS = 0.1
_POLITE_SECONDS = 3.0
_CHUNK = 1 << 20
_SYSTEMS = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
#: pip's settings that a studio may have made, and what the installer calls them.
_FROM_PIP = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_NO_INDEX": "UV_NO_INDEX",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_DEFAULT_TIMEOUT": "UV_HTTP_TIMEOUT",
    "PIP_TIMEOUT": "UV_HTTP_TIMEOUT",
    "PIP_RETRIES": "UV_HTTP_RETRIES",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_PROXY": "ALL_PROXY",
}
#: What would lead the installer to somebody else's environment or settings.
_STRAY = (
    "PYTHON",
    "CONDA",
    "VIRTUAL_ENV",
    "UV_PROJECT",
    "UV_SYSTEM_PYTHON",
    "UV_CONFIG_FILE",
    "__PYVENV_LAUNCHER__",
)


@dataclass(frozen=True)
class Outcome:
    """How a run of the installer ended, and everything that it said."""

    code: int
    said: str


def platform_name() -> str:
    """Return this platform as Blender names it, such as "linux-x64"."""
    system, machine = platform.system(), platform.machine().lower()
    return f"{_SYSTEMS.get(system, system.lower())}-{_MACHINES.get(machine, machine)}"


def installer_version(root: Path) -> str:
    """Return the version that wheels.lock pins."""
    return str(tomllib.loads((root / "wheels" / "wheels.lock").read_text(encoding="utf-8"))["version"])


def find_installer(root: Path, home: Path) -> Path:
    """Return an installer that can be run, unpacked below `home` when it is not there yet.

    root: the extension's folder with `wheels/`. A checkout without the wheel may have one on PATH instead.
    Raises UserError("installer-missing") and UserError("installer-damaged"); OSError when the disk refuses.
    """
    lock = tomllib.loads((root / "wheels" / "wheels.lock").read_text(encoding="utf-8"))
    entry = lock["wheels"].get(platform_name())
    wheel = root / "wheels" / entry["file"] if entry else None
    if entry is None or wheel is None or not wheel.is_file():
        if found := shutil.which("uv"):
            return Path(found)
        raise UserError(
            "installer-missing",
            f"This copy of the extension has no installer for {platform_name()}.",
            "Install the extension's zip for your system, or name a Python of your own in the preferences.",
        )
    if _sha256(wheel) != entry["sha256"]:
        raise UserError(
            "installer-damaged", f"The installer “{wheel.name}” is damaged.", "Install the extension's zip again."
        )
    return _unpack(wheel, home / "tools" / f"{lock['name']}-{lock['version']}")


def _unpack(wheel: Path, folder: Path) -> Path:
    """Unpack the wheel's program into `folder` unless it is there, whole."""
    program = "uv.exe" if sys.platform == "win32" else "uv"
    target = folder / program
    with zipfile.ZipFile(wheel) as zipped:
        inside = next(info for info in zipped.infolist() if info.filename.endswith(f".data/scripts/{program}"))
        if target.is_file() and target.stat().st_size == inside.file_size and _crc32(target) == inside.CRC:
            return target
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{program}.{os.getpid()}.tmp"
        with zipped.open(inside) as source, temporary.open("wb") as copy:
            shutil.copyfileobj(source, copy, _CHUNK)
        temporary.chmod(0o755)
        temporary.replace(target)
    return target


def run_installer(
    program: Path,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    on_line: Callable[[str], None],
    on_wait: Callable[[], None],
) -> Outcome:
    """Run the installer to its end.

    on_line: hears each line that it says, in a thread of its own. on_wait: called several times a second; what it
    raises ends the installer first. Raises UserError("installer-blocked") when it cannot be started.
    """
    said: list[str] = []
    try:
        process = subprocess.Popen(
            [str(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=dict(variables),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise UserError(
            "installer-blocked",
            f"The installer “{program}” may not be run: {error.strerror or error}.",
            "Allow it in your virus scanner, or use a folder from which programs may be run.",
        ) from error
    assert process.stderr
    stream = process.stderr

    def listen() -> None:
        for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip()
            said.append(line)
            on_line(line)

    listener = threading.Thread(target=listen, name="installer's words", daemon=True)
    listener.start()
    try:
        while process.poll() is None:
            on_wait()
            time.sleep(_POLL_SECONDS)
    except BaseException:
        _end(process)
        raise
    finally:
        listener.join(_POLITE_SECONDS)
    return Outcome(process.returncode, "\n".join(said))


def installer_variables(inherited: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the installer's environment: pip's settings translated where its own are not set, caches in `home`.

    Certificates are the system's, as a browser has them, unless SSL_CERT_FILE names others: company proxies
    need that.
    """
    variables = {name: value for name, value in inherited.items() if not name.upper().startswith(_STRAY)}
    for pip_name, name in _FROM_PIP.items():
        if value := inherited.get(pip_name):
            variables.setdefault(name, value)
    if "PIP_EXTRA_INDEX_URL" in inherited:  # pip takes the best of all indexes; hashes keep that safe
        variables.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if "SSL_CERT_FILE" not in variables:
        variables.setdefault("UV_SYSTEM_CERTS", "1")
    variables.setdefault("UV_HTTP_TIMEOUT", "60")
    return variables | {
        "UV_CACHE_DIR": str(home / "cache"),
        "UV_PYTHON_INSTALL_DIR": str(home / "python"),
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_POLITE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLITE_SECONDS)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _crc32(path: Path) -> int:
    crc = 0
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            crc = zlib.crc32(block, crc)
    return crc
