"""What the artist chooses for a scene, saved with the file, and the snapshot of it that a job is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    StringProperty,
)

from ...backend.contract.job import Easing, Settings
from ...backend.engines import ENGINES
from .. import results
from ..capture import CaptureSettings
from ..registering import on_every_scene
from . import preferences
from .preferences import ENGINE_CHOICES

_EASINGS = (
    (Easing.LINEAR, "Even", "All drawings are equally far apart"),
    (Easing.EASE_IN, "Ease In", "Leaves the first key slowly: drawings crowd after it"),
    (Easing.EASE_OUT, "Ease Out", "Settles into the second key slowly: drawings crowd before it"),
    (Easing.EASE_BOTH, "Ease In and Out", "Leaves slowly and settles slowly: drawings crowd at both keys"),
)

_BREAKDOWNS = (
    ("key", "As Keys", "Drawings pass through your breakdowns exactly"),
    ("ignore", "Draw Over", "Breakdowns are left out, as if they were not there"),
)

_IMPORTS = (
    ("reference", "Reference", "A picture behind your drawing in the camera's view, to look at or trace"),
    ("strip", "Image Strip", "An image strip in the sequencer, to play and render"),
    ("strokes", "Strokes", "A new layer of your object with the drawings as strokes, in your own materials"),
    ("none", "Nothing Yet", "Drawings stay in the job's folder until you import them from the list"),
)

_VARIATIONS = (
    ("seed", "Seed", "Each take has the next seed: other tries of an engine that leaves something to chance"),
    ("engine", "Engine", "One take by each engine that can be used here, to compare them"),
)

_PRESETS = (
    ("quick", "Quick", "For a first look"),
    ("balanced", "Balanced", "Good drawings in reasonable time"),
    ("best", "Best", "For the final drawings, however long it takes"),
)

_PLACES = (
    ("empty", "Empty", "On an empty of their own that fills the camera's view"),
    ("camera", "Camera Background", "As background images of the camera"),
)

_SAMPLERS = (
    ("preset", "As Quality", "The one that the quality stands for"),
    ("dpm", "DPM-Solver++", "Needs few steps"),
    ("ddim", "DDIM", "The published one, which adds fresh noise at every step"),
)

_DEFAULTS = Settings()
#: The part of the denoising in which guides lead is at least that long.
_LEADING_AT_LEAST = 0.05
#: The contract's limit.
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Choice:
    """Everything chosen, as plain values. exposure: frames that each drawing is held.

    takes: how many variations are drawn at once. vary: in what they differ.
    """

    engine: str
    exposure: int
    easing: Easing
    breakdowns: Literal["key", "ignore"]
    import_as: str
    capture: CaptureSettings
    settings: Settings
    takes: int = 1
    vary: Literal["seed", "engine"] = "seed"


def _chosen_engine(settings: InbetweenSettings) -> int:
    """Return the number of the scene's engine: the one in the preferences until another was chosen."""
    names = list(ENGINES)
    chosen = settings.own_engine or preferences.current().default_engine
    return names.index(chosen) if chosen in names else 0


def _choose_engine(settings: InbetweenSettings, number: int) -> None:
    settings.own_engine = list(ENGINES)[number]


def _restyle(settings: InbetweenSettings, _: bpy.types.Context) -> None:
    """Have the references of the scene look as is chosen now."""
    scene = cast(bpy.types.Scene, settings.id_data)
    results.restyle(scene, look_of(scene))


def _push_until(settings: InbetweenSettings, _: bpy.types.Context) -> None:
    """Guides cannot end to lead before they begin."""
    if settings.guide_until < settings.guide_from + _LEADING_AT_LEAST - 1e-4:
        settings.guide_until = settings.guide_from + _LEADING_AT_LEAST


def _push_from(settings: InbetweenSettings, _: bpy.types.Context) -> None:
    if settings.guide_from > settings.guide_until - _LEADING_AT_LEAST + 1e-4:
        settings.guide_from = settings.guide_until - _LEADING_AT_LEAST


