"""Where a job belongs: the scene and object that it was made from, found again after loading, undo or renaming."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import bpy
from bpy.app.handlers import persistent
from bpy.props import StringProperty

from ...backend.contract.job import Job
from .from_strips import is_from_strips
from .queue import Entry, Home, queue

_T = TypeVar("_T", bpy.types.Scene, bpy.types.Object)
_NUMBERED: tuple[Any, ...] = (bpy.types.Scene, bpy.types.Object)

_session = uuid.uuid4().hex


def home_of(scene: bpy.types.Scene, obj: bpy.types.Object | None, name: str = "") -> Home:
    """Return how to find the scene and object again. name: of what is worked on, where that is no object."""
    named, uid = (obj.name, obj.session_uid) if obj else (name, 0)
    return Home(bpy.data.filepath, _session, scene.name, scene.session_uid, named, uid)


def source_of(scene: bpy.types.Scene, obj: bpy.types.Object | None, name: str = "") -> dict[str, str]:
    """Return the same for the job's file, where it must outlast this session.

    Names may change, so scene and object get a number that they keep, unless they are linked from another file.
    """
    return {
        "file": bpy.data.filepath,
        "scene": scene.name,
        "object": obj.name if obj else name,
        "scene_id": _identity(scene),
        "object_id": _identity(obj) if obj else "",
    }


def home_of_old(job: Job, file: str) -> Home:
    """Return where a job of an earlier session belongs that was found beside `file`."""
    return Home(file, "", job.source.get("scene", ""), 0, job.source.get("object", ""), 0)


def is_open(entry: Entry) -> bool:
    """Tell whether the file that the job was made from is the one that is open now."""
    return _is_open(entry.home)


def _is_open(home: Home) -> bool:
    return home.session == _session or (bool(home.file) and _same_file(home.file, bpy.data.filepath))


def find_scene(entry: Entry) -> bpy.types.Scene | None:
    """Return the scene that the job was made from, None when its file is closed or the scene is gone."""
    return scene_at(entry.home, entry.job.source.get("scene_id", ""))


def scene_at(home: Home, identity: str = "") -> bpy.types.Scene | None:
    """Return the scene of a home, None when its file is closed or the scene is gone. identity: its number."""
    if not _is_open(home):
        return None
    if home.session == _session:
        return next((scene for scene in bpy.data.scenes if scene.session_uid == home.scene_uid), None)
    return _find(bpy.data.scenes, home.scene, identity)


def find_object(entry: Entry) -> bpy.types.Object | None:
    """Return the object that the job was made from, None when it is gone."""
    scene = find_scene(entry)
    if scene is None or is_from_strips(entry.job):
        return None
    if entry.home.session == _session and entry.home.object_uid:
        return next((obj for obj in scene.objects if obj.session_uid == entry.home.object_uid), None)
    return _find(scene.objects, entry.home.object, entry.job.source.get("object_id", ""))


def _find(things: Iterable[_T], name: str, identity: str) -> _T | None:
    """Return the thing with that number; a copy keeps the number, so of several the one with that name."""
    numbered = [thing for thing in things if identity and cast(Any, thing).inbetween_id == identity]
    named = [thing for thing in numbered or things if thing.name == name]
    return next(iter(named or numbered), None)


def _identity(thing: bpy.types.Scene | bpy.types.Object) -> str:
    """Return the number of a scene or object, which is given one when it has none."""
    if not cast(Any, thing).inbetween_id and thing.is_editable:
        cast(Any, thing).inbetween_id = uuid.uuid4().hex
    return str(cast(Any, thing).inbetween_id)


def entries_here() -> list[Entry]:
    """Return the jobs of the file that is open now."""
    return [entry for entry in queue.entries if is_open(entry)]


def _same_file(left: str, right: str) -> bool:
    return bool(left and right) and (left == right or _resolved(left) == _resolved(right))


@lru_cache(maxsize=256)
def _resolved(file: str) -> Path:
    return Path(file).resolve()  # asks the disk, and panels ask at every redraw


@persistent  # type: ignore[untyped-decorator]
def _new_session(*_: object) -> None:
    global _session
    _session = uuid.uuid4().hex
    _resolved.cache_clear()


@persistent  # type: ignore[untyped-decorator]
def _remember_file(*_: object) -> None:
    """The file has a name now, or another one."""
    for entry in queue.entries:
        if entry.home.session == _session:
            entry.home.file = bpy.data.filepath


def register() -> None:
    """Follow loading and saving; give scenes and objects room for a number."""
    for kind in _NUMBERED:
        kind.inbetween_id = StringProperty(
            name="In-between Number", description="How jobs find this again when it is renamed", options={"HIDDEN"}
        )
    bpy.app.handlers.load_post.append(_new_session)
    bpy.app.handlers.save_post.append(_remember_file)


def unregister() -> None:
    """Stop following; numbers in files stay there."""
    for kind in _NUMBERED:
        del kind.inbetween_id
    bpy.app.handlers.load_post.remove(_new_session)
    bpy.app.handlers.save_post.remove(_remember_file)
