"""Two pictures in, the pictures between them out: the job for people without Blender."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..contract.job import (
    GUIDES_FOLDER,
    KEYS_FOLDER,
    Canvas,
    Easing,
    Job,
    Segment,
    Settings,
    frame_path,
    new_id,
    parse_job,
    picture_name,
    write_job,
)
from ..contract.job import Picture as KeyPicture
from ..errors import UserError
from ..pictures import fit_picture, lines_picture, read_guide, read_picture, write_picture
from ..previews import check_video_name, write_sheet, write_video
from .run import Listen, run_job

#: Times become frame numbers on a timeline fine enough that nobody sees the rounding.
_TICKS = 1_000_000


@dataclass(frozen=True)
class PairRequest:
    """What is asked for.

    times: strictly between 0 and 1, ascending. guides: time -> picture file of a line drawing.
    out: folder that receives 0001.png … in time order. fit: fit the end key into the start key's size.
    """

    start: Path
    end: Path
    times: tuple[float, ...]
    out: Path
    guides: Mapping[float, Path] = field(default_factory=dict)
    easing: Easing = Easing.LINEAR
    engine: str = "draft"
    settings: Settings = field(default_factory=Settings)
    overwrite: bool = False
    fit: bool = False
    sheet: Path | None = None
    video: Path | None = None
    fps: float = 12.0


def draw_between(request: PairRequest, listen: Listen) -> list[Path]:
    """Draw the pictures between two pictures and return where they are, in time order.

    Raises UserError before any engine loads when an input is missing, unreadable or of another size, or when a
    picture would be overwritten; raises Cancelled.
    """
    outputs = [request.out / picture_name(index + 1) for index in range(len(request.times))]
    check_video_name(request.video)
    _refuse_overwriting([*outputs, *filter(None, (request.sheet, request.video))], request.overwrite)
    with tempfile.TemporaryDirectory(prefix="inbetween_") as place:
        folder = Path(place)
        job = _write_job(folder, request)
        run_job(folder, listen)
        try:
            request.out.mkdir(parents=True, exist_ok=True)
            for frame, output in zip(job.wanted, outputs, strict=True):
                shutil.copyfile(frame_path(folder, frame), output)
        except OSError as error:
            raise _refused(request.out, error) from error
        shown = [folder / job.segments[0].start.image, *outputs, folder / job.segments[0].end.image]
        pictures = [read_picture(path) for path in shown] if request.sheet or request.video else []
        _write_preview(request.sheet, lambda path: write_sheet(path, pictures))
        _write_preview(request.video, lambda path: write_video(path, pictures, request.fps))
    return outputs


def _write_preview(path: Path | None, write: Callable[[Path], None]) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> UserError:
    return UserError(
        "output-not-writable",
        f"“{path}” cannot be written: {error.strerror or error}.",
        "Choose another place with -o or free some space.",
        bad_input=isinstance(error, FileExistsError | NotADirectoryError),  # a file is in the way
    )


def _refuse_overwriting(paths: list[Path], overwrite: bool) -> None:
    existing = [path for path in paths if path.exists()]
    if existing and not overwrite:
        raise UserError(
            "output-exists",
            f"“{existing[0]}” exists already; nothing was drawn.",
            "Choose another folder with -o, or allow replacing with --overwrite.",
        )


def _write_job(folder: Path, request: PairRequest) -> Job:
    start, end = read_picture(request.start), read_picture(request.end)
    height, width = start.shape[:2]
    if end.shape != start.shape:
        if not request.fit:
            raise UserError(
                "picture-size",
                f"“{request.end}” is {end.shape[1]} × {end.shape[0]} pixels, "
                f"“{request.start}” is {width} × {height}.",
                "Make both the same size, or let --fit fit the end key into the start key's size.",
            )
        end = fit_picture(end, (width, height))
    wanted = tuple(sorted({round(time * _TICKS) for time in request.times}))
    if len(wanted) != len(request.times) or wanted[0] < 1 or wanted[-1] >= _TICKS:
        raise UserError(
            "times-invalid", "Two times are the same, or too close to a key, to make a drawing of their own."
        )
    guided = {round(time * _TICKS): path for time, path in sorted(request.guides.items())}
    if len(guided) != len(request.guides) or any(not 0 < frame < _TICKS for frame in guided):
        raise UserError("guide-invalid", "Two guides are at the same time, or one is too close to a key.")
    guides = {KeyPicture(frame, f"{GUIDES_FOLDER}/{picture_name(frame)}"): path for frame, path in guided.items()}
    keys = KeyPicture(0, f"{KEYS_FOLDER}/start.png"), KeyPicture(_TICKS, f"{KEYS_FOLDER}/end.png")
    segment = Segment(*keys, wanted, tuple(guides), request.easing)
    job = Job(new_id(), request.engine, Canvas(width, height, request.fps), (segment,), request.settings)
    _check(job)
    (folder / KEYS_FOLDER).mkdir()
    (folder / GUIDES_FOLDER).mkdir()
    for guide, path in guides.items():
        write_picture(folder / guide.image, lines_picture(read_guide(path, (width, height))))
    for key, picture in zip(keys, (start, end), strict=True):
        write_picture(folder / key.image, picture)
    write_job(folder, job)
    return job


def _check(job: Job) -> None:
    """Refuse what the command line gave, by the same rules as for any job."""
    try:
        parse_job(json.loads(json.dumps(asdict(job))), "the command line")
    except UserError as error:
        raise UserError(error.code, error.sentence, "Correct that option.") from error
