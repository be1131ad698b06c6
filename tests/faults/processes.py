"""What a process takes of the machine, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

from tests.patience import wait_until

#: Looks one after another that must find a process at rest.
_LOOKS = 3


def memory_kilobytes(process: int) -> int:
    """What the process has taken for itself, wherever the system keeps it now: in memory or swapped out."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "VmSwap")))


def open_files(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def wait_for_rest(process: int) -> None:
    """Wait until all of its threads sleep: what it does after its last word is done, too."""
    looks = 0

    def rests() -> bool:
        nonlocal looks
        stats = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/stat")]
        asleep = all(stat.rpartition(")")[2].split()[0] == "S" for stat in stats)
        looks = looks + 1 if asleep else 0
        return looks == _LOOKS

    wait_until(rests)
