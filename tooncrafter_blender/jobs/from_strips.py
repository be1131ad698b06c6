"""Jobs whose keys are pictures of strips of the sequencer, as their job files tell them from jobs of an object.

Knows nothing of Blender.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ...backend.contract.job import Job

#: Entries of `Job.source`: the names of the strips before and after; of the strip that each shot of a board begins
#: with.
_FIRST, _SECOND, _PANELS = "first_strip", "second_strip", "panel_strips"


def strips_as_source(first: str, second: str) -> Mapping[str, str]:
    """Return what a job file says of the two strips that the job lies between."""
    return {_FIRST: first, _SECOND: second}


def panels_as_source(strips: Sequence[str]) -> Mapping[str, str]:
    """Return what a job file says of the strips that the shots of a board begin with."""
    return {_PANELS: json.dumps(strips, ensure_ascii=False)}


def is_from_strips(job: Job) -> bool:
    """Tell whether the keys are pictures of strips: then there is no object."""
    return is_between_strips(job) or _PANELS in job.source


def is_between_strips(job: Job) -> bool:
    """Tell whether the job lies between two strips: then its keys are seen on these."""
    return _FIRST in job.source


def strip_like(job: Job, run: int) -> str:
    """Return the name of the strip as which run number `run` of the job stands in the picture; "" for none."""
    if is_between_strips(job):
        return job.source[_FIRST]
    try:
        strips = json.loads(job.source.get(_PANELS, "[]"))
    except ValueError:
        return ""
    return str(strips[run]) if isinstance(strips, list) and run < len(strips) else ""
