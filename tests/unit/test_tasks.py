"""What `tasks.py` does with what it finds in the checkout."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import tasks


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_to_an_environment_that_is_gone_makes_room_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "living").symlink_to(tmp_path / "real")
    (tmp_path / "dead").symlink_to(tmp_path / "gone")
    for name in ("real", "living", "dead", "never"):
        tasks._remove_dead_link(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["living", "real"]
