"""Which build of PyTorch is tried first, by system and driver."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from backend.environment.torch_builds import TorchBuild, candidates, nvidia_driver
from backend.errors import UserError

AUTO = TorchBuild.AUTO


@pytest.mark.parametrize(
    ("system", "machine", "driver", "first"),
    [
        ("Linux", "x86_64", 590, TorchBuild.REGISTRY),
        ("Linux", "x86_64", 575, TorchBuild.CUDA_12_8),
        ("Linux", "x86_64", 535, TorchBuild.CUDA_12_6),
        ("Linux", "x86_64", 470, TorchBuild.CPU),
        ("Linux", "x86_64", None, TorchBuild.CPU),
        ("Linux", "aarch64", None, TorchBuild.CPU),
        ("Windows", "AMD64", 590, TorchBuild.CUDA_13_0),
        ("Windows", "AMD64", 572, TorchBuild.CUDA_12_8),
        ("Windows", "AMD64", 528, TorchBuild.CUDA_12_6),
        ("Windows", "AMD64", None, TorchBuild.REGISTRY),
        ("Darwin", "arm64", None, TorchBuild.REGISTRY),
    ],
)
def test_the_automatic_choice_follows_system_and_driver(
    system: str, machine: str, driver: int | None, first: TorchBuild
) -> None:
    assert candidates(AUTO, system, machine, driver)[0] is first


@pytest.mark.parametrize("driver", range(525, 620, 5))
def test_windows_with_an_nvidia_card_never_gets_a_build_without_cuda(driver: int) -> None:
    without_cuda = {TorchBuild.REGISTRY, TorchBuild.CPU}
    assert not without_cuda & set(candidates(AUTO, "Windows", "AMD64", driver))


@pytest.mark.parametrize("choice", [build for build in TorchBuild if build is not AUTO])
def test_what_the_person_chooses_is_tried_alone(choice: TorchBuild) -> None:
    assert candidates(choice, "Windows", "AMD64", None) == (choice,)
    assert candidates(choice, "Linux", "x86_64", 590) == (choice,)


@pytest.mark.parametrize("choice", list(TorchBuild))
def test_an_intel_mac_is_told_that_it_cannot(choice: TorchBuild) -> None:
    with pytest.raises(UserError) as caught:
        candidates(choice, "Darwin", "x86_64", None)
    assert caught.value.code == "diffusion-unsupported"


@pytest.mark.skipif(os.name == "nt", reason="makes a program as POSIX has them")
@pytest.mark.parametrize(
    ("answer", "code", "driver"),
    [("580.95.05\n580.95.05\n", 0, 580), ("No devices were found\n", 6, None), ("", 0, None), ("N/A\n", 0, None)],
)
def test_the_driver_is_asked_by_its_own_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, driver: int | None
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.write({answer!r})\nsys.exit({code})\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_driver() == driver
