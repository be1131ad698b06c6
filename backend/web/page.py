"""How the page looks and what its buttons do."""

from __future__ import annotations

import html
import json
import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported: it would call home

import gradio as gr
import numpy as np
from gradio.themes.utils.fonts import Font
from PIL import Image

from ..engines import engine_obstacles
from ..errors import Cancelled, UserError
from ..jobs.batch_view import duration
from .drawing import Look, Points, Wish, draw, keep, overlay, read_key
from .gate import MADE
from .line import Line
from .panel import EASINGS, build_panel, settings_of
from .visitors import Tab, Visitors, new_folder

LOOKS = Path(__file__).parent / "looks"
#: Of a guide. More is no drawing of a hand.
_MOST_STROKES, _MOST_POINTS = 500, 20_000

_GUIDE = """<div class="sheet guide">
<div class="title">Guide: draw over both keys what is to lie between</div>
<div class="paper"><img alt="Both keys" hidden><canvas></canvas>
<div class="empty">With two keys here, draw on them where a limb or the whole drawing should pass.
May stay empty.</div>
</div><div class="tools"><button type="button">Undo</button><button type="button">Clear</button></div></div>"""
_PLAYER = """<div class="sheet player">
<div class="paper"><div class="empty">The drawings appear here, and play.</div></div>
<div class="half" hidden>Half-finished:<img alt="Half-finished drawings"></div>
<div class="tools"><button type="button" class="play">Pause</button><input type="range" min="0" value="0"
aria-label="Drawing"><output></output></div><div class="strip"></div><div class="tools">
<a data-ending="zip" download hidden>PNG Sequence</a><a data-ending="gif" download hidden>GIF</a>
<a data-ending="mp4" download hidden>MP4</a></div></div>"""


def theme() -> gr.themes.Base:
    """Return calm greys with one colour, in the fonts that the computer has."""
    return gr.themes.Base(
        primary_hue="blue",
        neutral_hue="zinc",
        radius_size="md",
        text_size="md",
        font=[Font("system-ui"), Font("sans-serif")],
        font_mono=[Font("ui-monospace"), Font("monospace")],
    ).set(
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
        block_label_text_size="*text_sm",
    )


def build(visitors: Visitors, examples: list[tuple[str, Path, Path]]) -> gr.Blocks:
    """Return the page. examples: a name and two keys of each."""
    page: gr.Blocks
    line = Line()
    one_look = threading.Lock()  # pictures are large once they are unpacked
    with gr.Blocks(title="In-betweens", analytics_enabled=False) as page:
        gr.HTML(
            "<div id='head'><h1>In-betweens</h1><p>Two pictures in, the drawings between them out.</p></div>",
            js_on_load=None,
        )
        with gr.Column(elem_id="desk"):
            with gr.Column(elem_id="keys"):
                start, end = _key("First key", "start"), _key("Second key", "end")
            with gr.Row(elem_id="tries"):
                gr.HTML("Nothing at hand? Try", js_on_load=None)
                tries = [gr.Button(name, size="sm", elem_id=f"try_{name.lower()}") for name, _, _ in examples]
            guide = _drawn_by(_GUIDE, "guide")
            with gr.Column(elem_id="panel"):
                with gr.Column(elem_id="press"):
                    go = gr.Button("Generate In-betweens", variant="primary", elem_id="generate")
                    stop = gr.Button("Cancel", interactive=False, elem_id="cancel")
                status = gr.HTML("", js_on_load=None, elem_id="status")
                fields = build_panel()
            player = _drawn_by(_PLAYER, "result")

        def generate(request: gr.Request, *values: Any) -> Iterator[list[Any]]:
            tab = visitors.of_tab(str(request.session_hash))
            yield from _generate(tab, line, dict(zip(asked, values, strict=True)))

        def cancel(request: gr.Request) -> None:
            visitors.of_tab(str(request.session_hash)).cancel()

        def leave(request: gr.Request) -> None:
            visitors.left(str(request.session_hash))

        def look_at_keys(request: gr.Request, start: str | None, end: str | None) -> list[Any]:
            with one_look:
                return _look_at_keys(visitors.of_tab(str(request.session_hash)), start, end)

        asked = {"start": start, "end": end, "guide": guide, **fields}
        # Answered by the request itself: of what Gradio queues, an answer is lost now and then when one follows
        # close upon another, because the browser counts on a stream of answers that has just ended.
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
        gr.on(
            [start.change, end.change],
            look_at_keys,
            [start, end],
            [start, end, guide, status],
            trigger_mode="always_last",
            **quiet,
        )
        for button, (_, one, other) in zip(tries, examples, strict=True):
            button.click(lambda pair=(str(one), str(other)): list(pair), None, [start, end], **quiet)
        go.click(
            generate,
            list(asked.values()),
            [status, player, go, stop],
            concurrency_limit=None,
            show_progress="hidden",
            api_name="generate",
        )
        stop.click(cancel, None, None, queue=False, api_name="cancel")
        # Also what makes an open page keep a connection, by whose end Gradio knows that it was closed.
        page.unload(leave)
    return page


def _key(label: str, name: str) -> gr.Image:
    """A picture by drop, paste or choice."""
    return gr.Image(
        label=label,
        sources=["upload", "clipboard"],
        type="filepath",
        image_mode=None,
        height=230,
        buttons=[],
        elem_id=name,
    )


def _unopened(self: gr.Image, payload: Any) -> str | None:
    """Return where an uploaded picture lies. Gradio would decode it, and our own checks come first."""
    return None if payload is None else str(payload.path)


# Of the class: Gradio makes each component that changes anew for the visitor. For a class of our own it would write
# a file beside this one.
setattr(gr.Image, "preprocess", _unopened)  # noqa: B010 - types forbid to assign a method


