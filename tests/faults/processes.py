"""What a process takes of the machine, as Linux tells it."""

from __future__ import annotations

import time
from pathlib import Path

#: Looks one after another that must find a process at rest.
_LOOKS = 3


def memory_kilobytes(process: int) -> int:
    """What the process has taken for itself, wherever the system keeps it now: in memory or swapped out."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "VmSwap")))


def open_files(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def wait_for_rest(process: int, seconds: float = 60) -> None:
    """Wait until all of its threads sleep: what it does after its last word is done, too."""
    end, looks = time.monotonic() + seconds, 0
    while looks < _LOOKS:
        assert time.monotonic() < end, "it never came to rest"
        stats = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/stat")]
        asleep = all(stat.rpartition(")")[2].split()[0] == "S" for stat in stats)
        looks = looks + 1 if asleep else 0
        time.sleep(0.02)
