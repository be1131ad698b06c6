"""Where the GUI tests find a Blender and a browser, and what they say where they find none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.gui import __main__ as gui

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the GUI tests need Linux or a Blender that is named"
)


@pytest.fixture
def nothing_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def test_where_no_blender_can_be_the_gui_tests_are_skipped_with_a_sentence(
    nothing_on_path: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert gui.main([]) == 0
    said = capsys.readouterr().out
    assert said.startswith("The GUI tests are skipped: ") and "root" in said and said.count("\n") == 1


def test_a_blender_that_was_asked_for_and_cannot_be_driven_is_a_failure(
    nothing_on_path: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gui.main(["--blender", "/opt/blender/blender"]) == 2
    assert "xdotool" in capsys.readouterr().out


@pytest.mark.parametrize(("version", "good"), [("4.2.9", False), ("4.5.0", True), ("5.2.2 LTS", True), ("", False)])
def test_only_a_blender_that_the_add_on_works_in_is_taken_from_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, good: bool
) -> None:
    blender = tmp_path / "blender"
    blender.write_text(f"#!/bin/sh\necho 'Blender {version}'\n")
    blender.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert gui._on_path() == (str(blender) if good else None)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders are entered on Linux")
def test_a_folder_made_by_half_is_cleared_away_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests import debian_folder

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = debian_folder.BLENDER
    place = folder.place
    place.parent.mkdir()
    for left in (place, place.with_suffix(".half")):
        left.mkdir()
        (left / "leftover").touch()
    monkeypatch.setattr(debian_folder, "_KEPT_FREE_BYTES", 0)
    made: list[Path] = []

    def install(folder: debian_folder.DebianFolder, half: Path, log: int) -> None:
        assert not half.exists()
        half.mkdir()
        made.append(half)

    monkeypatch.setattr(debian_folder, "_install", install)
    for _ in range(2):  # the second time it is there
        debian_folder.make(folder, lambda words: None)
    assert len(made) == 1 and debian_folder.is_ready(folder)
    assert not (place / "leftover").exists() and not place.with_suffix(".half").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders are entered on Linux")
def test_a_folder_that_cannot_be_made_is_a_sentence_that_names_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests import debian_folder

    def install(folder: debian_folder.DebianFolder, half: Path, log: int) -> None:
        half.mkdir()
        raise OSError("the mirror does not answer")

    monkeypatch.setattr(debian_folder, "_install", install)
    monkeypatch.setattr(debian_folder, "_KEPT_FREE_BYTES", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"the mirror does not answer; see .*\.log"):
        debian_folder.make(debian_folder.BROWSER, lambda words: None)
    assert not debian_folder.is_ready(debian_folder.BROWSER)
