"""Capturing in one call, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bl_ext.checkout.tooncrafter_blender.backend.contract import job
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import capture
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline.keyframes import Span

from tests.blender import scenes


def span(start, end, *guides):
    return Span(start, end, tuple(range(start + 1, end)), guides)


def capture_job(scene, obj, folder, *spans, report=lambda done, of: None, settings=None, **options):
    """Capture `spans` (default: frames 1 to 5) with plain settings; options: those of CaptureSettings."""
    return capture.write_job(
        scene,
        obj,
        spans or (span(1, 5),),
        Path(folder),
        engine="draft",
        settings=settings or job.Settings(),
        easing=job.Easing.LINEAR,
        capture=capture.CaptureSettings(**options),
        source={},
        report=report,
    )


def captured(scene, obj, folder, frame=1, **options):
    """The picture of the key at `frame` as (height, width, 4) numbers 0..255."""
    capture_job(scene, obj, folder, span(frame, frame + 4), **options)
    return scenes.picture(Path(folder) / "keys" / job.picture_name(frame)).astype(int)


def psnr(one, other):
    """Peak signal-to-noise ratio in dB of two RGBA pictures 0..255, colours weighed by alpha; alpha counts too."""
    left, right = (
        np.concatenate([p[..., :3] * (p[..., 3:] / 255), p[..., 3:]], axis=-1) / 255 for p in (one, other)
    )
    return -10 * np.log10(max(float(np.mean((left - right) ** 2)), 1e-12))


def extent(picture):
    """The box around what is seen at all: left, top, right, bottom, the last two exclusive."""
    rows, columns = np.nonzero(picture[..., 3] > 127)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
