"""Keys as the artist sees them become pictures, guide strokes line drawings, and both together a job folder."""

from .chosen_picture import margins_of, refuse_what_is_no_picture
from .folder import (
    CaptureSettings,
    picture_size,
    write_board,
    write_colouring,
    write_end_thumbnails,
    write_guides,
    write_job,
    write_shot,
)

__all__ = [
    "CaptureSettings",
    "margins_of",
    "picture_size",
    "refuse_what_is_no_picture",
    "write_board",
    "write_colouring",
    "write_end_thumbnails",
    "write_guides",
    "write_job",
    "write_shot",
]
