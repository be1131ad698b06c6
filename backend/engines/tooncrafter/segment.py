"""From two keys of any size to in-betweens of that size: all that lies around the model's clips.

Artist's pictures -> the model's frame over a backing -> clips -> true colours, even areas, matte -> the wanted
times -> the canvas. Everything between the keys and the canvas happens at the model's resolution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...contract.job import Settings
from .. import Frame, Interval, Report
from ..draft import DraftEngine
from .canvas import letterbox
from .clip import ClipMaker, Wish
from .colour import correct
from .flat_areas import flatten
from .guide_placement import ink_of, is_empty, left_out, place_guides
from .matte import Backing, choose_backing, is_opaque, lay_over, lift, premultiply, straighten
from .model_times import Between, Run, plan, plan_colouring
from .palette import Palette, palette_of
from .presets import preset_of

if TYPE_CHECKING:
    from .. import Lines, Picture

Pixels = NDArray[np.float32]

#: Encoding and decoding, counted in denoising steps.
_STEPS_BESIDES = 2
#: So often, at most, the half-denoised frames of a clip are shown.
_PREVIEWS = 6


@dataclass(frozen=True)
class Key:
    """A key of one run, at the model's resolution.

    frame: as the model sees it, over the backing, (frame height, frame width, 3). cut_out: with its matte,
    premultiplied, (box height, box width, 4).
    """

    frame: Pixels
    cut_out: Pixels


class SegmentDrawing:
    """The drawings of one interval; `draw` yields them."""

    def __init__(self, interval: Interval, settings: Settings, maker: ClipMaker, report: Report) -> None:
        self._interval, self._settings, self._maker, self._report = interval, settings, maker, report
        sizes = maker.model.configuration
        height, width = interval.start.shape[:2]
        self._frames = sizes.frames
        self._box = letterbox(width, height, sizes.width, sizes.height)
        self._preset = preset_of(settings)
        cut_outs = [self._shrunk(key) for key in (interval.start, interval.end)]
        self._backing = self._choose_backing()
        frames = [self._box.to_frame(lay_over(key, self._backing)) for key in (interval.start, interval.end)]
        self._palette: Palette = palette_of([self._box.box_of(frame) for frame in frames])
        self._start, self._end = (Key(*pair) for pair in zip(frames, cut_outs, strict=True))
        self._steps_done = 0

    def _shrunk(self, key: Picture) -> Pixels:
        """Return a key at the size of the box, premultiplied."""
        return self._box.box_of(self._box.to_frame(premultiply(key)))

    def _choose_backing(self) -> Backing | None:
        keys = self._interval.start, self._interval.end
        if all(map(is_opaque, keys)):
            return None
        backing = choose_backing(keys)
        self._report.note("backing", [round(float(value), 2) for value in backing.colour])
        if not backing.is_sure:
            self._report.warn("The drawing uses nearly all colours, so that its outlines may come out ragged.")
        return backing

    def draw(self) -> Iterator[Frame]:
        """Yield a frame for every wanted time."""
        colouring = self._settings.colouring
        run = (plan_colouring if colouring else plan)(self._interval.times, self._frames)
        self._steps = run.runs * (self._preset.steps + _STEPS_BESIDES)
        self._report.note("model runs", run.runs)
        guides = self._usable_guides()
        for time in () if colouring else left_out(guides, run, self._frames):
            self._report.warn("There are more guides than model frames; this one was not used.", time=time)
        yield from self._draw(run, self._start, self._end, guides)

    def _usable_guides(self) -> dict[float, Lines]:
        usable = {}
        for time, lines in self._interval.guides.items():
            if is_empty(lines):
                self._report.warn("The guide is empty and was not used.", time=time)
            elif self._settings.guide_strength > 0:
                usable[time] = lines
        return usable

    def _draw(self, run: Run, start: Key, end: Key, guides: dict[float, Lines]) -> Iterator[Frame]:
        keys = self._clip(run, start, end, guides)
        yield from self._serve(run, keys)
        for left, right, part in run.parts:
            yield from self._draw(part, keys[left], keys[right], guides)

    def _clip(self, run: Run, start: Key, end: Key, guides: dict[float, Lines]) -> list[Key]:
        """Return the frames of one run, the first and last of them the keys themselves."""
        wish = Wish(
            start=_model_range(start.frame),
            end=_model_range(end.frame),
            prompt=self._settings.prompt,
            negative_prompt=self._settings.negative_prompt,
            sketches=self._sketches(guides, run),
            sketch_strength=self._settings.guide_strength,
            sketch_from=self._settings.guide_from,
            sketch_until=self._settings.guide_until,
            fps=self._settings.motion_speed,
            guidance=self._settings.guidance,
            seed=self._settings.seed,
        )
        slow = self._maker.is_slow_at_first
        self._report.stage("Compiling the model, once; this takes some minutes" if slow else "Reading the keys")
        made = self._maker.make(wish, self._preset, self._on_denoised)
        self._advance()
        if not torch.isfinite(made).all():
            raise RuntimeError("the model's pictures are not numbers")
        frames: Pixels = np.ascontiguousarray(((made + 1) / 2).permute(0, 2, 3, 1).numpy())
        self._report.stage("Correcting colours")
        frames = correct(frames, start.frame, end.frame)
        keys = [start]
        for frame in frames[1:-1]:
            frame = np.clip(frame, 0, 1)
            if self._settings.flat_colours:
                frame = flatten(frame, self._palette.flat)
            keys.append(Key(frame, lift(self._box.box_of(frame), self._backing)))
        return [*keys, end]

    def _sketches(self, guides: dict[float, Lines], run: Run) -> dict[int, Tensor]:
        """Return the guides of a run by model frame as the sketch encoder takes them."""
        nearest = place_guides(guides, self._frames, run.start, run.end) if run.guided is None else run.guided
        return {
            frame: torch.from_numpy(ink_of(self._box.to_frame(guides[time])))[None]
            for time, frame in nearest.items()
            if time in guides
        }

    def _on_denoised(self, done: int, of: int, show: Callable[[], Tensor]) -> None:
        if done == 1:
            self._advance()
            self._report.stage("Drawing")
        self._advance()
        if done == of:
            self._report.stage("Decoding")
        elif done % max(1, of // _PREVIEWS) == 0:
            self._report.preview(list(self._latent_box(show().numpy())))

    def _advance(self) -> None:
        self._steps_done = min(self._steps_done + 1, self._steps)
        self._report.progress(self._steps_done, self._steps)

    def _latent_box(self, frames: Pixels) -> Pixels:
        """(frames, latent height, latent width, 3) -> opaque pictures of what shows the canvas."""
        box, factor = self._box, self._box.frame_width // frames.shape[2]
        top, left = box.top // factor, box.left // factor
        bottom, right = -(-(box.top + box.height) // factor), -(-(box.left + box.width) // factor)
        shown = frames[:, top:bottom, left:right]
        return np.concatenate([shown, np.ones_like(shown[..., :1])], axis=-1)

    def _serve(self, run: Run, keys: list[Key]) -> Iterator[Frame]:
        """Yield what one run serves: frames as they are, and drawings between two of them."""
        for left, items in groupby(run.served, key=lambda item: item.left):
            wanted = list(items)
            for item in wanted:
                if item.frame is not None:
                    yield Frame(item.time, self._on_canvas(keys[item.frame].cut_out))
            between = [item for item in wanted if item.frame is None]
            if between:
                yield from self._between(keys[left], keys[left + 1], between)

    def _between(self, left: Key, right: Key, wanted: list[Between]) -> Iterator[Frame]:
        """Let the draft engine move one model frame into the next: there is little way between them."""
        times = {item.fraction: item.time for item in wanted}
        interval = Interval(straighten(left.cut_out), straighten(right.cut_out), tuple(sorted(times)))
        for frame in DraftEngine().inbetween(interval, self._settings, _Quiet(self._report)):
            yield Frame(times[frame.time], self._on_canvas(premultiply(frame.picture)))

    def _on_canvas(self, cut_out: Pixels) -> Picture:
        return straighten(self._box.to_canvas(cut_out))


@dataclass
class _Quiet:
    """The draft engine's ear while it works for us: it can be cancelled, and nobody hears it."""

    report: Report
    notes: dict[str, object] = field(default_factory=dict)

    def stage(self, name: str) -> None:
        self.report.stage("Drawing between")

    def progress(self, step: int, of: int) -> None:
        """Nothing: these steps are not the job's."""

    def warn(self, sentence: str, *, time: float | None = None) -> None:
        """Nothing: it would speak of frames that nobody asked for."""

    def note(self, key: str, value: object) -> None:
        self.notes[key] = value

    def preview(self, pictures: object) -> None:
        """Nothing."""


def _model_range(frame: Pixels) -> Tensor:
    """(height, width, 3) in 0..1 -> (3, height, width) in -1..1."""
    return torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))) * 2 - 1
