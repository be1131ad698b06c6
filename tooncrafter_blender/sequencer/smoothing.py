"""A strip made smoother: `tooncrafter smooth` on what it shows, and the smoother film on a free channel above it.

The film lies beside the .blend file, under a name that tells what it was made from. So the same request finds what
an earlier one has left there, and goes on from it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from ...backend.contract.job import Settings, folder_refused, picture_name
from ...backend.errors import UserError
from ..jobs import job_folders
from ..jobs.home import home_of, scene_at
from ..results.shown import Run
from ..results.strip import free_channel, show_in_sequencer, take_placement
from ..settings.properties import Choice
from . import background
from .settings import frames_wanted, rate_of
from .strips import Part, may_be_transparent, read_part, refuse_what_has_no_files

#: In the folder of a file's jobs.
FILMS_FOLDER = "films"
_LONGEST_NAME = 40
_LABEL = "Smooth"


def the_strip(chosen: Sequence[bpy.types.Strip]) -> bpy.types.Strip:
    """Return the one selected strip that would be made smoother. Raises UserError."""
    if not chosen:
        raise UserError("strip-choice", "No strip is selected.", "Select a movie or image strip.")
    if len(chosen) > 1:
        raise UserError(
            "strip-choice", "One movie or image strip can be made smoother at a time.", "Select only that one."
        )
    return chosen[0]


def smooth(scene: bpy.types.Scene, strip: bpy.types.Strip, choice: Choice) -> background.Undertaking:
    """Begin to make a strip smoother and return what is on its way.

    Raises UserError: for a strip that cannot be read, a file that was never saved, while another one is on its way.
    """
    refuse_what_has_no_files(scene, strip)
    if not bpy.data.filepath:
        raise UserError(
            "file-unsaved",
            "The smoother film is kept beside the .blend file, which was never saved.",
            "Save the file, then press again.",
        )
    if any(isinstance(one, _Smoothing) for one in background.under_way):
        raise UserError("film-busy", "A strip is being made smoother.", "Wait until it is there, or cancel it.")
    part = read_part(scene, strip)
    count = frames_wanted(scene, part.length, part.frames)
    smoothing = _Smoothing(scene, strip, part, count, choice)
    background.undertake(smoothing)
    return smoothing


class _Smoothing(background.Undertaking):
    """A smoother film on its way. count: how many frames it will have."""

    undo = "Add Smoother Strip"

    def __init__(
        self, scene: bpy.types.Scene, strip: bpy.types.Strip, part: Part, count: int, choice: Choice
    ) -> None:
        self._home = home_of(scene, None, strip.name)
        self._part, self._count, self._begin = part, count, strip.frame_start
        settings = Settings(seed=choice.settings.seed, prompt=choice.settings.prompt, preset=choice.settings.preset)
        factor = Fraction(count, part.frames)
        stem = re.sub(r"[^\w-]+", "_", Path(strip.name).stem)[:_LONGEST_NAME]
        identity = _identity(part, factor, choice.engine, settings)
        base = job_folders.base_of(bpy.data.filepath) / FILMS_FOLDER
        self.out = base / f"{stem}_{count}f_{identity}{'' if part.pictures else '.mp4'}"
        arguments = ["smooth", str(self._source()), "-o", str(self.out)]
        arguments += ["--fps", f"x{factor.numerator}/{factor.denominator}", "--engine", choice.engine]
        arguments += ["--preset", settings.preset, "--seed", str(settings.seed), f"--prompt={settings.prompt}"]
        if part.pictures:
            arguments += ["--source-fps", str(rate_of(scene).limit_denominator(1001))]
        else:
            # Numbers of frames are Blender's, so they are counted at the rate at which it reads the movie.
            arguments += ["--frames", f"{part.first}-{part.last}"]
            if own := getattr(strip, "fps", 0.0):
                arguments += ["--source-fps", str(Fraction(own).limit_denominator(1001))]
        super().__init__(strip.name, choice.engine, arguments)

    def _source(self) -> Path:
        """Return the movie, or the file that lists the pictures, which is written when it begins."""
        return self.out.with_name(f"{self.out.name}_pictures.txt") if self._part.pictures else self._part.movie

    def begin(self, python: Path) -> None:
        """Start the command, unless the film is there already."""
        try:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            if self._part.pictures:
                self._source().write_text("\n".join(map(str, self._part.pictures)) + "\n", encoding="utf-8")
        except OSError as error:
            raise folder_refused(self.out.parent, error) from error
        if self._is_there():
            self._began = self.errand.succeeded = True
            return
        super().begin(python)

    def _is_there(self) -> bool:
        """Tell whether an earlier request has made all of the film: then the work beside it is gone."""
        if not self._part.pictures:
            return self.out.exists()
        at_work = self.out.with_name(f"{self.out.name}_work").exists()
        return not at_work and all((self.out / _picture(n)).exists() for n in range(self._count, 0, -1))

    def abandon(self) -> None:
        """What is finished lies in a folder beside the film, for the next time."""
        if self._part.pictures:
            self._source().unlink(missing_ok=True)

    def finish(self) -> str:
        """Put the film above the strip that it was made from."""
        self.abandon()
        scene = scene_at(self._home)
        if scene is None:
            raise UserError(
                "other-file",
                f"The smoother film is finished, but the scene “{self._home.scene}” is not in the open file.",
                "Open its file and press Smooth there: the film is brought in at once.",
                bad_input=False,
            )
        editor = scene.sequence_editor
        source = editor.strips.get(self._home.object) if editor else None
        # Moved meanwhile: then its beginning has moved, too. Trimming leaves that where it is.
        start = self._part.start + (round(source.frame_start - self._begin) if source else 0)
        names = add_film(scene, source, self._part, self.out, self._count, start)
        drawn = self.errand.facts.get("drawn")
        told = f"Added {' and '.join(f'“{name}”' for name in names)}."
        if drawn is None:
            return told
        return f"{told} {drawn} drawing{'' if drawn == 1 else 's'} made." if drawn else f"{told} {_NOTHING_DRAWN}"


_NOTHING_DRAWN = "Every frame had a drawing of its own already: choose a higher rate."


def _identity(part: Part, factor: Fraction, engine: str, settings: Settings) -> str:
    """Return some letters that two requests share only when their films would be the same."""
    files = part.pictures or (part.movie,)
    facts = {path: path.stat() for path in dict.fromkeys(files)}
    asked = [
        [(str(path), facts[path].st_size, facts[path].st_mtime_ns) for path in files],
        (part.first, part.last, str(factor), engine, asdict(settings)),
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:8]


def add_film(
    scene: bpy.types.Scene, source: bpy.types.Strip | None, part: Part, film: Path, count: int, start: int
) -> tuple[str, ...]:
    """Put a film of `count` frames on a free channel above what plays there, from frame `start`; return what came.

    source: the strip that it was made from, which it follows in everything but time. The film is seen exactly as
    long as the part; where it has more or fewer frames than the timeline there, a speed effect plays it in that
    time. Raises UserError("no-free-channel").
    """
    editor = scene.sequence_editor or scene.sequence_editor_create()
    run = Run(start, start + part.length - 1)
    label = f"{source.name if source else film.stem} {_LABEL}"
    channel = free_channel(editor, run)
    if part.pictures:
        strip: Any = editor.strips.new_image(label, str(film / _picture(1)), channel, start, fit_method="FIT")
        for number in range(2, count + 1):
            strip.elements.append(_picture(number))
        strip.alpha_mode = "STRAIGHT"
    else:
        strip = editor.strips.new_movie(label, str(film), channel, start, fit_method="FIT")
        strip.use_reverse_frames = part.reverse
    strip.frame_final_duration = part.length
    if source:
        take_placement(strip, source)
        strip.blend_type = source.blend_type
        if part.pictures and may_be_transparent(part.pictures[0]):
            source.mute = True  # it would be seen through the new one
    strip.select = False  # what the person has selected stays so
    names = [strip.name]
    if count != part.length:
        effects: Any = editor.strips
        above = free_channel(editor, run)
        effect = effects.new_effect(
            name=f"{strip.name} Speed", type="SPEED", channel=above, frame_start=start, input1=strip
        )
        effect.speed_control, effect.speed_factor = "MULTIPLY", count / part.length
        effect.select = False
        names.append(effect.name)
    show_in_sequencer(scene)
    return tuple(names)


def _picture(number: int) -> str:
    return picture_name(number).rjust(len("000000.png"), "0")
