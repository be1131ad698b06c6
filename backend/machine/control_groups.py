"""How much memory Linux's control groups leave this process: containers and batch systems set limits with them.

Both versions: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

_MEMBERSHIP = Path("/proc/self/cgroup")
#: Where the groups' files are, and which of them tell limit, use and what could be given up, for each version.
_PLACE = Path("/sys/fs/cgroup")
_V2 = ("memory.max", "memory.current", "inactive_file")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def room_in_control_groups(membership: Path = _MEMBERSHIP, place: Path = _PLACE) -> int | None:
    """Return the bytes that the tightest group above this process still gives, or None without a limit.

    membership: the file that names this process' groups. Caches of files that the kernel would give up count as
    free.
    """
    try:
        named = membership.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    rooms = []
    for _, controllers, group in re.findall(r"^(\d+):([^:]*):(.*)$", named, re.MULTILINE):
        if not controllers:
            rooms += [_room(folder, *_V2) for folder in _with_parents(place, group)]
        elif "memory" in controllers.split(","):
            rooms += [_room(folder, *_V1) for folder in _with_parents(place / "memory", group)]
    return min((room for room in rooms if room is not None), default=None)


def _with_parents(place: Path, group: str) -> list[Path]:
    """Return the folders of a group and of all above it; inside a container only the topmost may be there."""
    inner = PurePosixPath(group.lstrip("/"))
    return [place / part for part in (inner, *inner.parents) if ".." not in part.parts]


def _room(folder: Path, limit_file: str, usage_file: str, cache: str) -> int | None:
    """Return what one group leaves, or None where it has no limit or does not tell."""
    try:
        limit, usage = ((folder / name).read_text(encoding="ascii").strip() for name in (limit_file, usage_file))
        stat = (folder / "memory.stat").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
    if not limit.isdecimal() or not usage.isdecimal():
        return None
    idle = re.search(rf"^{cache} (\d+)$", stat, re.MULTILINE)
    return max(0, int(limit) - int(usage) + (int(idle[1]) if idle else 0))
