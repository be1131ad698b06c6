"""How much memory the process that asks has had in use at most."""

from __future__ import annotations

import platform
import resource
from pathlib import Path


def peak_memory_gb() -> float:
    """Return the most memory that this process ever had in use, mapped file pages included."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if platform.system() == "Darwin" else 1024) / 1e9
