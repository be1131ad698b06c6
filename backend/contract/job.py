"""The job folder: what passes from Blender to an engine and back.

    job.json          version, id, engine, settings, canvas, segments
    keys/0001.png     RGBA, sRGB, straight alpha
    guides/0006.png   grayscale line drawing, black lines on white
    frames/0002.png   results; written to a temporary name and renamed, so a file that exists is complete
    result.json       what was made, by which engine, with which settings, timings and warnings
    previews/0001.png sheets of half-made drawings, for a look while an engine works
    thumbnails/0001.png keys, small and on paper, for lists; may be missing
    log.txt           everything that libraries printed
    takes/2/          further takes of the same keys, each a job folder of its own
    marks.json        what the artist thinks of the drawings: nothing that a run depends on

The folder is the whole truth: it can be copied to another machine, run there and copied back. Paths inside it are
relative, use forward slashes and never leave it. Standard library only: both halves import this module.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path, PurePosixPath

from ..errors import UserError, presentable
from .record import Record, read_json

CONTRACT_VERSION = 1

JOB_FILE = "job.json"
RESULT_FILE = "result.json"
LOG_FILE = "log.txt"
KEYS_FOLDER = "keys"
GUIDES_FOLDER = "guides"
FRAMES_FOLDER = "frames"
PREVIEWS_FOLDER = "previews"
THUMBNAILS_FOLDER = "thumbnails"

#: A job file larger than this is not one of ours.
MAX_JOB_FILE_BYTES = 16 * 1024 * 1024
MAX_CANVAS_SIDE_PIXELS = 16384
#: Blender's own limits of a frame number.
FRAME_MIN, FRAME_MAX = -1_048_574, 1_048_574

#: Windows knows no longer path, unless somebody has switched that off; Blender's own files never have longer ones.
WINDOWS_LONGEST_PATH = 259
#: The longest name inside a job folder: a file on its way, below the desk of its owner.
LONGEST_NAME_INSIDE = 95

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_WINDOWS_RESERVED = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ](/|$)')
_WINDOWS_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)", re.IGNORECASE)


class Easing(StrEnum):
    """How time runs from the start key to the end key; see `backend.contract.timing.ease`."""

    LINEAR = "linear"
    EASE_IN = "ease_in"
    EASE_OUT = "ease_out"
    EASE_BOTH = "ease_both"


@dataclass(frozen=True)
class Canvas:
    """Size of every picture of the job in pixels, and the frame rate of the scene (frames per second)."""

    width: int
    height: int
    fps: float


@dataclass(frozen=True)
class Picture:
    """A picture in the job folder that shows the drawing at a frame of the timeline.

    stands_in: it shows the drawing of another frame, and stands here as a key for want of a better one: before the
    first coloured drawing or after the last. It is not shown.
    lines: the picture of a coloured key's own lines, as guides are; "" where nobody has them.
    """

    frame: int
    image: str
    stands_in: bool = False
    lines: str = ""


@dataclass(frozen=True)
class Segment:
    """Two keys and what is wanted between them.

    wanted: frame numbers to draw, ascending, strictly between the keys.
    spacing: the timing chart: where on the way from start (0) to end (1) each wanted drawing lies, ascending; empty
    when easing alone decides.
    guides: line drawings at frames strictly between the keys, ascending.
    pinned: wanted frames whose drawings, where they exist, stay as they are although what they were made from has
    changed since: so that one drawing can be made again and the others keep every pixel.
    """

    start: Picture
    end: Picture
    wanted: tuple[int, ...]
    guides: tuple[Picture, ...] = ()
    easing: Easing = Easing.LINEAR
    spacing: tuple[float, ...] = ()
    pinned: tuple[int, ...] = ()

    @property
    def first(self) -> int:
        """The first frame that shows anything: that of the start key, unless it stands in for another."""
        return self.wanted[0] if self.start.stands_in and self.wanted else self.start.frame

    @property
    def last(self) -> int:
        """The last frame that shows anything: that of the end key, or the one before it when it stands in."""
        return self.end.frame - 1 if self.end.stands_in else self.end.frame


@dataclass(frozen=True)
class Settings:
    """What the artist chose. Every engine reads what concerns it; each value has a meaning on its own.

    seed: 0..2**31-1; the same seed gives the same pixels on the same kind of device.
    arcs: let paths bend through guides and across keys instead of running straight.
    guide_strength: 0 (ignore guides) .. 1 (follow them as closely as the engine can).
    guide_from, guide_until: which part of the denoising guides lead, 0 (pure noise: the pose is decided) .. 1
    (clean: details are); an engine that does not denoise ignores them.
    prompt, negative_prompt: what is to be seen and what is not, in words.
    preset: how much time to spend: "quick", "balanced" or "best".
    motion_speed: the frame rate that the model is told, 1..30; smaller means larger motion.
    guidance: how strongly prompt and keys steer, 1..20; 1 switches it off.
    sampler: "ddim" (the published one, with fresh noise) or "dpm" (DPM-Solver++); "" means what the preset says.
    steps: denoising steps, 1..200; 0 means what the preset says.
    flat_colours: keep flat palette colours flat.
    colouring: the guides are finished line drawings, one at each wanted frame, to be coloured as the keys are.
    """

    seed: int = 0
    arcs: bool = True
    guide_strength: float = 0.6
    guide_from: float = 0.0
    guide_until: float = 1.0
    prompt: str = ""
    negative_prompt: str = ""
    preset: str = "balanced"
    motion_speed: int = 10
    guidance: float = 7.5
    sampler: str = ""
    steps: int = 0
    flat_colours: bool = True
    colouring: bool = False


@dataclass(frozen=True)
class Job:
    """One click or one command. `source` says where it came from (file, scene, object), so that it finds home."""

    id: str
    engine: str
    canvas: Canvas
    segments: tuple[Segment, ...]
    settings: Settings = field(default_factory=Settings)
    source: Mapping[str, str] = field(default_factory=dict)
    version: int = CONTRACT_VERSION

    @property
    def wanted(self) -> tuple[int, ...]:
        """All wanted frame numbers of all segments, ascending."""
        return tuple(sorted(frame for segment in self.segments for frame in segment.wanted))


def new_id() -> str:
    """Return a job id that no other job has."""
    return uuid.uuid4().hex


def picture_name(frame: int) -> str:
    """Return the file name of the picture at `frame`: four digits or more, with a sign only when negative."""
    return f"{frame:04d}.png"


def frame_path(folder: Path, frame: int) -> Path:
    """Return where the in-between at `frame` lies or will lie."""
    return folder / FRAMES_FOLDER / picture_name(frame)


def resolve(folder: Path, relative: str) -> Path:
    """Return the path of a file inside the job folder.

    Raises UserError("path-outside-job") for whatever would leave the folder, also through a link, and for names
    that another operating system could read as something else.
    """
    pure = PurePosixPath(relative)
    inside = (
        relative
        and not pure.is_absolute()
        and ".." not in pure.parts
        and not _WINDOWS_RESERVED.search(relative)
        and not any(_WINDOWS_DEVICE.fullmatch(part.partition(".")[0].rstrip()) for part in pure.parts)
        and len(relative) <= 512
    )
    if inside:
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            root = folder.resolve()
            path = root.joinpath(*pure.parts).resolve()
            if path.is_relative_to(root):
                return path
    raise UserError(
        "path-outside-job",
        f"The job names the picture “{relative[:200]}”, which is not a file inside its own folder.",
        "Make the job again, or correct the path in job.json.",
    )


def make_folder(folder: Path, name: str) -> Path:
    """Make the folder `name` inside the job folder, where it is not there yet, and return it.

    Raises UserError("path-outside-job") when a link of that name leads out, OSError when the disk refuses.
    """
    path = folder / name
    path.mkdir(parents=True, exist_ok=True)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            "path-outside-job",
            f"“{path}” is a link that leads out of the job folder; nothing was written there.",
            "Remove the link, then retry.",
        )
    return path


def refuse_what_windows_cannot_reach(folder: str) -> None:
    """Raise UserError("path-too-long") for a job folder whose files would have paths that Windows does not open."""
    longest = WINDOWS_LONGEST_PATH - 1 - LONGEST_NAME_INSIDE
    if len(folder) > longest:
        raise UserError(
            "path-too-long",
            f"The job folder “{folder}” has a path of {len(folder)} characters; Windows allows {longest} here.",
            "Save the file nearer to the root of its drive, or choose another place for jobs in the preferences.",
        )


def write_json(path: Path, value: object) -> None:
    """Write `value` as JSON so that a reader sees the old file or the whole new one, never a part.

    Raises OSError when the disk refuses.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as stream:
            json.dump(value, stream, ensure_ascii=False, indent=2, allow_nan=False)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_job(folder: Path, job: Job) -> None:
    """Write job.json into `folder`, which must exist; the pictures are written before it.

    Raises UserError("folder-not-writable") when the disk refuses.
    """
    try:
        source = {name: presentable(text) for name, text in job.source.items()}
        write_json(folder / JOB_FILE, asdict(replace(job, source=source)))
    except OSError as error:
        raise folder_refused(folder, error) from error


