"""Keys as the artist sees them become pictures, guide strokes line drawings, and both together a job folder."""

from .folder import CaptureSettings, write_guides, write_job, write_shot

__all__ = ["CaptureSettings", "write_guides", "write_job", "write_shot"]
