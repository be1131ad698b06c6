"""The report: what a maintainer needs, and nothing that says who sent it."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend import doctor


def test_the_report_names_versions_system_devices_room_and_engines() -> None:
    text = doctor.report()
    for wanted in (
        "tooncrafter",
        "contract",
        "Python",
        "system",
        "device",
        "NVIDIA",
        "memory",
        "numpy",
        "engine draft",
    ):
        assert wanted in text, wanted


@pytest.mark.parametrize("home", ["/home/margarethe", "/Users/margarethe", "C:\\Users\\margarethe"])
def test_names_and_home_folders_are_left_out(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path(home))
    monkeypatch.setenv("USER", "margarethe")
    monkeypatch.setenv("USERNAME", "margarethe")
    said = f"“{home}/shots/a.blend” by margarethe; escaped {home!r}; margarethenstrasse stays"
    told = doctor.without_names(said)
    assert "margarethe/" not in told and "by margarethe" not in told and "\\margarethe" not in told
    assert "margarethenstrasse" in told and "a.blend" in told


def test_the_last_installation_is_told_without_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("\n".join(f"line {number}" for number in range(100)))
    told = doctor.log_facts(tmp_path)
    assert told[-1].strip() == "line 99" and len(told) < 20
    assert doctor.log_facts(tmp_path / "absent") == []
