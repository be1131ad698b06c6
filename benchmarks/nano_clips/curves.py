"""The course of a training as a picture: one small chart a stage, read from what TensorBoard was told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

#: What each stage is judged by.
JUDGED_BY = {
    "autoencoder": "psnr",
    "prior": "velocity",
    "rectify": "velocity",
    "decoder": "psnr",
    "sketch": "velocity",
}
_WIDTH, _HEIGHT, _MARGIN = 300, 200, 34
_LINES = {"training": (40, 90, 170), "held-out": (215, 95, 30)}

Course = NDArray[np.float64]


def read_course(folder: Path, tag: str) -> Course:
    """Return (points, 2): step and value of a number in a TensorBoard folder; no points if it was never told."""
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    if tag not in events.Tags()["scalars"]:
        return np.zeros((0, 2))
    return np.array([(event.step, event.value) for event in events.Scalars(tag)])


def draw_curves(runs: Path, target: Path) -> None:
    """Write the charts of all stages that ran in `runs`, side by side, as a PNG picture."""
    stages = [stage for stage in JUDGED_BY if (runs / stage / "tensorboard").is_dir()]
    sheet = Image.new("RGB", (_WIDTH * len(stages), _HEIGHT), "white")
    for place, stage in enumerate(stages):
        name = JUDGED_BY[stage]
        courses = {part: read_course(runs / stage / "tensorboard", f"{part}/{name}") for part in _LINES}
        sheet.paste(_chart(f"{stage}: {name}", courses), (place * _WIDTH, 0))
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target)


def _chart(title: str, courses: dict[str, Course]) -> Image.Image:
    chart = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    pen, font = ImageDraw.Draw(chart), ImageFont.load_default(size=12)
    pen.text((_MARGIN, 8), title, "black", font)
    points = np.concatenate([course for course in courses.values() if len(course)])
    last_step = points[:, 0].max()
    low, high = points[:, 1].min(), points[:, 1].max()
    span = max(float(high - low), 1e-9)
    box = (_MARGIN, 28, _WIDTH - 12, _HEIGHT - 24)
    pen.rectangle(box, outline=(200, 200, 200))
    for value, y in ((high, box[1]), (low, box[3] - 12)):
        pen.text((2, y), f"{value:.3g}", (90, 90, 90), font)
    pen.text((box[0], box[3] + 4), "step 0", (90, 90, 90), font)
    pen.text((box[2] - 34, box[3] + 4), f"{last_step:.0f}", (90, 90, 90), font)
    for number, (part, course) in enumerate(courses.items()):
        if not len(course):
            continue
        x = box[0] + course[:, 0] / last_step * (box[2] - box[0])
        y = box[3] - (course[:, 1] - low) / span * (box[3] - box[1])
        corners = list(zip(x.tolist(), y.tolist(), strict=True))
        if len(corners) > 1:
            pen.line(corners, _LINES[part], 2)
        for corner in corners if part == "held-out" else []:
            pen.ellipse([corner[0] - 3, corner[1] - 3, corner[0] + 3, corner[1] + 3], fill=_LINES[part])
        pen.text((_WIDTH - 70, 4 + 12 * number), part, _LINES[part], font)
    return chart