def folder_refused(folder: Path, error: OSError) -> UserError:
    """Return the sentence for a folder that cannot be written to."""
    return UserError(
        "folder-not-writable",
        f"The job folder “{folder}” cannot be written to: {error.strerror or error}.",
        "Free some space or choose another place for jobs in the add-on's preferences.",
        bad_input=False,
    )


def read_job(folder: Path) -> Job:
    """Read and check job.json in `folder`.

    Raises UserError: "job-missing", "job-unreadable", "job-invalid" (names file, field and reason),
    "job-too-new" for a contract version that this program does not know.
    """
    path = folder / JOB_FILE
    try:
        raw = read_json(path, MAX_JOB_FILE_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            "job-missing", f"There is no {JOB_FILE} in “{folder}”.", "Choose the folder of a job."
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(
            "job-unreadable",
            f"“{path}” cannot be read: {error}.",
            "Generate again from Blender to make a new job.",
        ) from error
    return parse_job(raw, str(path))


def parse_job(raw: object, file: str = JOB_FILE) -> Job:
    """Turn the content of a job file into a `Job`, checking every field; `file` is named in errors."""
    record = Record(raw, file)
    version = record.whole("version", 1, 2**31)
    if version > CONTRACT_VERSION:
        raise UserError(
            "job-too-new",
            f"“{file}” is written for contract version {version}; this program knows version {CONTRACT_VERSION}.",
            "Update the add-on and its drawing engine.",
        )
    identity = record.text("id", 128)
    if not _ID.fullmatch(identity):
        record.refuse("id", "may hold only letters, digits, dots, hyphens and underscores")
    engine = record.text("engine", 64)
    canvas_record = record.record("canvas")
    canvas = Canvas(
        canvas_record.whole("width", 1, MAX_CANVAS_SIDE_PIXELS),
        canvas_record.whole("height", 1, MAX_CANVAS_SIDE_PIXELS),
        canvas_record.number("fps", 0.001, 100_000),
    )
    settings = _parse_settings(record.record("settings"))
    segments = tuple(_parse_segment(item) for item in record.records("segments", 10_000))
    if not segments:
        record.refuse("segments", "must hold at least one segment")
    for index, (left, right) in enumerate(pairwise(segments)):
        if right.start.frame < left.end.frame:
            record.refuse(f"segments[{index + 1}]", "must not start before the segment before it ends")
    return Job(identity, engine, canvas, segments, settings, record.texts("source"), version)


def _parse_settings(record: Record) -> Settings:
    defaults = Settings()
    known = {item.name for item in fields(Settings)}
    for name in record.names():
        if name not in known:
            record.refuse(name, "is not a setting that this version knows")
    preset = record.text("preset", 32, defaults.preset)
    if preset not in ("quick", "balanced", "best"):
        record.refuse("preset", "must be quick, balanced or best")
    sampler = record.text("sampler", 32, defaults.sampler)
    if sampler not in ("", "ddim", "dpm"):
        record.refuse("sampler", "must be ddim or dpm, or empty for the preset's")
    guide_from = record.number("guide_from", 0, 1, defaults.guide_from)
    guide_until = record.number("guide_until", 0, 1, defaults.guide_until)
    if guide_until <= guide_from:
        record.refuse("guide_until", f"must be more than guide_from, which is {guide_from:g}")
    return Settings(
        seed=record.whole("seed", 0, 2**31 - 1, defaults.seed),
        arcs=record.flag("arcs", defaults.arcs),
        guide_strength=record.number("guide_strength", 0, 1, defaults.guide_strength),
        guide_from=guide_from,
        guide_until=guide_until,
        prompt=record.text("prompt", 10_000, defaults.prompt),
        negative_prompt=record.text("negative_prompt", 10_000, defaults.negative_prompt),
        preset=preset,
        motion_speed=record.whole("motion_speed", 1, 30, defaults.motion_speed),
        guidance=record.number("guidance", 1, 20, defaults.guidance),
        sampler=sampler,
        steps=record.whole("steps", 0, 200, defaults.steps),
        flat_colours=record.flag("flat_colours", defaults.flat_colours),
        colouring=record.flag("colouring", defaults.colouring),
    )


def _parse_segment(record: Record) -> Segment:
    start, end = _parse_picture(record.record("start")), _parse_picture(record.record("end"))
    if end.frame <= start.frame:
        record.refuse("end.frame", f"must come after the start key at frame {start.frame}")
    wanted = record.wholes("wanted", FRAME_MIN, FRAME_MAX, 100_000)
    guides = tuple(_parse_picture(item) for item in record.records("guides", 10_000))
    for name, frames in (("wanted", wanted), ("guides", tuple(guide.frame for guide in guides))):
        if any(not start.frame < frame < end.frame for frame in frames):
            record.refuse(name, f"must lie between the keys at frames {start.frame} and {end.frame}")
        if any(later <= earlier for earlier, later in pairwise(frames)):
            record.refuse(name, "must be in ascending order without duplicates")
    easing = record.text("easing", 32, Easing.LINEAR)
    if easing not in list(Easing):
        record.refuse("easing", f"must be one of {', '.join(Easing)}")
    spacing = record.numbers("spacing", 0, 1, 100_000)
    if spacing and len(spacing) != len(wanted):
        record.refuse("spacing", "must hold one position for each wanted drawing, or none")
    if any(later <= earlier for earlier, later in pairwise((0.0, *spacing, 1.0))):
        record.refuse("spacing", "must rise strictly from the start key (0) to the end key (1)")
    pinned = record.wholes("pinned", FRAME_MIN, FRAME_MAX, 100_000, required=False)
    if not set(pinned) <= set(wanted):
        record.refuse("pinned", "must be among the wanted frames")
    return Segment(start, end, wanted, guides, Easing(easing), spacing, pinned)


def _parse_picture(record: Record) -> Picture:
    return Picture(
        record.whole("frame", FRAME_MIN, FRAME_MAX),
        record.text("image", 512),
        record.flag("stands_in", False),
        record.text("lines", 512, ""),
    )
