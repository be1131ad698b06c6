"""The settings on the page, under the names and with the limits that they have in Blender's tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ..contract.job import Easing, Settings
from ..engines import ENGINES
from .drawing import MOST_INBETWEENS

EASINGS = {
    "Even": Easing.LINEAR,
    "Ease In": Easing.EASE_IN,
    "Ease Out": Easing.EASE_OUT,
    "Ease In and Out": Easing.EASE_BOTH,
}
QUALITIES = {"Quick": "quick", "Balanced": "balanced", "Best": "best"}
SAMPLERS = {"As Quality": "", "DPM-Solver++": "dpm", "DDIM": "ddim"}
_DEFAULTS = Settings()
_MAX_SEED = 2**31 - 1
_LONGEST_TEXT = 1000


def build_panel() -> dict[str, Any]:
    """Lay the settings out; returns the component of each by name."""
    fields: dict[str, Any] = {}
    fields["engine"] = gr.Dropdown(
        [(line.partition(":")[0], name) for name, line in ENGINES.items() if name != "hold"],
        value="draft",
        label="Engine",
        info=_described("draft"),
        elem_id="engine",
    )
    with gr.Accordion("Range", open=True):
        fields["count"] = _slider(1, MOST_INBETWEENS, 7, step=1, label="In-betweens", elem_id="count")
        fields["exposure"] = _slider(1, 4, 2, step=1, label="Exposure", info="Frames that each drawing is held")
        fields["easing"] = gr.Dropdown(list(EASINGS), value="Even", label="Easing")
        fields["fps"] = _slider(1, 60, 24, step=1, label="Frame Rate")
    with gr.Accordion("Guides", open=True):
        fields["at"] = _slider(
            0.05, 0.95, 0.5, step=0.05, label="Guide at", info="0 is the first key, 1 the second", elem_id="at"
        )
        fields["strength"] = _slider(0, 1, _DEFAULTS.guide_strength, step=0.05, label="Guide Strength")
        with gr.Group(visible=False) as leading:
            fields["lead_from"] = _slider(0, 0.95, _DEFAULTS.guide_from, step=0.05, label="Lead From")
            fields["lead_until"] = _slider(0.05, 1, _DEFAULTS.guide_until, step=0.05, label="Lead Until")
    with gr.Accordion("Look", open=False):
        fields["preset"] = gr.Dropdown(list(QUALITIES), value="Balanced", label="Quality")
        fields["seed"] = gr.Number(0, precision=0, minimum=0, maximum=_MAX_SEED, label="Seed")
        with gr.Group(visible=False) as model:
            fields["prompt"] = gr.Textbox("", label="Prompt", max_length=_LONGEST_TEXT)
            fields["negative_prompt"] = gr.Textbox("", label="Avoid", max_length=_LONGEST_TEXT)
            fields["speed"] = _slider(1, 30, _DEFAULTS.motion_speed, step=1, label="Motion Speed")
            fields["guidance"] = _slider(1, 20, _DEFAULTS.guidance, step=0.5, label="Guidance")
            fields["sampler"] = gr.Dropdown(list(SAMPLERS), value="As Quality", label="Sampler")
            fields["steps"] = _slider(0, 200, _DEFAULTS.steps, step=1, label="Steps")
        fields["arcs"] = gr.Checkbox(True, label="Arcs")
        fields["flat"] = gr.Checkbox(True, label="Flat Colours")

    def choose(engine: str) -> list[Any]:
        """Show what concerns the engine."""
        return [gr.update(info=_described(engine)), *[gr.update(visible=engine != "draft")] * 2]

    fields["engine"].change(
        choose,
        fields["engine"],
        [fields["engine"], leading, model],
        show_progress="hidden",
        api_visibility="private",
    )
    return fields


def _slider(least: float, most: float, value: float, **options: Any) -> gr.Slider:
    return gr.Slider(least, most, value, buttons=[], **options)


def settings_of(page: Mapping[str, Any]) -> Settings:
    """Return what was chosen."""
    begin = float(page["lead_from"])
    return Settings(
        seed=int(page["seed"] or 0),
        arcs=bool(page["arcs"]),
        flat_colours=bool(page["flat"]),
        preset=QUALITIES[page["preset"]],
        prompt=str(page["prompt"])[:_LONGEST_TEXT],
        negative_prompt=str(page["negative_prompt"])[:_LONGEST_TEXT],
        motion_speed=int(page["speed"]),
        guidance=float(page["guidance"]),
        sampler=SAMPLERS[page["sampler"]],
        steps=int(page["steps"]),
        guide_strength=float(page["strength"]),
        guide_from=begin,
        guide_until=max(float(page["lead_until"]), begin + 0.05),
    )


def _described(engine: str) -> str:
    words = ENGINES[engine].partition(":")[2].strip()
    return words[:1].upper() + words[1:]
