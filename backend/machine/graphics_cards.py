"""Which devices a batch may draw on, by the names that people type: auto, cpu, cuda:0, cuda:1."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from ..engines import DEVICE_VARIABLE
from ..errors import UserError

#: Leaves the choice to the engine.
AUTO = "auto"
_CARD = re.compile(r"cuda:(\d{1,3})")
_HIDE = "CUDA_VISIBLE_DEVICES"


def card_count() -> int:
    """Return how many CUDA cards this process may use; asks in a process of its own, since torch is heavy."""
    if find_spec("torch") is None:
        return 0
    ask = "import torch; print(torch.cuda.device_count())"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    last = told.stdout.split()[-1:]
    return int(last[0]) if told.returncode == 0 and last and last[0].isdigit() else 0


def parse_devices(text: str) -> tuple[str, ...]:
    """Return the devices in a list such as "cuda:0,cuda:1"; one that is named twice counts twice.

    Raises UserError("device-unknown") or, for a card that is not there, UserError("device-missing").
    """
    devices = tuple(name.strip() for name in text.split(","))
    for name in devices:
        if name not in (AUTO, "cpu") and not _CARD.fullmatch(name):
            raise UserError(
                "device-unknown", f"“{name}” is not a device.", "Name devices such as cuda:0,cuda:1 or cpu."
            )
    highest = max((int(match[1]) for name in devices if (match := _CARD.fullmatch(name))), default=-1)
    if highest >= 0 and highest >= (count := card_count()):
        raise UserError(
            "device-missing",
            f"There is no cuda:{highest}; CUDA graphics cards on this machine: {count}.",
            "Run `tooncrafter doctor` to see what there is.",
        )
    return devices


def every_device(heavy: bool) -> tuple[str, ...]:
    """Return one name for each card when there is heavy work for them, else one that leaves it to the engine."""
    cards = card_count() if heavy else 0
    return tuple(f"cuda:{index}" for index in range(cards)) or (AUTO,)


def environment_for(device: str, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that let a process see this device only.

    Cards are counted among those that we ourselves may see, so a farm that gave us cards 4 and 7 has cuda:0 mean 4.
    """
    if device == "cpu":
        return {_HIDE: "-1", DEVICE_VARIABLE: "cpu"}
    match = _CARD.fullmatch(device)
    if match is None:
        return {}
    visible = [name for name in inherited.get(_HIDE, "").split(",") if name]
    index = int(match[1])
    return {_HIDE: visible[index] if index < len(visible) else str(index), DEVICE_VARIABLE: "cuda"}
