"""From pictures back to strokes: flat areas and pen lines as curves with few points, in the artist's colours."""

from .traced_job import trace_job
from .tracer import Tracer

__all__ = ["Tracer", "trace_job"]
