"""Real Blender for every test here: the `bpy` wheel, or Blender itself through `run_in_blender.py`.

The repository is enabled as a user would have it: as an extension, through a link in a temporary extensions
repository. Tests import `bl_ext.checkout.tooncrafter_blender.tooncrafter_blender`, the paths Blender uses.
Nothing is read from or written to the person's own Blender configuration.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "checkout"
ADDON = f"bl_ext.{REPOSITORY}.tooncrafter_blender"

if "bpy" not in sys.modules:  # otherwise Blender is already running, with resources that its starter chose
    _resources = tempfile.mkdtemp(prefix="tooncrafter-blender-user-")
    os.environ["BLENDER_USER_RESOURCES"] = _resources
    atexit.register(shutil.rmtree, _resources, ignore_errors=True)

try:
    import bpy
except ModuleNotFoundError:
    collect_ignore_glob = ["test_*.py"]  # this Python has no Blender; the suite runs these with another
else:
    import addon_utils

    if str(ROOT) not in sys.path:  # for `tests.blender.scenes` and `examples`
        sys.path.insert(0, str(ROOT))

    def _link(target: Path, link: Path) -> None:
        """Make the folder `link` show `target`; Windows allows junctions where it forbids symbolic links."""
        try:
            link.symlink_to(target, target_is_directory=True)
        except OSError:
            if sys.platform != "win32":
                raise
            import _winapi

            _winapi.CreateJunction(str(target), str(link))

    def _unlink(link: Path) -> None:
        if link.is_symlink():
            link.unlink()
        else:
            link.rmdir()  # a junction goes like an empty folder; what it shows stays

    def _enable(repositories: Path) -> None:
        bpy.context.preferences.extensions.repos.new(
            name="Checkout", module=REPOSITORY, custom_directory=str(repositories), remote_url=""
        )

        def fail(error: BaseException) -> None:
            raise error

        assert addon_utils.enable(ADDON, default_set=True, handle_error=fail), "the add-on did not register"

    def pytest_unconfigure() -> None:
        addon_utils.disable(ADDON, default_set=True)  # classes left registered crash Blender at exit
        _unlink(_repositories / "tooncrafter_blender")
        shutil.rmtree(_repositories, ignore_errors=True)

    _repositories = Path(tempfile.mkdtemp(prefix="tooncrafter-blender-extensions-"))
    _link(ROOT, _repositories / "tooncrafter_blender")
    _enable(_repositories)


@pytest.fixture
def scene() -> Iterator[bpy.types.Scene]:
    """An empty scene: 160 by 100 pixels at 12 frames a second, an orthographic camera 8 units wide, no objects."""
    from tests.blender import scenes

    yield scenes.empty_scene()
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
