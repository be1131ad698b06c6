"""What this machine can compute on, asked without loading anything heavy."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from .control_groups import room_in_control_groups


def describe_device() -> str:
    """Return the best device in words. Only says more than "CPU" when torch is loaded anyway."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    return f"CPU, {os.cpu_count() or 1} cores"


def free_memory_gb() -> float:
    """Return the memory that programs can still take, in GB; 0.0 where the system does not tell."""
    try:
        match platform.system():
            case "Linux":
                free = _free_bytes_of_meminfo(Path("/proc/meminfo").read_text(encoding="ascii"))
                room = room_in_control_groups()
                free = free if room is None else min(free, room)
            case "Darwin":
                told = subprocess.run(
                    ["/usr/bin/vm_stat"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=10
                )
                free = _free_bytes_of_vm_stat(told.stdout)
            case "Windows":
                free = _free_bytes_of_windows()
            case _:
                free = 0
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0.0
    return round(free / 2**30, 1)


def _free_bytes_of_meminfo(text: str) -> int:
    """Linux's own estimate, caches that it would give up included."""
    told = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(told[1]) * 1024 if told else 0


def _free_bytes_of_vm_stat(text: str) -> int:
    """What macOS can give without writing to disk: pages that are free, read ahead, or caches of files."""
    size = re.search(r"page size of (\d+) bytes", text)
    pages = re.findall(r"^Pages (?:free|speculative|inactive|purgeable):\s+(\d+)\.", text, re.MULTILINE)
    return int(size[1]) * sum(map(int, pages)) if size else 0


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of Windows' sysinfoapi.h: two numbers of 32 bits, then seven of 64."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total_physical", ctypes.c_uint64),
        ("available_physical", ctypes.c_uint64),
        ("total_page_file", ctypes.c_uint64),
        ("available_page_file", ctypes.c_uint64),
        ("total_virtual", ctypes.c_uint64),
        ("available_virtual", ctypes.c_uint64),
        ("available_extended_virtual", ctypes.c_uint64),
    )


def _free_bytes_of_windows() -> int:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    kernel: Any = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    return int(status.available_physical) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else 0