class InbetweenSettings(bpy.types.PropertyGroup):
    """How the in-betweens of a scene are drawn."""

    if TYPE_CHECKING:
        engine: str
        own_engine: str
        takes: int
        vary: str
        exposure: int
        easing: str
        breakdowns: str
        import_as: str
        reference_place: str
        reference_opacity: float
        reference_in_front: bool
        reference_neighbours: int
        whole_scene: bool
        width: int
        seed: int
        preset: str
        prompt: str
        negative_prompt: str
        motion_speed: int
        guidance: float
        sampler: str
        steps: int
        arcs: bool
        flat_colours: bool
        guide_strength: float
        guide_from: float
        guide_until: float
    else:
        engine: EnumProperty(
            name="Engine",
            description="What draws the in-betweens. New scenes begin with the one in the add-on's preferences",
            items=ENGINE_CHOICES,
            get=_chosen_engine,
            set=_choose_engine,
        )
        own_engine: StringProperty(
            name="Chosen Engine", description="Empty until one was chosen for this scene", options={"HIDDEN"}
        )
        exposure: IntProperty(
            name="Exposure",
            description="Frames that each drawing is held: 1 animates on ones, 2 on twos, 3 on threes",
            default=1,
            min=1,
            max=24,
            soft_max=4,
        )
        easing: EnumProperty(
            name="Easing",
            description="How the drawings are spaced between two keys",
            items=_EASINGS,
            default=Easing.LINEAR,
        )
        breakdowns: EnumProperty(
            name="Breakdowns",
            description="What to do with keys of the type Breakdown between the others",
            items=_BREAKDOWNS,
            default="key",
        )
        import_as: EnumProperty(
            name="Show As",
            description="What the finished drawings become in this scene",
            items=_IMPORTS,
            default="reference",
        )
        reference_place: EnumProperty(
            name="Place",
            description="What carries the pictures of references",
            items=_PLACES,
            default="empty",
            update=_restyle,
        )
        reference_opacity: FloatProperty(
            name="Opacity",
            description="How much of references is seen",
            default=1.0,
            min=0.0,
            max=1.0,
            subtype="FACTOR",
            update=_restyle,
        )
        reference_in_front: BoolProperty(
            name="In Front",
            description="Show references in front of your drawing instead of behind it",
            update=_restyle,
        )
        reference_neighbours: IntProperty(
            name="Neighbours",
            description="How many drawings before and after the current one show through, "
            "each fainter than the one before, as onion skins do",
            default=0,
            min=0,
            max=4,
            update=_restyle,
        )
        whole_scene: BoolProperty(
            name="Whole Scene",
            description="Capture everything that the camera sees instead of the active object alone",
        )
        width: IntProperty(
            name="Width",
            description="Width of the drawings in pixels. 0 takes the render size; smaller is faster",
            default=0,
            min=0,
            max=8192,
            subtype="PIXEL",
        )
        seed: IntProperty(
            name="Seed",
            description="Another number gives another try, the same number the same drawings, "
            "with engines that leave something to chance",
            default=0,
            min=0,
            max=MAX_SEED,
        )
        preset: EnumProperty(
            name="Quality",
            description="How much time to spend on each drawing",
            items=_PRESETS,
            default="balanced",
        )
        prompt: StringProperty(
            name="Prompt",
            description="What is to be seen, in a few English words, for engines that read: "
            "“a red ball bounces, flat colours”. May stay empty",
            maxlen=1000,
        )
        negative_prompt: StringProperty(
            name="Avoid", description="What is not to be seen, in a few English words. May stay empty", maxlen=1000
        )
        motion_speed: IntProperty(
            name="Motion Speed",
            description="Frame rate that the model is told: a smaller number makes larger motion",
            default=_DEFAULTS.motion_speed,
            min=1,
            max=30,
        )
        guidance: FloatProperty(
            name="Guidance",
            description="How strongly prompt and keys steer the model; 1 lets it go its own way",
            default=_DEFAULTS.guidance,
            min=1.0,
            max=20.0,
        )
        sampler: EnumProperty(
            name="Sampler",
            description="By which rule the model's steps lead from noise to the drawings",
            items=_SAMPLERS,
            default="preset",
        )
        steps: IntProperty(
            name="Steps",
            description="Denoising steps of the model; more take longer. 0 lets the quality decide",
            default=_DEFAULTS.steps,
            min=0,
            max=200,
            soft_max=50,
        )
        takes: IntProperty(
            name="Takes",
            description="How many variations are drawn at once, to choose from",
            default=1,
            min=1,
            max=16,
            soft_max=8,
        )
        vary: EnumProperty(
            name="Takes Vary By",
            description="In what the takes differ",
            items=_VARIATIONS,
            default="seed",
        )
        arcs: BoolProperty(
            name="Arcs",
            description="Let motion curve through guides and keys instead of running straight",
            default=True,
        )
        flat_colours: BoolProperty(
            name="Flat Colours",
            description="Keep flat areas in exactly the colours of the keys",
            default=True,
        )
        guide_strength: FloatProperty(
            name="Guide Strength",
            description="How closely the drawings follow the strokes of the guide layer",
            default=0.6,
            min=0.0,
            max=1.0,
            subtype="FACTOR",
        )
        guide_from: FloatProperty(
            name="Lead From",
            description="From which part of the denoising on guides lead the model: 0 is pure noise, "
            "where poses are decided, 1 is the end, where details are",
            default=_DEFAULTS.guide_from,
            min=0.0,
            max=1.0 - _LEADING_AT_LEAST,
            subtype="FACTOR",
            update=_push_until,
        )
        guide_until: FloatProperty(
            name="Lead Until",
            description="Up to which part of the denoising guides lead the model. "
            "An early end leaves it free to draw details of its own along rough guides",
            default=_DEFAULTS.guide_until,
            min=_LEADING_AT_LEAST,
            max=1.0,
            subtype="FACTOR",
            update=_push_from,
        )


