"""Which build of PyTorch fits this machine: the registry's differs by system, others have an index of their own."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from enum import StrEnum

from ..errors import UserError

_DRIVER_SECONDS = 10.0
#: The oldest NVIDIA driver that runs programs built with each CUDA release (NVIDIA, "CUDA Compatibility").
_OLDEST_DRIVER = {13: 580, 12: 525}
#: The oldest driver that came with CUDA 12.8, the first to know graphics cards of the Blackwell generation.
_BLACKWELL_DRIVER = 570


class TorchBuild(StrEnum):
    """A build of PyTorch. All but AUTO and REGISTRY are named as the installer's `--torch-backend` has them."""

    AUTO = "auto"
    CUDA_13_0 = "cu130"
    CUDA_12_8 = "cu128"
    CUDA_12_6 = "cu126"
    CPU = "cpu"
    REGISTRY = "registry"


#: What each build is to a person.
LABELS = {
    TorchBuild.AUTO: "Automatic",
    TorchBuild.CUDA_13_0: "NVIDIA, CUDA 13.0",
    TorchBuild.CUDA_12_8: "NVIDIA, CUDA 12.8",
    TorchBuild.CUDA_12_6: "NVIDIA, CUDA 12.6",
    TorchBuild.CPU: "CPU only",
    TorchBuild.REGISTRY: "As the package index has it",
}


def candidates(choice: TorchBuild, system: str, machine: str, driver: int | None) -> tuple[TorchBuild, ...]:
    """Return the builds to try, the best first; a later one only when the one before is not to be had.

    system, machine: as `platform` names them. driver: the major version of NVIDIA's driver, None without one.
    The registry's build is CUDA 13 on Linux, CPU only on Windows and Metal on macOS, so Windows with an NVIDIA
    card never falls back on it. Raises UserError("diffusion-unsupported") where PyTorch has no builds.
    """
    if system == "Darwin" and machine != "arm64":
        raise UserError(
            "diffusion-unsupported",
            "PyTorch is not made for Macs with Intel processors any more, so ToonCrafter cannot run here.",
            "Use the draft engine.",
        )
    if choice is not TorchBuild.AUTO:
        return (choice,)
    if system == "Darwin":
        return (TorchBuild.REGISTRY,)
    on_windows = system == "Windows"
    if driver is None or driver < _OLDEST_DRIVER[12]:
        return (TorchBuild.REGISTRY,) if on_windows else (TorchBuild.CPU, TorchBuild.REGISTRY)
    if driver >= _OLDEST_DRIVER[13]:
        cuda = (TorchBuild.CUDA_13_0, TorchBuild.CUDA_12_8, TorchBuild.CUDA_12_6)
        return cuda if on_windows else (TorchBuild.REGISTRY, *cuda)
    if driver >= _BLACKWELL_DRIVER:
        return (TorchBuild.CUDA_12_8, TorchBuild.CUDA_12_6)
    return (TorchBuild.CUDA_12_6,)


def candidates_here(choice: TorchBuild) -> tuple[TorchBuild, ...]:
    """Return the builds to try on this machine; asks NVIDIA's driver, which can take a moment."""
    return candidates(choice, platform.system(), platform.machine(), nvidia_driver())


def nvidia_driver() -> int | None:
    """Return the major version of NVIDIA's driver, None when there is none that answers."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        asked = subprocess.run(
            query, capture_output=True, timeout=_DRIVER_SECONDS, stdin=subprocess.DEVNULL, creationflags=hidden
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(rb"(\d+)\.", asked.stdout.strip())
    return int(found[1]) if asked.returncode == 0 and found else None
