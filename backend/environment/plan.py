"""What an environment is to be: which packages, on which interpreter, and how it is proven."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .torch_builds import TorchBuild

#: Names the way that environments are made; a change of it makes all of them anew.
_RECIPE = "1"


class Level(StrEnum):
    """How much an environment can do; each level holds what the one before holds."""

    CORE = "core"
    DIFFUSION = "diffusion"


@dataclass(frozen=True)
class Plan:
    """Everything that decides what an environment holds.

    lock: hashed requirements. pins: requirements whose builds differ between machines, so that no hash fits; None
    for none. torch_build: which build of them is wanted. interpreter: the Python to build on. root: the folder
    that holds `backend`. proof: arguments to the new Python that end with exit code 0 if and only if it works.
    unpacked_bytes: about what it takes on disk.
    """

    level: Level
    lock: Path
    pins: Path | None
    torch_build: TorchBuild
    interpreter: Path
    root: Path
    proof: tuple[str, ...]
    unpacked_bytes: int

    @property
    def key(self) -> str:
        """A hash that two plans share exactly when their environments hold the same packages."""
        parts = [_RECIPE, self.level, self.torch_build, _text(self.lock)]
        if self.pins:
            parts.append(_text(self.pins))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def core_plan(root: Path, interpreter: Path) -> Plan:
    """Return the plan for the draft engine, films and the command line."""
    return Plan(
        level=Level.CORE,
        lock=root / "requirements" / "core.txt",
        pins=None,
        torch_build=TorchBuild.REGISTRY,
        interpreter=interpreter,
        root=root,
        proof=("-m", "backend.environment.proof", Level.CORE),
        unpacked_bytes=_CORE_BYTES.get(platform.system(), 470_000_000),
    )


def diffusion_plan(root: Path, interpreter: Path, torch_build: TorchBuild) -> Plan:
    """Return the plan for all engines, with PyTorch in the wanted build."""
    return Plan(
        level=Level.DIFFUSION,
        lock=root / "requirements" / "tooncrafter.txt",
        pins=root / "requirements" / "torch.txt",
        torch_build=torch_build,
        interpreter=interpreter,
        root=root,
        proof=("-m", "backend.environment.proof", Level.DIFFUSION),
        unpacked_bytes=_diffusion_bytes(platform.system(), torch_build),
    )


#: Sums of what the locked wheels unpack to, for 64-bit Intel and, on macOS, Apple processors.
_CORE_BYTES = {"Linux": 462_000_000, "Windows": 356_000_000, "Darwin": 277_000_000}


def _diffusion_bytes(system: str, torch_build: TorchBuild) -> int:
    """About what the diffusion level takes; measured on Linux, estimated from the size of the wheels elsewhere."""
    with_cuda = torch_build not in (TorchBuild.CPU, TorchBuild.REGISTRY) or (
        system == "Linux" and torch_build is TorchBuild.REGISTRY
    )
    if system == "Darwin" or not with_cuda:
        return 1_500_000_000
    return 6_000_000_000


def _text(path: Path) -> str:
    """The content of a requirements file, the same whatever the line endings."""
    return path.read_text(encoding="utf-8")
