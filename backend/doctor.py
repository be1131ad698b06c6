"""One page of text that tells what works here and what to do about the rest, without personal paths or names."""

from __future__ import annotations

import platform
from importlib import metadata

from . import __version__
from .devices import describe_device, free_memory_gb
from .engines import engine_obstacles
from .job import CONTRACT_VERSION

_PACKAGES = ("numpy", "opencv-python-headless", "scipy", "pillow", "torch", "open_clip_torch", "safetensors")


def report() -> str:
    """Return the report, one fact a line."""
    lines = [
        f"tooncrafter               {__version__}, contract {CONTRACT_VERSION}",
        f"Python                    {platform.python_version()}",
        f"system                    {platform.system()} {platform.release()} {platform.machine()}",
        f"device                    {describe_device()}",
        f"free memory               {free_memory_gb()} GB",
    ]
    for package in _PACKAGES:
        try:
            lines.append(f"{package:<26}{metadata.version(package)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{package:<26}not installed")
    for engine, obstacle in engine_obstacles().items():
        lines.append(f"engine {engine:<19}{obstacle or 'ok'}")
    return "\n".join(lines)
