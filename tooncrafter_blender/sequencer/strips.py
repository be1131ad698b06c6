"""Strips as material: which are selected, and which picture of which file a strip shows at a frame.

Only what comes from files can be read in another process: image and movie strips.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import bpy

from ...backend.contract.picture_files import PICTURE_ENDINGS
from ...backend.errors import UserError
from .settings import rate_of

_KINDS = {
    "SCENE": "a scene strip",
    "META": "a meta strip",
    "MOVIECLIP": "a movie clip strip",
    "MASK": "a mask strip",
    "TEXT": "a text strip",
    "COLOR": "a colour strip",
    "ADJUSTMENT": "an adjustment layer",
}
#: PNG's numbers for colours with transparency, where they stand in the file, and other kinds that may have some.
_PNG_ALPHA, _PNG_KIND = (4, 6), 25
_CLEAR_KINDS = (".webp", ".tif", ".tiff", ".tga")
_RENDER_FIRST = "Render it to a movie or to pictures first, and use the strip of these."


@dataclass(frozen=True)
class Still:
    """A picture file, or a frame of a movie, counted from 1."""

    path: Path
    frame: int = 1


@dataclass(frozen=True)
class Part:
    """What a strip shows of its source, in the order of the source.

    start, length: the frames of the timeline that it is seen at. frames: how many pictures of the source that are.
    pictures: files, one for each frame of the timeline; empty for a movie. movie, first, last: file and frames of
    it, counted from 1. reverse: whether the movie is seen backwards.
    """

    start: int
    length: int
    frames: int
    pictures: tuple[Path, ...] = ()
    movie: Path = Path()
    first: int = 0
    last: int = 0
    reverse: bool = False


def scene_of(context: bpy.types.Context) -> bpy.types.Scene:
    """Return the scene whose strips the person sees; in Blender 5 that need not be the window's."""
    found = getattr(context, "sequencer_scene", None) or context.scene
    assert found
    return cast(bpy.types.Scene, found)


