"""result.json: what a run made, by which engine and settings, how long it took, and what it could not do.

Written anew after every segment, so that a run that was killed loses no record of what it finished.
Standard library only: Blender shows the warnings from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..errors import UserError
from .job import CONTRACT_VERSION, FRAME_MAX, FRAME_MIN, MAX_JOB_FILE_BYTES, RESULT_FILE, write_json
from .record import Record, read_json


class State(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True)
class Caution:
    """One thing that could not be done, in a sentence; `frame` names the guide or drawing that it is about."""

    sentence: str
    frame: int | None = None


@dataclass(frozen=True)
class SegmentResult:
    """What became of one segment.

    fingerprint: hash of everything that its frames depend on. seconds: time that drawing took, all runs together.
    notes: facts that the engine recorded, such as the method that it chose.
    """

    start: int
    end: int
    fingerprint: str
    frames: tuple[int, ...] = ()
    seconds: float = 0.0
    warnings: tuple[Caution, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What became of a job. `engine` and `settings` are as run; `error` is a sentence, empty unless failed."""

    job: str
    state: State
    engine: str
    engine_version: str
    settings: Mapping[str, Any]
    segments: tuple[SegmentResult, ...] = ()
    made: int = 0
    kept: int = 0
    seconds: float = 0.0
    error: str = ""
    error_code: str = ""
    hint: str = ""
    version: int = CONTRACT_VERSION

    @property
    def warnings(self) -> tuple[Caution, ...]:
        """All warnings of all segments, in order."""
        return tuple(warning for segment in self.segments for warning in segment.warnings)


def write_result(folder: Path, result: Result) -> None:
    """Write result.json so that a reader sees the old file or the whole new one. Raises OSError when refused."""
    write_json(folder / RESULT_FILE, asdict(result))


def read_result(folder: Path) -> Result | None:
    """Return the result in the job folder, or None when there is none that can be read.

    A result is a record, not an input: one that is damaged counts as absent, and the run writes it anew.
    """
    try:
        raw = read_json(folder / RESULT_FILE, MAX_JOB_FILE_BYTES)
        return _parse(raw)
    except (OSError, ValueError, LookupError):
        return None


def _parse(raw: object) -> Result:
    try:
        record = Record(raw, RESULT_FILE)
        return Result(
            job=record.text("job", 128),
            state=State(record.text("state", 32)),
            engine=record.text("engine", 64),
            engine_version=record.text("engine_version", 64),
            settings=record.mapping("settings"),
            segments=tuple(_parse_segment(item) for item in record.records("segments", 10_000)),
            made=record.whole("made", 0, 2**31),
            kept=record.whole("kept", 0, 2**31),
            seconds=record.number("seconds", 0, 1e12),
            error=record.text("error", 100_000, ""),
            error_code=record.text("error_code", 128, ""),
            hint=record.text("hint", 100_000, ""),
            version=record.whole("version", 1, CONTRACT_VERSION),
        )
    except UserError as error:
        raise ValueError(str(error)) from error


def _parse_segment(record: Record) -> SegmentResult:
    return SegmentResult(
        start=record.whole("start", FRAME_MIN, FRAME_MAX),
        end=record.whole("end", FRAME_MIN, FRAME_MAX),
        fingerprint=record.text("fingerprint", 128),
        frames=record.wholes("frames", FRAME_MIN, FRAME_MAX, 100_000),
        seconds=record.number("seconds", 0, 1e12),
        warnings=tuple(
            Caution(item.text("sentence", 10_000), item.optional_whole("frame", FRAME_MIN, FRAME_MAX))
            for item in record.records("warnings", 10_000)
        ),
        notes=record.mapping("notes"),
    )
