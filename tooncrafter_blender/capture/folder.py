"""From spans of a timeline to a job folder: every key and every guide as a picture, and job.json last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import bpy

from ...backend.contract import job
from ...backend.contract.timing import Chart, charted
from ...backend.errors import UserError
from ..timeline import grease_pencil, guides
from ..timeline.keyframes import Span
from . import png, software, strokes
from .camera import View
from .chosen_picture import write_chosen_picture
from .graphics import why_no_opengl
from .private_scene import as_drawn, private_scene, view_layer_of
from .render import MIN_SIDE_PIXELS, refuse_while_rendering, render
from .thumbnail import write_thumbnail

_NO_CHARTS: Mapping[int, Chart] = {}


@dataclass(frozen=True)
class CaptureSettings:
    """How keys are captured.

    width: of the pictures in pixels, the height follows from the render's aspect; None: the render's resolution and
    percentage. whole_scene: everything that the scene shows instead of the object alone on nothing.
    """

    width: int | None = None
    whole_scene: bool = False


def _ignore(done: int, of: int) -> None:
    """Report to nobody."""


def write_job(
    scene: bpy.types.Scene,
    obj: bpy.types.Object,
    spans: tuple[Span, ...],
    folder: Path,
    *,
    engine: str,
    settings: job.Settings,
    easing: job.Easing,
    charts: Mapping[int, Chart] = _NO_CHARTS,
    capture: CaptureSettings,
    source: Mapping[str, str],
    report: Callable[[int, int], None] = _ignore,
) -> job.Job:
    """Capture the keys and guides of `spans` (one or more) into `folder` and write its job file; return the job.

    folder: is made; must not exist or be empty. charts: start frame -> timing chart of the span that begins there;
    the others follow `easing`. report: called as report(done, of) after each picture.
    Scene, object and settings are as before afterwards. On failure whatever was written is removed again.
    Raises UserError: "not-in-scene", "object-hidden", "no-camera", "picture-too-small", "picture-too-large",
    "rendering", "render-failed", "render-cancelled", "needs-opengl", "colour-management", "folder-not-empty",
    "folder-not-writable".
    """
    if not spans:
        raise ValueError("there is no span to capture")
    _refuse_what_is_not_seen(scene, obj)
    _refuse_without_camera(scene)
    size = picture_size(scene, capture.width)
    refuse_while_rendering()
    canvas = job.Canvas(*size, scene.render.fps / scene.render.fps_base)
    segments = tuple(_segment(span, easing, charts.get(span.start)) for span in spans)
    made = job.Job(job.new_id(), engine, canvas, segments, settings, dict(source))
    with _new_folder(folder, job.KEYS_FOLDER, job.GUIDES_FOLDER, job.THUMBNAILS_FOLDER):
        _write_pictures(_Source(scene, obj, size, capture.whole_scene), segments, folder, report)
        job.write_job(folder, made)
    return made


def write_colouring(
    scene: bpy.types.Scene,
    obj: bpy.types.Object,
    lines: bpy.types.GreasePencilLayer,
    made: job.Job,
    seen_at: Mapping[int, int],
    folder: Path,
    *,
    picture: bpy.types.Image | None = None,
    report: Callable[[int, int], None] = _ignore,
) -> None:
    """Capture coloured drawings as the keys of `made`, the lines of all drawings, and write its job file.

    lines: the layer of the line drawings; its fills are not captured with them. seen_at: frame of a coloured
    drawing -> frame at which it is captured. picture: the key instead, if there is no coloured drawing. Otherwise
    as `write_job`.
    """
    _refuse_what_is_not_seen(scene, obj)
    _refuse_without_camera(scene)
    refuse_while_rendering()
    source = _Source(scene, obj, (made.canvas.width, made.canvas.height), whole_scene=False)
    drawings = [guide for segment in made.segments for guide in segment.guides]
    total = len(seen_at) + len(drawings)
    with _new_folder(folder, job.KEYS_FOLDER, job.GUIDES_FOLDER, job.THUMBNAILS_FOLDER):
        take = _camera_for(source)
        for done, (frame, seen) in enumerate(sorted(seen_at.items()), 1):
            key = folder / job.KEYS_FOLDER / job.picture_name(frame)
            take(seen, key)
            write_thumbnail(key, folder / job.THUMBNAILS_FOLDER / job.picture_name(frame))
            png.write(folder / job.GUIDES_FOLDER / job.picture_name(frame), _line_picture(source, lines, frame))
            report(done, total)
        for done, guide in enumerate(drawings, len(seen_at) + 1):
            png.write(folder / guide.image, _line_picture(source, lines, guide.frame))
            report(done, total)
        if picture:
            write_chosen_picture(picture, source.size, folder / made.segments[0].start.image)
            write_end_thumbnails(made, folder)
        job.write_job(folder, made)


def write_board(
    scene: bpy.types.Scene,
    obj: bpy.types.Object,
    made: job.Job,
    panels: Mapping[int, str],
    folder: Path,
    *,
    whole_scene: bool,
    report: Callable[[int, int], None] = _ignore,
) -> None:
    """Capture the panels of a storyboard as the keys of `made`, and write its job file.

    panels: frame at which each is seen -> its picture in the job folder. Otherwise as `write_job`.
    """
    _refuse_what_is_not_seen(scene, obj)
    _refuse_without_camera(scene)
    refuse_while_rendering()
    source = _Source(scene, obj, (made.canvas.width, made.canvas.height), whole_scene)
    with _new_folder(folder, job.KEYS_FOLDER, job.THUMBNAILS_FOLDER):
        take = _camera_for(source)
        for done, (frame, picture) in enumerate(sorted(panels.items()), 1):
            take(frame, folder / picture)
            report(done, len(panels))
        write_end_thumbnails(made, folder)
        job.write_job(folder, made)


def write_end_thumbnails(made: job.Job, folder: Path) -> None:
    """Write what the list of jobs shows, for jobs of many keys: small pictures of the first and the last one.

    Raises UserError("folder-not-writable").
    """
    first, last = made.segments[0], made.segments[-1]
    try:
        place = job.make_folder(folder, job.THUMBNAILS_FOLDER)
    except OSError as error:
        raise job.folder_refused(folder, error) from error
    for key, frame in ((first.start, first.first), (last.end, last.last)):
        write_thumbnail(folder / key.image, place / job.picture_name(frame))


def write_guides(
    scene: bpy.types.Scene, obj: bpy.types.Object, frames: Sequence[int], folder: Path, size: tuple[int, int]
) -> tuple[job.Picture, ...]:
    """Capture the guides at these frames into the folder of a job that exists, beside those that are there.

    size: of the job's canvas in pixels. Raises UserError("folder-not-writable") and those of `write_job`.
    """
    _refuse_what_is_not_seen(scene, obj)
    _refuse_without_camera(scene)
    refuse_while_rendering()
    source = _Source(scene, obj, size, whole_scene=False)
    written = []
    try:
        (folder / job.GUIDES_FOLDER).mkdir(exist_ok=True)
        for frame in frames:
            name = _free_name(folder / job.GUIDES_FOLDER, frame)
            png.write(folder / job.GUIDES_FOLDER / name, _guide_picture(source, frame))
            written.append(job.Picture(frame, f"{job.GUIDES_FOLDER}/{name}"))
    except OSError as error:
        raise job.folder_refused(folder, error) from error
    return tuple(written)


def _free_name(folder: Path, frame: int) -> str:
    """Return a name that no picture has: drawings that exist were made from the one of that name."""
    plain = job.picture_name(frame)
    numbered = (f"{Path(plain).stem}-{number}.png" for number in count(2))
    return next(name for name in chain([plain], numbered) if not (folder / name).exists())


def picture_size(scene: bpy.types.Scene, width: int | None) -> tuple[int, int]:
    """Return width and height in pixels of captured pictures: as rendered, or `width` wide in the same proportion.

    Raises UserError for a size that cannot be captured.
    """
    render = scene.render
    full = render.resolution_x, render.resolution_y
    if width is None:
        size = full[0] * render.resolution_percentage // 100, full[1] * render.resolution_percentage // 100
    else:
        size = width, round(width * full[1] / full[0])
    if min(size) < MIN_SIDE_PIXELS:
        raise UserError(
            "picture-too-small",
            f"Pictures of {size[0]} by {size[1]} pixels are too small to draw in.",
            "Choose a larger width, or a larger resolution in the render settings.",
        )
    if max(size) > job.MAX_CANVAS_SIDE_PIXELS:
        raise UserError(
            "picture-too-large",
            f"Pictures of {size[0]} by {size[1]} pixels are too large.",
            f"Choose a width of at most {job.MAX_CANVAS_SIDE_PIXELS} pixels.",
        )
    return size


def _refuse_what_is_not_seen(scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
    view_layer = view_layer_of(scene)
    view_layer.update()  # a script may have linked or hidden the object just now
    if not any(other == obj for other in view_layer.objects):
        raise UserError(
            "not-in-scene",
            f"“{obj.name}” is not in the scene “{scene.name}”, or its collection is switched off.",
            "Switch on its collection, or choose an object of this scene.",
        )
    if not obj.visible_get(view_layer=view_layer):
        raise UserError("object-hidden", f"“{obj.name}” is hidden.", "Show it in the outliner and generate again.")


def _refuse_without_camera(scene: bpy.types.Scene) -> None:
    # With a camera bound to any marker, Blender finds one for every frame.
    if scene.camera is None and not any(marker.camera for marker in scene.timeline_markers):
        raise UserError(
            "no-camera",
            "The scene has no camera, so nobody knows what the picture shows.",
            "Add a camera, or choose one in the scene properties.",
        )


def _segment(span: Span, easing: job.Easing, chart: Chart | None) -> job.Segment:
    def picture(frame: int, subfolder: str) -> job.Picture:
        return job.Picture(frame, f"{subfolder}/{job.picture_name(frame)}")

    return job.Segment(
        picture(span.start, job.KEYS_FOLDER),
        picture(span.end, job.KEYS_FOLDER),
        span.wanted,
        tuple(picture(frame, job.GUIDES_FOLDER) for frame in span.guides),
        *charted(len(span.wanted), easing, chart),
    )


@dataclass(frozen=True)
class _Source:
    """What is captured, and how large."""

    scene: bpy.types.Scene
    obj: bpy.types.Object
    size: tuple[int, int]
    whole_scene: bool

    def at(self, frame: int) -> AbstractContextManager[bpy.types.Scene]:
        """Return the private scene that shows it at `frame`."""
        return private_scene(self.scene, self.obj, frame, self.size, whole_scene=self.whole_scene)


def _write_pictures(
    source: _Source, segments: tuple[job.Segment, ...], folder: Path, report: Callable[[int, int], None]
) -> None:
    keys = sorted({key for segment in segments for key in (segment.start, segment.end)}, key=lambda key: key.frame)
    steering = [guide for segment in segments for guide in segment.guides]
    take = _camera_for(source)
    total = len(keys) + len(steering)
    for done, key in enumerate(keys, 1):
        take(key.frame, folder / key.image)
        write_thumbnail(folder / key.image, folder / job.THUMBNAILS_FOLDER / job.picture_name(key.frame))
        report(done, total)
    for done, guide in enumerate(steering, len(keys) + 1):
        png.write(folder / guide.image, _guide_picture(source, guide.frame))
        report(done, total)


def _camera_for(source: _Source) -> Callable[[int, Path], None]:
    """Return what writes the picture that is seen at a frame: rendered, or painted where OpenGL does not work."""
    reason = why_no_opengl()
    if reason and source.whole_scene:
        _refuse_what_is_not_grease_pencil(source.scene, reason)

    def painted(frame: int, path: Path) -> None:
        png.write(path, _painted(source, frame))

    def rendered(frame: int, path: Path) -> None:
        with as_drawn(source.scene, source.obj), source.at(frame) as private:
            render(private, path)

    return painted if reason else rendered


def write_shot(
    scene: bpy.types.Scene,
    obj: bpy.types.Object,
    folder: Path,
    *,
    capture: CaptureSettings,
    report: Callable[[int, int], None] = _ignore,
) -> int:
    """Write every frame that the scene plays as a numbered picture, its frame rate in fps.txt; return how many.

    What training datasets are cut from. folder: is made; must not exist or be empty. Errors and report as for
    `write_job`; after one, what was written is removed again.
    """
    _refuse_what_is_not_seen(scene, obj)
    _refuse_without_camera(scene)
    size = picture_size(scene, capture.width)
    refuse_while_rendering()
    frames = range(scene.frame_start, scene.frame_end + 1)
    with _new_folder(folder):
        take = _camera_for(_Source(scene, obj, size, capture.whole_scene))
        for done, frame in enumerate(frames, 1):
            take(frame, folder / f"{done:05d}.png")
            report(done, len(frames))
        (folder / "fps.txt").write_text(f"{scene.render.fps / scene.render.fps_base:g}\n", encoding="ascii")
    return len(frames)


def _refuse_what_is_not_grease_pencil(scene: bpy.types.Scene, reason: str) -> None:
    solid = {"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME"}
    other = next((one for one in scene.objects if one.type in solid and not one.hide_render), None)
    if other is not None:
        raise UserError(
            "needs-opengl",
            f"“{other.name}” can only be drawn with OpenGL, which does not work here: {reason}.",
            "Capture the Grease Pencil object alone, or use a computer with a graphics driver.",
        )


def _painted(source: _Source, frame: int) -> software.Pixels:
    """Return what is seen at `frame`, drawn without OpenGL."""
    with source.at(frame) as private:
        depsgraph = _evaluated(private)
        view = View.of(private, depsgraph)
        return software.paint(_marks(source, private, depsgraph, view), view, _background(private))


def _background(private: bpy.types.Scene) -> tuple[float, float, float, float]:
    """Return what Blender fills the picture with: the colour of the world, or nothing."""
    if private.render.film_transparent or private.world is None:
        return 0.0, 0.0, 0.0, 0.0
    colour = private.world.color
    return colour.r, colour.g, colour.b, 1.0


def _marks(
    source: _Source, private: bpy.types.Scene, depsgraph: bpy.types.Depsgraph, view: View
) -> Iterator[strokes.Mark]:
    """Yield all marks of all Grease Pencil objects, the farthest object and its lowest layer first."""
    objects = [
        one
        for one in private.objects
        if grease_pencil.is_grease_pencil(one) and (one == source.obj or not one.hide_render)
    ]
    for obj in sorted(objects, key=lambda one: -view.depth(one.evaluated_get(depsgraph))):
        guide = guides.guide_layer(obj)
        for layer in grease_pencil.layers(obj):
            if layer != guide and grease_pencil.is_shown(layer):
                yield from strokes.marks(obj, layer, private.frame_current, depsgraph)


def _guide_picture(source: _Source, frame: int) -> software.Pixels:
    """Return the guide strokes at `frame`, black on white."""
    with source.at(frame) as private:
        depsgraph = _evaluated(private)
        guide = guides.guide_layer(source.obj)
        lines = () if guide is None else strokes.outlines(source.obj, guide, frame, depsgraph)
        return software.ink(lines, View.of(private, depsgraph))


def _line_picture(source: _Source, layer: bpy.types.GreasePencilLayer, frame: int) -> software.Pixels:
    """Return the lines of a layer at `frame` as they are drawn, without its fills, black on white."""
    with source.at(frame) as private:
        depsgraph = _evaluated(private)
        marks = strokes.marks(source.obj, layer, frame, depsgraph)
        lines = [mark for mark in marks if isinstance(mark, strokes.Line) and not mark.erases]
        return software.ink(lines, View.of(private, depsgraph))


def _evaluated(private: bpy.types.Scene) -> bpy.types.Depsgraph:
    depsgraph = private.view_layers[0].depsgraph
    assert depsgraph is not None, "setting the frame evaluates every view layer"
    return depsgraph


@contextmanager
def _new_folder(folder: Path, *inside: str) -> Iterator[None]:
    """Make `folder` with folders `inside` it; all pictures in them are removed again when the block fails."""
    made: list[Path] = []
    try:
        for path in (*reversed(folder.parents), folder, *(folder / name for name in inside)):
            if path == folder and path.exists() and any(path.iterdir()):
                raise UserError(
                    "folder-not-empty",
                    f"The job folder “{folder}” already holds something.",
                    "Choose an empty folder, or one that does not exist yet.",
                )
            if not path.exists():
                path.mkdir()
                made.append(path)
        yield
    except BaseException as error:
        _remove(folder, made)
        if isinstance(error, OSError):
            raise job.folder_refused(folder, error) from error
        raise


def _remove(folder: Path, made: list[Path]) -> None:
    """Remove the pictures and the folders that were made; a folder that holds anything else stays."""
    for path in reversed(made):
        with suppress(OSError):
            if folder in (path, path.parent):
                for picture in path.glob("*.png"):
                    picture.unlink()
            path.rmdir()
    with suppress(OSError):
        (folder / job.JOB_FILE).unlink()