def scene_in(context: bpy.types.Context) -> bpy.types.Scene:
    """Return the scene that the person works in; there is always one while anything can be drawn or pressed."""
    assert context.scene
    return context.scene


def settings_of(scene: bpy.types.Scene) -> InbetweenSettings:
    """Return the scene's settings to be shown or changed."""
    return cast(InbetweenSettings, scene.inbetween)  # type: ignore[attr-defined]


def look_of(scene: bpy.types.Scene) -> results.Look:
    """Return how references of the scene are to look."""
    chosen = settings_of(scene)
    return results.Look(
        "camera" if chosen.reference_place == "camera" else "empty",
        chosen.reference_opacity,
        chosen.reference_in_front,
        chosen.reference_neighbours,
    )


def choice_of(scene: bpy.types.Scene) -> Choice:
    """Return what is chosen for the scene now."""
    chosen = settings_of(scene)
    return Choice(
        engine=chosen.engine,
        exposure=chosen.exposure,
        easing=Easing(chosen.easing),
        breakdowns="ignore" if chosen.breakdowns == "ignore" else "key",
        import_as=chosen.import_as,
        capture=CaptureSettings(chosen.width or None, chosen.whole_scene),
        settings=Settings(
            seed=chosen.seed,
            prompt=chosen.prompt.strip(),
            negative_prompt=chosen.negative_prompt.strip(),
            motion_speed=chosen.motion_speed,
            guidance=round(chosen.guidance, 4),
            sampler="" if chosen.sampler == "preset" else chosen.sampler,
            steps=chosen.steps,
            arcs=chosen.arcs,
            guide_strength=round(chosen.guide_strength, 4),
            guide_from=round(chosen.guide_from, 4),
            guide_until=round(chosen.guide_until, 4),
            preset=chosen.preset,
            flat_colours=chosen.flat_colours,
        ),
        takes=chosen.takes,
        vary="engine" if chosen.vary == "engine" else "seed",
    )


def range_of(scene: bpy.types.Scene) -> tuple[int, int]:
    """Return the first and last frame that are looked at: of the preview range, if it is on, else of the scene."""
    if scene.use_preview_range:
        return scene.frame_preview_start, scene.frame_preview_end
    return scene.frame_start, scene.frame_end


register, unregister = on_every_scene("inbetween", InbetweenSettings)
