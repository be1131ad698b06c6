"""A storyboard in, an animatic out: the whole board drawn as one job, a folder or a movie for each shot."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.job import (
    JOB_FILE,
    KEYS_FOLDER,
    Canvas,
    Job,
    Segment,
    Settings,
    frame_path,
    new_id,
    picture_name,
    read_job,
    write_job,
)
from ..contract.messages import Notice
from ..errors import UserError
from ..film import MOVIE_ENDINGS, check_movie_name, write_movie
from ..film.stills import Still, write_stills
from ..jobs.run import Listen, run_job
from ..jobs.work_folder import stamp_of, work_beside
from ..pictures import picture_size, read_picture, told_of_earlier
from .board import Panel, Shot, Timing, board_segments, rough, shots_as_source
from .board_file import BoardShot

_LONGEST_NAME = 60


@dataclass(frozen=True)
class AnimaticRequest:
    """What is asked for.

    out: folder that receives what the shots become: a folder of numbered pictures each, or with `movies`, the
    ending of a movie's name such as ".mp4", a movie each. film: a movie of the whole board, too. rate: frames a
    second.
    """

    board: tuple[BoardShot, ...]
    out: Path
    timing: Timing = field(default_factory=Timing)
    movies: str = ""
    film: Path | None = None
    rate: Fraction = Fraction(24)
    engine: str = "draft"
    settings: Settings = field(default_factory=Settings)
    overwrite: bool = False


@dataclass(frozen=True)
class Plan:
    """What a request comes down to: its shots, the segments between their panels, where each shot goes."""

    shots: tuple[Shot, ...]
    segments: tuple[Segment, ...]
    stills: tuple[Still, ...]
    outputs: tuple[Path, ...]

    @property
    def wanted(self) -> int:
        """Number of drawings to be made."""
        return sum(len(segment.wanted) for segment in self.segments)


def plan_animatic(request: AnimaticRequest) -> Plan:
    """Look at what was given, before any work.

    Raises UserError when a panel is missing or no picture, nothing is to be drawn, or something is in the way.
    """
    shots, stills, frame = [], [], 1
    for given in request.board:
        panels = []
        for panel in given.panels:
            picture_size(panel.picture)
            stills.append(Still(panel.picture))
            panels.append(Panel(f"{KEYS_FOLDER}/{picture_name(len(stills))}", panel.frames))
        shots.append(Shot(given.name, frame, tuple(panels)))
        frame += shots[-1].frames
    segments = board_segments(shots, request.timing)
    _refuse_movies_without_av(request)
    if request.film:
        check_movie_name(request.film)
    outputs = tuple(request.out / _shot_name(number, shot, request.movies) for number, shot in enumerate(shots, 1))
    existing = [path for path in (*outputs, *filter(None, [request.film])) if path.exists()]
    if existing and not request.overwrite:
        raise UserError(
            "output-exists",
            f"“{existing[0]}” exists already; nothing was drawn.",
            "Choose another place, or allow replacing with --overwrite.",
        )
    return Plan(tuple(shots), segments, tuple(stills), outputs)


def _refuse_movies_without_av(request: AnimaticRequest) -> None:
    if (request.movies or request.film) and find_spec("av") is None:
        raise UserError(
            "film-needs-av",
            "Writing movies needs PyAV.",
            "Install it in the drawing environment: pip install 'tooncrafter-blender[film]'",
        )


def make_animatic(request: AnimaticRequest, plan: Plan, listen: Listen) -> None:
    """Draw what lies between the panels and write every shot; a run that was ended goes on where it was.

    Raises UserError and Cancelled; finished drawings stay.
    """
    asked = (request.engine, request.settings, request.rate, plan.segments)
    with work_beside(request.out, stamp_of(asked, (still.path for still in plan.stills))) as folder:
        _write_job(folder, request, plan, listen)
        run_job(folder, listen)
        request.out.mkdir(parents=True, exist_ok=True)
        for shot, output in zip(plan.shots, plan.outputs, strict=True):
            pictures = _pictures(folder, plan.segments, shot)
            if request.movies:
                _write_movie(output, pictures, request.rate, folder)
            else:
                _write_folder(output, pictures, folder)
                if told := told_of_earlier(output, len(pictures)):
                    listen(Notice(read_job(folder).id, told))
        if told := _told_of_earlier_shots(request, plan):
            listen(Notice(read_job(folder).id, told))
        if request.film:
            whole = [path for shot in plan.shots for path in _pictures(folder, plan.segments, shot)]
            request.film.parent.mkdir(parents=True, exist_ok=True)
            _write_movie(request.film, whole, request.rate, folder)


def _shot_name(number: int, shot: Shot, ending: str) -> str:
    """Return the name of what a shot becomes: its number on the board, then its name as far as files allow."""
    name = re.sub(r"[^\w-]+", "_", shot.name).strip("_")[:_LONGEST_NAME]
    return f"{number:03d}_{name}{ending}" if name else f"{number:03d}{ending}"


def _told_of_earlier_shots(request: AnimaticRequest, plan: Plan) -> str:
    """Return a sentence about shots of an earlier board beside those of this one; "" without any."""
    earlier = sorted(
        path.name for path in request.out.iterdir() if path not in (*plan.outputs, request.film) and _is_shot(path)
    )
    if not earlier:
        return ""
    return (
        f"“{request.out}” still holds shots of an earlier board: {', '.join(f'“{name}”' for name in earlier[:3])}"
        f"{', …' if len(earlier) > 3 else ''} ({len(earlier)}). "
        "They are no part of this one: remove them, or choose an empty folder."
    )


def _is_shot(path: Path) -> bool:
    """Tell whether a folder or a movie is named as shots are, and a folder holds pictures as theirs do."""
    if not re.fullmatch(r"\d{3,}(_[\w-]+)?", path.stem):
        return False
    return (path / picture_name(1)).is_file() if path.is_dir() else path.suffix.lower() in MOVIE_ENDINGS


def _write_job(folder: Path, request: AnimaticRequest, plan: Plan, listen: Listen) -> None:
    """Write panels and job file, unless an earlier run has done so."""
    if (folder / JOB_FILE).exists():
        return
    identity = new_id()
    size = write_stills(plan.stills, folder / KEYS_FOLDER, lambda sentence: listen(Notice(identity, sentence)))
    canvas = Canvas(*size, float(request.rate))
    settings, source = rough(request.settings), shots_as_source(plan.shots)
    write_job(folder, Job(identity, request.engine, canvas, plan.segments, settings, source))


def _pictures(folder: Path, segments: Sequence[Segment], shot: Shot) -> list[Path]:
    """Return the picture that is seen at each frame of a shot: a panel, or a drawing for as long as it is held."""
    starts = {frame: frame_path(folder, frame) for segment in segments for frame in segment.wanted}
    frame = shot.start
    for panel in shot.panels:
        starts[frame] = folder / panel.image
        frame += panel.frames
    pictures: list[Path] = []
    for frame in range(shot.start, shot.start + shot.frames):
        pictures.append(starts.get(frame) or pictures[-1])
    return pictures


def _write_folder(output: Path, pictures: Sequence[Path], desk: Path) -> None:
    """Write numbered pictures; the folder appears under its name when it is whole."""
    growing = desk / "shot"
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir()
    for number, picture in enumerate(pictures, 1):
        shutil.copyfile(picture, growing / picture_name(number))
    if output.exists():  # which --overwrite allows; other files in it stay
        for picture in growing.iterdir():
            picture.replace(output / picture.name)
    else:
        growing.replace(output)


def _write_movie(output: Path, pictures: Sequence[Path], rate: Fraction, desk: Path) -> None:
    """Write a movie; transparent panels are seen on white."""
    first = read_picture(pictures[0])
    write_movie(output, _on_white(pictures), rate, (first.shape[1], first.shape[0]), desk=desk)


def _on_white(pictures: Sequence[Path]) -> Iterator[NDArray[np.uint8]]:
    shown: Path | None = None
    for path in pictures:
        if path != shown:
            picture, shown = read_picture(path), path
            alpha = picture[..., 3:]
            pixels = np.rint((picture[..., :3] * alpha + 1 - alpha) * 255).astype(np.uint8)
        yield pixels
