"""Jobs between two strips of the sequencer, as their job files tell them from jobs between two keys of an object.

Knows nothing of Blender.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..backend.job import Job

#: Entries of `Job.source`: the names of the strips before and after.
_FIRST, _SECOND = "first_strip", "second_strip"


def strips_as_source(first: str, second: str) -> Mapping[str, str]:
    """Return what a job file says of the two strips that the job lies between."""
    return {_FIRST: first, _SECOND: second}


def is_between_strips(job: Job) -> bool:
    """Tell whether the job lies between strips: then its keys are pictures of theirs, and there is no object."""
    return _FIRST in job.source


def first_strip(job: Job) -> str:
    """Return the name that the strip before had."""
    return job.source.get(_FIRST, "")
