"""How much memory is free, and which of the engine's memory modes that is enough for."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
import torch

from backend.engines.tooncrafter.computing import Computing, usual_computing
from backend.engines.tooncrafter.configuration import read_configuration
from backend.engines.tooncrafter.memory import Mode, choose_mode, needs_bytes
from backend.engines.tooncrafter.model import ToonCrafter, empty_model, empty_sketch_encoder
from backend.machine import devices
from backend.machine.control_groups import room_in_control_groups
from backend.machine.devices import free_memory_gb

GB = 2**30


@pytest.fixture(scope="module")
def published() -> ToonCrafter:
    """The model in its published sizes, without numbers, guides' encoder included."""
    configuration = read_configuration()
    model = empty_model(configuration)
    model.sketch_encoder = empty_sketch_encoder(configuration)
    return model


@pytest.fixture(scope="module")
def card() -> Computing:
    return usual_computing(torch.device("cuda"))


def test_this_system_tells_how_much_is_free() -> None:
    assert 0 < free_memory_gb() < 10_000


def test_linux_counts_what_it_would_give_up_as_free() -> None:
    told = "MemTotal:       16304532 kB\nMemFree:          402112 kB\nMemAvailable:    8388608 kB\n"
    assert devices._free_bytes_of_meminfo(told) == 8 * GB
    assert devices._free_bytes_of_meminfo("MemTotal: 5 kB\n") == 0


def group(folder: Path, **files: str) -> None:
    """Write a control group's files; dots in their names are underscores here."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text + "\n")


def test_a_control_group_leaves_less_than_the_machine_has(tmp_path: Path) -> None:
    membership, place = tmp_path / "cgroup", tmp_path / "fs"
    membership.write_text("0::/farm/job 7\n")
    group(place, memory_stat="inactive_file 0")
    group(place / "farm", memory_max="6000", memory_current="2500", memory_stat="anon 5\ninactive_file 500")
    group(place / "farm" / "job 7", memory_max="max", memory_current="2000", memory_stat="inactive_file 500")
    assert room_in_control_groups(membership, place) == 4000
    group(place / "farm" / "job 7", memory_max="3000")
    assert room_in_control_groups(membership, place) == 1500
    group(place / "farm" / "job 7", memory_current="3600")
    assert room_in_control_groups(membership, place) == 0


def test_the_older_control_groups_are_read_too(tmp_path: Path) -> None:
    membership, place = tmp_path / "cgroup", tmp_path / "fs"
    membership.write_text("9:name=systemd:/\n4:cpu,memory:/../escape\n0::/\n")
    numbers = {"memory_limit_in_bytes": "900", "memory_usage_in_bytes": "300"}
    group(place / "memory", **numbers, memory_stat="total_inactive_file 100")
    assert room_in_control_groups(membership, place) == 700


def test_without_control_groups_nothing_limits(tmp_path: Path) -> None:
    assert room_in_control_groups(tmp_path / "missing", tmp_path) is None
    (tmp_path / "cgroup").write_text("0::/\nnonsense\n")
    assert room_in_control_groups(tmp_path / "cgroup", tmp_path) is None


def test_macos_counts_pages_of_its_own_size() -> None:
    told = (
        "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n"
        "Pages free:                              100000.\n"
        "Pages active:                            300000.\n"
        "Pages inactive:                           60000.\n"
        "Pages speculative:                         2000.\n"
        "Pages wired down:                        150000.\n"
        "Pages purgeable:                           1000.\n"
        '"Translation faults":                 123456789.\n'
    )
    assert devices._free_bytes_of_vm_stat(told) == 163_000 * 16384
    assert devices._free_bytes_of_vm_stat("") == 0


def test_windows_is_asked_with_a_record_of_the_size_it_wants() -> None:
    assert ctypes.sizeof(devices._MemoryStatus) == 64
    assert devices._MemoryStatus.available_physical.offset == 16


def test_a_thriftier_mode_needs_less_and_each_keeps_to_its_bound(published: ToonCrafter, card: Computing) -> None:
    needs = [needs_bytes(mode, published, card) / GB for mode in Mode]
    assert needs == sorted(needs, reverse=True)
    assert needs[0] <= 8 and needs[1] <= 6 and needs[3] <= 4


@pytest.mark.parametrize(
    ("free_gb", "mode"),
    [
        (80, Mode.RESIDENT),
        (11, Mode.RESIDENT),
        (7.5, Mode.STAGED),
        (5.5, Mode.SLICED),
        (3.5, Mode.STREAMED),
        (1.5, None),
        (0, Mode.RESIDENT),
    ],
)
def test_the_fastest_mode_that_fits_is_chosen(
    published: ToonCrafter, card: Computing, free_gb: float, mode: Mode | None
) -> None:
    assert choose_mode(published, card, int(free_gb * GB)) is mode


@pytest.mark.parametrize("mode", Mode)
def test_a_mode_is_chosen_only_with_room_to_spare(published: ToonCrafter, card: Computing, mode: Mode) -> None:
    needed = needs_bytes(mode, published, card)
    assert choose_mode(published, card, needed) is not mode
    assert choose_mode(published, card, int(needed * 1.12)) is mode


def test_full_precision_on_a_processor_needs_more(published: ToonCrafter, card: Computing) -> None:
    processor = usual_computing(torch.device("cpu"))
    for mode in Mode:
        assert needs_bytes(mode, published, processor) > 1.3 * needs_bytes(mode, published, card)