def _drawn_by(template: str, name: str) -> gr.HTML:
    """A part of the page with a script of its own, looks/NAME.js; its value is JSON."""
    script = {"guide": "guide.js", "result": "player.js"}[name]
    return gr.HTML(
        "",
        html_template=template,
        js_on_load=(LOOKS / script).read_text("utf-8"),
        apply_default_css=False,
        elem_id=name,
    )


def _told(sentence: str, part: float | None = None, wrong: bool = False) -> str:
    """Return what the status shows. part: of the work that is done, 0..1, as a bar."""
    bar = "" if part is None else f"<progress value='{part:.3f}'></progress>"
    return f"<div class='told{' wrong' if wrong else ''}' role='status'>{bar}{html.escape(sentence)}</div>"


def _address(tab: Tab, path: Path) -> str:
    return MADE + path.relative_to(tab.visitor.folder).as_posix()


def _look_at_keys(tab: Tab, start: str | None, end: str | None) -> list[Any]:
    """Say at once what is wrong with a key and take it away; with two good ones, lay out the guide's sheet."""
    paths = [Path(key) if key else None for key in (start, end)]
    for number, path in enumerate(paths):
        try:
            if path:
                read_key(path)
        except UserError as error:
            emptied = [None if side == number else gr.skip() for side in (0, 1)]
            return [*emptied, "", _told(str(error), wrong=True)]
    if not paths[0] or not paths[1]:
        return [gr.skip(), gr.skip(), "", gr.skip()]
    sheet = overlay(paths[0], paths[1])
    path = new_folder(tab.visitor) / "both_keys.png"
    Image.fromarray(sheet).save(path)
    value = {"ground": _address(tab, path), "size": [sheet.shape[1], sheet.shape[0]], "strokes": []}
    return [gr.skip(), gr.skip(), json.dumps(value), ""]


def _generate(tab: Tab, line: Line, page: dict[str, Any]) -> Iterator[list[Any]]:
    """Yield what status, player and both buttons show while it is drawn."""
    running = [gr.update(interactive=False), gr.update(interactive=True)]
    ended = [gr.update(interactive=True), gr.update(interactive=False)]
    try:
        folder = tab.begin()
        wish = _wish(page)
        yield [_told("Looking at the keys"), "", *running]
        with line.place(_device(wish.engine)) as place:
            for before in place.wait(tab.is_cancelled):
                yield [_told(f"Waiting: {before} before you"), gr.skip(), *running]
            look = None
            for look in draw(wish, folder, tab.is_cancelled):
                yield [_told(_how_far(look, wish.count), look.part), _played(tab, wish, look), *running]
            assert look is not None
            kept = keep(look.pictures, folder, wish.fps, wish.exposure)
        drawn = f"{wish.count} in-between{'s' if wish.count > 1 else ''} drawn."
        yield [_told(" ".join([drawn, *look.warnings])), _played(tab, wish, look, kept), *ended]
    except Cancelled:
        yield [_told("Cancelled."), gr.skip(), *ended]
    except UserError as error:
        yield [_told(str(error), wrong=True), gr.skip(), *ended]


def _how_far(look: Look, count: int) -> str:
    left = f", {duration(look.seconds_left)} left" if look.seconds_left >= 1 else ""
    return f"{look.stage[:1].upper()}{look.stage[1:]}: {look.done} of {count}{left}"


def _played(tab: Tab, wish: Wish, look: Look, kept: dict[str, Path] | None = None) -> str:
    """Return what the player is told."""
    return json.dumps(
        {
            "pictures": [_address(tab, path) for path in look.pictures],
            "rate": wish.fps / wish.exposure,
            "half": _address(tab, look.preview) if look.preview else "",
            "files": {ending: _address(tab, path) for ending, path in (kept or {}).items()},
        }
    )


def _device(engine: str) -> str:
    """Return what an engine keeps busy: the draft engine the processor, the model a device of its own."""
    return "processor" if engine == "draft" else "model"


def _wish(page: dict[str, Any]) -> Wish:
    if not page["start"] or not page["end"]:
        raise UserError("key-missing", "Two pictures are needed.", "Drop one into each of the two fields.")
    if page["engine"] != "draft" and (obstacle := engine_obstacles().get(page["engine"])):
        raise UserError("engine-unavailable", obstacle, "Choose the draft engine, or install what is missing.")
    return Wish(
        start=Path(page["start"]),
        end=Path(page["end"]),
        count=int(page["count"]),
        guide=_strokes(page["guide"]),
        guide_at=float(page["at"]),
        easing=EASINGS[page["easing"]],
        engine=page["engine"],
        settings=settings_of(page),
        fps=float(page["fps"]),
        exposure=int(page["exposure"]),
    )


def _strokes(told: Any) -> list[Points]:
    """Return the strokes that the guide's sheet tells of. Raises UserError("guide-invalid") for anything else."""
    try:
        found = json.loads(told or "{}").get("strokes", [])
        strokes = [np.array([float(number) for number in stroke]).reshape(-1, 2) for stroke in found]
        points = sum(map(len, strokes))
        if len(strokes) <= _MOST_STROKES and points <= _MOST_POINTS and all(map(_is_near, strokes)):
            return strokes
    except (AttributeError, TypeError, ValueError, RecursionError):
        pass
    raise UserError("guide-invalid", "The guide cannot be used.", "Press Clear and draw fewer lines.")


def _is_near(stroke: Points) -> bool:
    return len(stroke) > 0 and bool(np.isfinite(stroke).all()) and math.floor(np.abs(stroke).max()) <= 1 << 15
