"""The report: what a maintainer needs, and nothing that says who sent it."""

from __future__ import annotations

import json
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
    assert "margarethenstrasse" in told and ".blend" in told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("“/mnt/client X/secret film/shot 1.blend” is gone.", "“….blend” is gone."),
        ("no room in D:\\Secret\\jobs, at all", "no room in …, at all"),
        ('uv venv "E:\\Secret film\\env" --python /usr/bin/python3.13', 'uv venv "…" --python /usr/bin/python3.13'),
        ("cannot open /srv/secret/keys/0001.png: denied", "cannot open ….png: denied"),
        ("'\\\\server\\secret\\a.png' and ~/secret/b.png.", "'….png' and ….png."),
        ("index https://anna:word@packages.studio/simple", "index https://packages.studio/simple"),
        ("from file:///home/secret/wheels", "from file://…"),
        ("frames/0002.png of 3/4, GPU/CPU, 5 MB/s", "frames/0002.png of 3/4, GPU/CPU, 5 MB/s"),
        ("/usr/../home/secret", "…"),
    ],
)
def test_paths_that_a_person_chose_are_left_out_wherever_they_stand(said: str, told: str) -> None:
    assert doctor.without_names(said) == told


def test_every_line_says_ok_or_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOONCRAFTER_WEIGHTS", str(tmp_path / "none"))
    lines = doctor.report().splitlines()
    assert {line[:4] for line in lines} == {"ok  ", "do  "}
    (missing,) = [line for line in lines if "weights model" in line]
    assert missing.startswith("do") and "import it with" in missing and str(tmp_path) not in missing


def test_weights_are_told_with_the_hashes_of_what_they_were_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {
        "format": "tooncrafter",
        "format_version": "1",
        "kind": "model",
        "precision": "fp16",
        "configuration": "{}",
        "sources": json.dumps([{"name": "model.ckpt", "sha256": "ab" * 32, "size": 7}]),
    }
    header = json.dumps({"__metadata__": about}).encode()
    (tmp_path / "tooncrafter.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    monkeypatch.setenv("TOONCRAFTER_WEIGHTS", str(tmp_path))
    told = "\n".join(doctor.weights_facts())
    assert "ok  weights model" in told and f"from model.ckpt, sha256 {'ab' * 32}" in told
    assert "do  weights sketch-encoder" in told


def test_the_last_installation_is_told_without_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("\n".join(f"line {number}" for number in range(100)))
    told = doctor.log_facts(tmp_path)
    assert told[-1].strip() == "line 99" and len(told) < 20
    assert doctor.log_facts(tmp_path / "absent") == []
