"""The golden cases: a json and its tensors each, and the rule by which an output equals its golden tensor.

A case says everything itself: which component, its configuration, where its weights are, and its tolerances.
PARITY_CASES names another folder of cases.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

DEFAULT_FOLDER = Path(__file__).parents[1] / "data" / "parity"

#: Component -> what the json's `component` says.
COMPONENTS: Mapping[str, str] = {
    "unet": r"^\(a\)|UNetModel",
    "image_projector": r"^\(b\)|Resampler image projector",
    "autoencoder": r"^\(c\)|AutoencoderKL_Dualref",
    "sketch": r"^\(d\)|sketch encoder",
    "schedule": r"^\(e\)|noise schedule",
    "sampling": r"^\(f\)|full DDIM sampling",
    "clip": r"^\(g\)|CLIP text",
    "end_to_end": r"^\(h\)|end to end",
    "preprocessing": r"preprocessing",
}


def folder() -> Path:
    """The folder of cases."""
    return Path(os.environ.get("PARITY_CASES") or DEFAULT_FOLDER)


@dataclass(frozen=True)
class Case:
    """One golden case."""

    path: Path

    @cached_property
    def info(self) -> dict[str, Any]:
        info: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return info

    @property
    def component(self) -> str | None:
        """Which component the case is about; None for one that we do not know."""
        said = self.info["component"]
        return next((name for name, pattern in COMPONENTS.items() if re.search(pattern, said)), None)

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Inputs and golden outputs by name, `in.…` and `out.…`."""
        with safe_open(self.path.with_name(self.info["file"]), "pt") as file:
            return {
                name: file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118 - not a dict
                if name.startswith(("in.", "out."))
            }

    def input(self, name: str) -> Tensor:
        return self.tensors[f"in.{name}"]

    def output(self, name: str) -> Tensor:
        return self.tensors[f"out.{name}"]

    def outputs(self, pattern: str) -> Iterator[tuple[re.Match[str], Tensor]]:
        """The golden outputs whose whole name, without `out.`, matches the pattern."""
        for name, tensor in self.tensors.items():
            match = re.fullmatch("out\\." + pattern, name)
            if match:
                yield match, tensor

    def weights(self, prefix: str = "") -> dict[str, Tensor]:
        """The case's float32 weights whose keys start with the prefix, without it."""
        files = tuple(self.path.with_name(name) for name in (*self.info.get("weights_from", ()), self.info["file"]))
        return {
            key.removeprefix(prefix): tensor
            for key, tensor in _read_weights(files).items()
            if key.startswith(prefix)
        }

    def assert_equals(self, actual: Tensor, name: str) -> None:
        """The output equals its golden tensor: max|difference| <= atol + rtol * max|golden|."""
        excess = over_tolerance(actual, self.output(name), self.info["rtol"], self.info["atol"])
        assert excess <= 1, f"{self.path.stem}: {name} is {excess:.3g} times the tolerance off"


def over_tolerance(actual: Tensor, golden: Tensor, rtol: float, atol: float) -> float:
    """How many times the tolerance the largest difference is; infinite for another shape or a NaN."""
    if actual.shape != golden.shape or not torch.isfinite(actual.double()).all():
        return float("inf")
    if not golden.numel():
        return 0.0
    difference = (actual.double() - golden.double()).abs().max()
    return float(difference / (atol + rtol * golden.double().abs().max()))


@cache
def _read_weights(files: tuple[Path, ...]) -> Mapping[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for path in files:
        about = path.with_suffix(".json")
        sparse = json.loads(about.read_text(encoding="utf-8")).get("sparse_rows", {}) if about.exists() else {}
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a dict
                if name.startswith("w."):
                    weights[name.removeprefix("w.")] = file.get_tensor(name).float()
            for key, rows in sparse.items():
                weights[key] = torch.zeros(rows["full_shape"])
                weights[key][file.get_tensor(f"wrows.{key}.idx").long()] = file.get_tensor(
                    f"wrows.{key}.val"
                ).float()
    return weights


def all_cases() -> list[Case]:
    """Every case of the folder: a json that names a component and has golden outputs."""
    cases = []
    for path in sorted(folder().glob("*.json")):
        case = Case(path)
        info = case.info
        if isinstance(info, dict) and "component" in info and any(k.startswith("out.") for k in info["tensors"]):
            cases.append(case)
    return cases


def table(name: str) -> Any | None:
    """A json of the folder that is not a case, or None where the folder lacks it."""
    path = folder() / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
