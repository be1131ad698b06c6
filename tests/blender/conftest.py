"""Real Blender for every test here: the `bpy` wheel, or Blender itself through `run_in_blender.py`.

The repository is enabled as a user would have it: as an extension, in a repository of its own. Tests import
`bl_ext.checkout.tooncrafter_blender.tooncrafter_blender`, the very path that Blender uses. Nothing is read from or
written to the person's own Blender configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # for `tests.blender` and `examples`
    sys.path.insert(0, str(ROOT))

from examples import checkout  # noqa: E402 - found through the line above

if TYPE_CHECKING:
    import bpy

if "bpy" not in sys.modules:  # otherwise this is Blender, with a configuration that its starter chose
    checkout.use_private_resources()

try:
    import bpy
except ModuleNotFoundError:
    collect_ignore_glob = ["test_*.py"]  # this Python has no Blender; the suite runs these with another
else:
    _repository = checkout.enable()

    def pytest_unconfigure() -> None:
        """Leave Blender as it was."""
        checkout.disable(_repository)


@pytest.fixture
def scene() -> Iterator[bpy.types.Scene]:
    """An empty scene: 160 by 100 pixels at 12 frames a second, an orthographic camera 8 units wide, no objects."""
    from tests.blender import scenes

    yield scenes.empty_scene()
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)


@pytest.fixture
def nothing_on_its_way() -> Iterator[None]:
    """No job and no film before the test, and none of its own after it."""
    from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import queue
    from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.sequencer import background

    queue.entries.clear()
    queue.refused = None
    yield
    background.close()
    for entry in queue.entries:
        queue.cancel(entry)
        queue.wait(entry)
    queue.entries.clear()
    queue.refused = None
