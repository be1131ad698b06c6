"""What this machine can compute on, asked without loading anything heavy."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path


def describe_device() -> str:
    """Return the best device in words. Only says more than "CPU" when torch is loaded anyway."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    return f"CPU, {os.cpu_count() or 1} cores"


def free_memory_gb() -> float:
    """Return the memory that programs can still take, in GB; 0.0 where the system does not tell."""
    if platform.system() == "Linux":
        try:
            for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
                if line.startswith("MemAvailable:"):
                    return round(int(line.split()[1]) / 2**20, 1)
        except (OSError, ValueError):
            return 0.0
    return 0.0
