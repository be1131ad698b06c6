"""The mark that tells which job a strip or object shows, so that it is found again and never doubled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

_NAME = "inbetween_job"


class _Marked(Protocol):
    def get(self, key: str, default: object = None, /) -> object: ...


_T = TypeVar("_T", bound=_Marked)


def mark(thing: object, job_id: str) -> None:
    """Write the job's id on a strip, object or other data that holds custom properties."""
    thing[_NAME] = job_id  # type: ignore[index]


def marked(things: Iterable[_T], job_id: str) -> list[_T]:
    """Return those things that show the job."""
    return [thing for thing in things if thing.get(_NAME) == job_id]