def selected(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    """Return the selected strips in the order of their beginning; sound goes along with pictures and is left out.

    Raises UserError for a scene without strips, one that cannot be changed, and while a meta strip is open.
    """
    editor = scene.sequence_editor
    if editor is None or not editor.strips:
        raise UserError("no-strip", "There is no strip in the sequencer.", "Add a movie or pictures.")
    if not scene.is_editable:
        raise UserError(
            "scene-linked",
            f"The scene “{scene.name}” is linked from another file and cannot be changed.",
            "Open that file, or make the scene local.",
        )
    if editor.meta_stack:
        raise UserError("meta-open", "A meta strip is open.", "Close it (Tab), and use strips outside.")
    chosen = [strip for strip in editor.strips if strip.select and strip.type != "SOUND"]
    return sorted(chosen, key=lambda strip: (strip.frame_final_start, strip.frame_final_end, strip.channel))


def refuse_what_has_no_files(scene: bpy.types.Scene, strip: bpy.types.Strip) -> None:
    """Raise UserError for a strip whose pictures are no files, or whose time runs otherwise than a file's."""
    if strip.type not in ("IMAGE", "MOVIE"):
        kind = _KINDS.get(strip.type, "an effect")
        raise UserError(
            "strip-kind", f"“{strip.name}” is {kind}; what it shows lies in no file of its own.", _RENDER_FIRST
        )
    retimed: Any = getattr(strip, "retiming_keys", ())
    if len(retimed) or _has_speed_effect(scene, strip):
        raise UserError(
            "strip-retimed",
            f"The speed of “{strip.name}” is changed in the sequencer.",
            "Take the speed effect or the retiming away, or render the strip first and use that.",
        )
    if cast(Any, strip).strobe > 1:
        raise UserError(
            "strip-strobe", f"“{strip.name}” shows only some of its pictures (Strobe).", "Set Strobe to 1."
        )


def _has_speed_effect(scene: bpy.types.Scene, strip: bpy.types.Strip) -> bool:
    assert scene.sequence_editor
    return any(
        effect.type == "SPEED" and getattr(effect, "input_1", None) == strip
        for effect in scene.sequence_editor.strips
    )


def still_at(scene: bpy.types.Scene, strip: bpy.types.Strip, frame: int) -> Still:
    """Return what the strip shows at a frame of the timeline. Raises UserError, also when the file is not there."""
    refuse_what_has_no_files(scene, strip)
    if isinstance(strip, bpy.types.MovieStrip):
        movie = _movie(scene, strip)
        return Still(movie, _Clock.of(scene, strip, movie).movie_frame(frame))
    (path,) = _existing(strip, [_picture(scene, strip, frame)])
    return Still(path)


def read_part(scene: bpy.types.Scene, strip: bpy.types.Strip) -> Part:
    """Return what the strip shows. Raises UserError, also when files are not there."""
    refuse_what_has_no_files(scene, strip)
    start, end = round(strip.frame_final_start), round(strip.frame_final_end)
    if isinstance(strip, bpy.types.MovieStrip):
        return _movie_part(scene, strip, start, end)
    assert isinstance(strip, bpy.types.ImageStrip)
    if len(strip.elements) < 2:
        raise UserError(
            "strip-still",
            f"“{strip.name}” shows a single picture, so nothing moves.",
            "Choose a sequence or a movie.",
        )
    pictures = [_picture(scene, strip, frame) for frame in range(start, end)]
    _existing(strip, dict.fromkeys(pictures))
    return Part(start, end - start, end - start, tuple(pictures))


def _movie_part(scene: bpy.types.Scene, strip: bpy.types.MovieStrip, start: int, end: int) -> Part:
    """Return what is seen of the movie itself: beyond its ends Blender holds the first or last frame."""
    path = _movie(scene, strip)
    clock = _Clock.of(scene, strip, path)
    start, end = max(start, math.ceil(clock.begin)), min(end, math.floor(clock.end + 1e-4))
    if end <= start:
        raise UserError(
            "strip-held", f"“{strip.name}” only holds a frame of its movie.", "Move its ends to where it plays."
        )
    first, last = sorted((clock.movie_frame(start), clock.movie_frame(end - 1)))
    return Part(start, end - start, last - first + 1, (), path, first, last, bool(strip.use_reverse_frames))


@dataclass(frozen=True)
class _Clock:
    """How a movie runs in the timeline.

    begin: frame of the timeline at which it would begin without trimming. pace: frames of the timeline that each of
    its frames takes. frames: how many of its frames are played. skipped: how many are left out at its beginning.
    """

    begin: float
    pace: float
    frames: int
    skipped: int
    reverse: bool

    @classmethod
    def of(cls, scene: bpy.types.Scene, strip: bpy.types.MovieStrip, movie: Path) -> _Clock:
        length = strip.frame_final_duration + strip.frame_offset_start + strip.frame_offset_end
        skipped = strip.animation_offset_start
        frames = max(1, (_frames_in(movie) or round(length)) - skipped - strip.animation_offset_end)
        # Frame by frame, or at the movie's own rate: the strip does not say which, but its length does.
        paces = 1.0, float(rate_of(scene)) / (strip.fps or float(rate_of(scene)))
        pace = min(paces, key=lambda pace: abs(frames * pace - length))
        begin = strip.frame_final_start - strip.frame_offset_start
        return cls(begin, pace, frames, skipped, bool(strip.use_reverse_frames))

    @property
    def end(self) -> float:
        """Frame of the timeline at which the movie's last frame has been seen."""
        return self.begin + self.frames * self.pace

    def movie_frame(self, frame: int) -> int:
        """Return which frame of the movie, counted from 1, is seen."""
        # A little more than exact, so that rounding of a quotient never falls into the frame before.
        place = math.floor((frame - self.begin) / self.pace + 1e-4)
        place = min(max(place, 0), self.frames - 1)
        return 1 + self.skipped + (self.frames - 1 - place if self.reverse else place)


def _frames_in(movie: Path) -> int:
    """Return how many frames Blender counts in a movie; 0 where it cannot read it."""
    try:
        clip = bpy.data.movieclips.load(str(movie), check_existing=False)
    except RuntimeError:
        return 0
    try:
        return clip.frame_duration
    finally:
        bpy.data.movieclips.remove(clip)


def _movie(scene: bpy.types.Scene, strip: bpy.types.MovieStrip) -> Path:
    (path,) = _existing(strip, [Path(bpy.path.abspath(strip.filepath, library=scene.library))])
    return path


def _picture(scene: bpy.types.Scene, strip: bpy.types.Strip, frame: int) -> Path:
    images = cast(Any, strip)
    element = images.strip_elem_from_frame(frame)
    if element is None:
        raise UserError("strip-empty", f"“{strip.name}” shows nothing at frame {frame}.", "Choose another strip.")
    return Path(bpy.path.abspath(images.directory, library=scene.library), element.filename)


def _existing(strip: bpy.types.Strip, paths: Iterable[Path]) -> list[Path]:
    """Return the paths, all of which are files that can be read."""
    found = list(paths)
    for path in found:
        if isinstance(strip, bpy.types.ImageStrip) and path.suffix.lower() not in PICTURE_ENDINGS:
            raise UserError(
                "picture-kind",
                f"“{path.name}” of the strip “{strip.name}” is of a kind that cannot be read here.",
                "Save it as PNG; JPEG, WebP, TIFF, BMP and TGA will do, too.",
            )
        if not path.is_file():
            raise UserError(
                "strip-missing-file",
                f"“{path}”, which the strip “{strip.name}” shows, is not there.",
                "Bring the file back, or lead the strip to where it is now.",
            )
    return found


def may_be_transparent(path: Path) -> bool:
    """Tell whether a file is of a kind that one may be able to see through; movies count as opaque."""
    if path.suffix.lower() != ".png":
        return path.suffix.lower() in _CLEAR_KINDS
    try:
        with path.open("rb") as stream:
            head = stream.read(_PNG_KIND + 1)
    except OSError:
        return False
    return len(head) > _PNG_KIND and head[_PNG_KIND] in _PNG_ALPHA
