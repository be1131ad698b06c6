"""A Grease Pencil shot as numbered pictures: what training datasets are cut from."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import commands

from tests.blender import scenes


@pytest.fixture
def shot(scene: bpy.types.Scene, tmp_path: Path) -> Path:
    """A saved file with a box that moves at frames 1, 3 and 5 of five, open."""
    scenes.moving_box(scene, 1, 3, 5)
    scene.frame_start, scene.frame_end = 1, 5
    file = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    return file


def test_every_frame_of_the_scene_becomes_a_picture_with_its_rate_beside(shot: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    assert commands.inbetween(["--shot", str(folder), "--width", "80"]) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "00001.png", "00002.png", "00003.png", "00004.png", "00005.png", "fps.txt",
    ]  # fmt: skip
    assert (folder / "fps.txt").read_text() == "12\n"
    pictures = [scenes.picture(folder / f"{number:05d}.png") for number in range(1, 6)]
    assert all(picture.shape == (50, 80, 4) for picture in pictures)
    assert (pictures[0] == pictures[1]).all() and (pictures[2] == pictures[3]).all()
    assert (pictures[1] != pictures[2]).any() and (pictures[3] != pictures[4]).any()
    assert bpy.context.scene.frame_current == 1 and len(bpy.data.scenes) == 1


def test_a_shot_is_never_written_over_something(shot: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "mine.png").write_bytes(b"mine")
    assert commands.inbetween(["--shot", str(folder)]) == 2
    assert [path.name for path in folder.iterdir()] == ["mine.png"]
