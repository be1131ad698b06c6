"""Where a job belongs: the scene and object that it was made from, found again after loading, undo or renaming."""

from __future__ import annotations

import uuid
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from .jobs import Entry, Home, queue

_session = uuid.uuid4().hex


def home_of(scene: bpy.types.Scene, obj: bpy.types.Object) -> Home:
    """Return how to find the scene and object again."""
    return Home(bpy.data.filepath, _session, scene.name, scene.session_uid, obj.name)


def is_open(entry: Entry) -> bool:
    """Tell whether the file that the job was made from is the one that is open now."""
    if entry.home.session == _session:
        return True
    return bool(entry.home.file) and _same_file(entry.home.file, bpy.data.filepath)


def find_scene(entry: Entry) -> bpy.types.Scene | None:
    """Return the scene that the job was made from, None when its file is closed or the scene is gone."""
    if not is_open(entry):
        return None
    if entry.home.session == _session:
        for scene in bpy.data.scenes:
            if scene.session_uid == entry.home.scene_uid:
                return scene
        return None
    return bpy.data.scenes.get(entry.home.scene)


def find_object(entry: Entry) -> bpy.types.Object | None:
    """Return the object that the job was made from, None when it is gone."""
    scene = find_scene(entry)
    return scene.objects.get(entry.home.object) if scene else None


def entries_here() -> list[Entry]:
    """Return the jobs of the file that is open now."""
    return [entry for entry in queue.entries if is_open(entry)]


def _same_file(left: str, right: str) -> bool:
    if not left or not right:
        return False
    return Path(left).resolve() == Path(right).resolve()


@persistent  # type: ignore[untyped-decorator]
def _new_session(*_: object) -> None:
    global _session
    _session = uuid.uuid4().hex


@persistent  # type: ignore[untyped-decorator]
def _remember_file(*_: object) -> None:
    """The file has a name now, or another one."""
    for entry in queue.entries:
        if entry.home.session == _session:
            entry.home.file = bpy.data.filepath


def register() -> None:
    """Follow loading and saving."""
    bpy.app.handlers.load_post.append(_new_session)
    bpy.app.handlers.save_post.append(_remember_file)


def unregister() -> None:
    """Stop following."""
    bpy.app.handlers.load_post.remove(_new_session)
    bpy.app.handlers.save_post.remove(_remember_file)
