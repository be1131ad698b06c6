"""How the page looks and what its buttons do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported: it would call home

import gradio as gr
import numpy as np
from PIL import Image

from ..contract.job import Easing, Settings
from ..engines import ENGINES, engine_obstacles
from ..errors import Cancelled, UserError
from .drawing import MOST_INBETWEENS, Wish, draw, keep, overlay
from .examples import write_examples
from .sessions import Sessions

EASINGS = {
    "Even": Easing.LINEAR,
    "Ease In": Easing.EASE_IN,
    "Ease Out": Easing.EASE_OUT,
    "Ease In and Out": Easing.EASE_BOTH,
}
PRESETS = {"Quick": "quick", "Balanced": "balanced", "Best": "best"}


#: What `generate` is told, in the order of the page.
_ASKED = (
    *("start", "end", "count", "easing", "engine", "arcs", "flat", "preset", "prompt", "seed", "speed", "fps"),
    *("sheet", "at", "strength"),
)


def _key_picture(label: str) -> gr.Image:
    """A picture by drop, paste or choice, whose file reaches us unopened: our own checks come first."""
    picture = gr.Image(label=label, sources=["upload", "clipboard"], type="filepath", image_mode=None, height=260)
    # A class of its own would make Gradio write a file beside this one.
    unopened: Any = lambda payload: None if payload is None else str(payload.path)  # noqa: E731
    setattr(picture, "preprocess", unopened)  # noqa: B010 - types forbid to assign a method
    return picture


def build(sessions: Sessions) -> gr.Blocks:
    """Return the page."""
    page: gr.Blocks
    with gr.Blocks(title="In-betweens", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.Markdown("# In-betweens\nTwo pictures in, the drawings between them out.")
        with gr.Row():
            start = _key_picture("First key")
            end = _key_picture("Second key")
        with gr.Row():
            with gr.Column():
                count = gr.Slider(1, MOST_INBETWEENS, 7, step=1, label="In-betweens")
                easing = gr.Dropdown(list(EASINGS), value="Even", label="Easing")
                engine = gr.Dropdown(
                    [(line, name) for name, line in ENGINES.items() if name != "hold"],
                    value="draft",
                    label="Engine",
                )
                with gr.Accordion("Look", open=False):
                    arcs = gr.Checkbox(True, label="Arcs")
                    flat = gr.Checkbox(True, label="Flat Colours")
                    preset = gr.Dropdown(list(PRESETS), value="Balanced", label="Quality")
                    prompt = gr.Textbox("", label="Prompt")
                    seed = gr.Number(0, precision=0, minimum=0, maximum=2**31 - 1, label="Seed")
                    speed = gr.Slider(1, 30, 10, step=1, label="Motion Speed")
                    fps = gr.Slider(1, 60, 12, step=1, label="Frames per Second")
            with gr.Column():
                sheet = gr.ImageEditor(
                    label="Guide: draw a rough line over both keys",
                    type="pil", image_mode="RGBA", sources=[], transforms=[], height=360, layers=False,
                    brush=gr.Brush(colors=["#000000"], color_mode="fixed", default_size=4), buttons=[],
                )  # fmt: skip
                at = gr.Slider(0.05, 0.95, 0.5, step=0.05, label="Guide at (0 first key, 1 second key)")
                strength = gr.Slider(0, 1, 0.6, step=0.05, label="Guide Strength")
        with gr.Row():
            go = gr.Button("Generate In-betweens", variant="primary", elem_id="generate")
            stop = gr.Button("Cancel", elem_id="cancel")
        status = gr.Markdown("", elem_id="status")
        with gr.Row():
            player = gr.Image(label="Playing", interactive=False, height=360, elem_id="player")
            frames = gr.Gallery(label="Drawings", columns=4, height=360, object_fit="contain", elem_id="frames")
        with gr.Row():
            downloads = [
                gr.DownloadButton(label, interactive=False, elem_id=f"download_{name}")
                for label, name in (("PNG sequence", "zip"), ("GIF", "gif"), ("MP4", "mp4"))
            ]
        examples = write_examples(Path(tempfile.mkdtemp(prefix="inbetween_examples_")))
        gr.Examples([[str(a), str(b)] for a, b in examples], [start, end], label="Try these")

        asked = [
            start,
            end,
            count,
            easing,
            engine,
            arcs,
            flat,
            preset,
            prompt,
            seed,
            speed,
            fps,
            sheet,
            at,
            strength,
        ]

        def generate(request: gr.Request, *values: Any) -> Iterator[list[Any]]:
            yield from _generate(sessions, str(request.session_hash), dict(zip(_ASKED, values, strict=True)))

        def cancel(request: gr.Request) -> None:
            sessions.of(str(request.session_hash)).cancel()

        def left(request: gr.Request) -> None:
            sessions.close(str(request.session_hash))

        for key in (start, end):
            key.change(_ready_to_guide, [start, end], sheet, show_progress="hidden")
        go.click(generate, asked, [status, player, frames, *downloads], concurrency_id="drawing")
        stop.click(cancel, None, None, queue=False)
        page.unload(left)
    return page


def _ready_to_guide(start: str | None, end: str | None) -> Any:
    """Put both keys faintly on the guide's sheet once both are there and can be read."""
    if not start or not end:
        return None
    try:
        background = overlay(Path(start), Path(end))
    except UserError:
        return None  # said when the person presses the button
    return {"background": Image.fromarray(background), "layers": [], "composite": None}


