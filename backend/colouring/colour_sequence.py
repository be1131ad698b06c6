"""A sequence of line drawings and a few coloured references in, the coloured sequence out: without Blender."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract.colouring_segments import colouring_segments
from ..contract.job import (
    GUIDES_FOLDER,
    JOB_FILE,
    KEYS_FOLDER,
    Canvas,
    Job,
    Settings,
    frame_path,
    new_id,
    picture_name,
    write_job,
)
from ..contract.job import Picture as KeyPicture
from ..errors import UserError
from ..film import open_film
from ..jobs.run import Listen, run_job
from ..jobs.work_folder import stamp_of, work_beside
from ..pictures import (
    fit_picture,
    lines_picture,
    picture_size,
    read_guide,
    read_picture,
    sweep_pictures,
    write_picture,
)
from .reference_lines import shows

if TYPE_CHECKING:
    from ..engines import Picture


@dataclass(frozen=True)
class ColourRequest:
    """What is asked for.

    lines: folder of numbered line drawings. references: number of a line drawing -> the same drawing coloured; key
    None: the first. out: folder that receives one picture for each line drawing, under its name as .png.
    """

    lines: Path
    references: Mapping[int | None, Path]
    out: Path
    engine: str = "draft"
    settings: Settings = field(default_factory=Settings)
    overwrite: bool = False


@dataclass(frozen=True)
class Plan:
    """What a request comes down to. drawings: line drawings in order. references: place among them -> picture."""

    drawings: tuple[Path, ...]
    references: Mapping[int, Path]
    size: tuple[int, int]

    @property
    def wanted(self) -> int:
        """Number of pictures to be coloured."""
        return len(self.drawings) - len(self.references)


def plan_colouring(request: ColourRequest) -> Plan:
    """Look at what was given, before any work.

    Raises UserError when something is missing or in the way, or a reference has no line drawing.
    """
    if not request.lines.is_dir():
        raise UserError("folder-missing", f"There is no folder “{request.lines}”.", "Name the folder of drawings.")
    drawings = open_film(request.lines).pictures
    numbers = {_number(path): place for place, path in enumerate(drawings)}
    references: dict[int, Path] = {}
    for number, path in request.references.items():
        place = 0 if number is None else numbers.get(number)
        if place is None:
            raise UserError(
                "reference-without-lines",
                f"There is no line drawing with the number {number} for the reference “{path}”.",
                f"The line drawings are numbered {min(numbers)} to {max(numbers)}.",
            )
        picture_size(path)
        references[place] = path
    if not references:
        raise UserError(
            "reference-missing", "No coloured reference is given.", "Add one with --reference 1=FIRST.png."
        )
    outputs = [_output(request, drawing) for drawing in drawings]
    existing = [path for path in outputs if path.exists()]
    if existing and not request.overwrite:
        raise UserError(
            "output-exists",
            f"“{existing[0]}” exists already; nothing was coloured.",
            "Choose another folder with -o, or allow replacing with --overwrite.",
        )
    return Plan(drawings, references, picture_size(drawings[0]))


def colour_sequence(request: ColourRequest, plan: Plan, listen: Listen) -> list[Path]:
    """Colour the sequence and return the pictures in order; a run that was ended goes on where it was.

    Raises UserError and Cancelled; finished drawings stay.
    """
    asked = (request.engine, request.settings)
    stamp = stamp_of(asked, (*plan.drawings, *plan.references.values()))
    with work_beside(request.out, stamp) as folder:
        if plan.wanted:
            _write_job(folder, request, plan)
            run_job(folder, listen)
        request.out.mkdir(parents=True, exist_ok=True)
        sweep_pictures(request.out)
        for place, drawing in enumerate(plan.drawings):
            if place in plan.references:
                write_picture(_output(request, drawing), _reference(plan, place))
            else:
                write_picture(_output(request, drawing), read_picture(frame_path(folder, place + 1)))
    return [_output(request, drawing) for drawing in plan.drawings]


def _number(path: Path) -> int:
    """Return the last number in a file's name; -1 when there is none."""
    found = re.findall(r"\d+", path.stem)
    return int(found[-1]) if found else -1


def _output(request: ColourRequest, drawing: Path) -> Path:
    return request.out / f"{drawing.stem}.png"


def _reference(plan: Plan, place: int) -> Picture:
    picture = read_picture(plan.references[place])
    return picture if picture.shape[1::-1] == plan.size else fit_picture(picture, plan.size)


def _write_job(folder: Path, request: ColourRequest, plan: Plan) -> None:
    """Write the job unless it is there: segments between references, a line drawing at every other frame."""
    if (folder / JOB_FILE).exists():
        return
    for name in (KEYS_FOLDER, GUIDES_FOLDER):
        (folder / name).mkdir(parents=True, exist_ok=True)
    keys = []
    for place, drawing in enumerate(plan.drawings):
        drawn = read_guide(drawing, plan.size)
        key = _key(place)
        if place in plan.references:
            reference = _reference(plan, place)
            write_picture(folder / key.image, reference)
            # The drawing knows its lines better than they can be read out of a picture, if the picture shows it.
            key = replace(key, lines=_lines(place).image if shows(reference, drawn) else "")
            keys.append(key)
        if place not in plan.references or key.lines:
            write_picture(folder / _lines(place).image, lines_picture(drawn))
    lines = [_lines(place) for place in range(len(plan.drawings)) if place not in plan.references]
    segments = colouring_segments(keys, lines, len(plan.drawings) + 1)
    settings = replace(request.settings, colouring=True, guide_strength=1.0)
    write_job(folder, Job(new_id(), request.engine, Canvas(*plan.size, 24.0), segments, settings))


def _key(place: int) -> KeyPicture:
    return KeyPicture(place + 1, f"{KEYS_FOLDER}/{picture_name(place + 1)}")


def _lines(place: int) -> KeyPicture:
    return KeyPicture(place + 1, f"{GUIDES_FOLDER}/{picture_name(place + 1)}")
