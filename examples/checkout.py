"""Enable this checkout in Blender as a user would have it: as an extension, in a repository of its own.

For the `bpy` module, by the demo and the tests. Nothing is read from or written to the person's own Blender
configuration: import this before `bpy`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "checkout"
ADDON = f"bl_ext.{REPOSITORY}.tooncrafter_blender"


def use_private_resources() -> None:
    """Give Blender an empty configuration folder that goes away with this process; call it before importing bpy."""
    resources = tempfile.mkdtemp(prefix="tooncrafter-blender-user-")
    os.environ["BLENDER_USER_RESOURCES"] = resources
    atexit.register(shutil.rmtree, resources, ignore_errors=True)


def enable() -> Path:
    """Enable the add-on and return the repository folder that links to the checkout; any error is raised."""
    import addon_utils
    import bpy

    repository = Path(tempfile.mkdtemp(prefix="tooncrafter-blender-extensions-"))
    link(ROOT, repository / "tooncrafter_blender")
    bpy.context.preferences.extensions.repos.new(
        name="Checkout", module=REPOSITORY, custom_directory=str(repository), remote_url=""
    )

    def fail(error: BaseException) -> None:
        raise error

    assert addon_utils.enable(ADDON, default_set=True, handle_error=fail), "the add-on did not register"
    return repository


def disable(repository: Path) -> None:
    """Disable the add-on again: classes left registered crash Blender at exit."""
    import addon_utils

    addon_utils.disable(ADDON, default_set=True)
    unlink(repository / "tooncrafter_blender")
    shutil.rmtree(repository, ignore_errors=True)


def link(target: Path, place: Path) -> None:
    """Make the folder `place` show `target`; Windows allows junctions where it forbids symbolic links."""
    try:
        place.symlink_to(target, target_is_directory=True)
    except OSError:
        if sys.platform != "win32":
            raise
        import _winapi

        _winapi.CreateJunction(str(target), str(place))


def unlink(place: Path) -> None:
    """Remove what `link` made; what it showed stays."""
    if place.is_symlink():
        place.unlink()
    else:
        place.rmdir()  # a junction goes like an empty folder