def _generate(sessions: Sessions, key: str, page: dict[str, Any]) -> Iterator[list[Any]]:
    """Yield what status, player, gallery and downloads show while it is drawn."""
    off = [gr.update(interactive=False, value=None)] * 3
    unchanged = [gr.skip()] * 2
    try:
        session = sessions.of(key)
        folder = session.begin()
        wish = _wish(page, folder)
        look = None
        for look in draw(wish, folder, lambda: session.cancelled):
            said = f"{look.stage}: {look.done} of {wish.count}"
            yield [
                said,
                str(look.preview) if look.preview else gr.skip(),
                [str(path) for path in look.pictures],
                *off,
            ]
        assert look is not None
        kept = keep(look.pictures, folder, wish.fps)
        notes = "".join(f"\n\n{warning}" for warning in look.warnings)
        ready = [gr.update(interactive=True, value=str(kept[ending])) for ending in ("zip", "gif", "mp4")]
        yield [f"{wish.count} in-betweens drawn.{notes}", str(kept["gif"]), [str(p) for p in look.pictures], *ready]
    except Cancelled:
        yield ["Cancelled.", *unchanged, *off]
    except UserError as error:
        yield [f"⚠️ {error}", *unchanged, *off]


def _wish(page: dict[str, Any], folder: Path) -> Wish:
    if not page["start"] or not page["end"]:
        raise UserError("key-missing", "Two pictures are needed.", "Drop one into each of the two fields.")
    if page["engine"] != "draft" and (obstacle := engine_obstacles().get(page["engine"])):
        raise UserError("engine-unavailable", obstacle, "Choose the draft engine, or install what is missing.")
    return Wish(
        start=Path(page["start"]),
        end=Path(page["end"]),
        count=int(page["count"]),
        guide=_guide(page["sheet"], folder),
        guide_at=float(page["at"]),
        easing=EASINGS[page["easing"]],
        engine=page["engine"],
        settings=Settings(
            seed=int(page["seed"] or 0),
            arcs=bool(page["arcs"]),
            flat_colours=bool(page["flat"]),
            preset=PRESETS[page["preset"]],
            prompt=str(page["prompt"])[:10_000],
            motion_speed=int(page["speed"]),
            guide_strength=float(page["strength"]),
        ),
        fps=float(page["fps"]),
    )


def _guide(sheet: Any, folder: Path) -> Path | None:
    """Return the strokes alone, black on clear, as a file; None when nothing is drawn."""
    if not sheet or not sheet.get("background") or not sheet.get("composite"):
        return None
    ground, drawn = (np.asarray(sheet[name].convert("RGB"), np.int16) for name in ("background", "composite"))
    if ground.shape != drawn.shape:
        return None
    ink = np.clip(np.abs(ground - drawn).max(axis=-1) * 2, 0, 255).astype(np.uint8)
    if not ink.any():
        return None
    path = folder / "guide.png"
    Image.fromarray(np.dstack([np.zeros((*ink.shape, 3), np.uint8), ink])).save(path)
    return path
