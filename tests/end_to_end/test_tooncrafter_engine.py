"""The ToonCrafter engine from pictures to pictures, with the tiny model: random weights, real code, any CPU.

What the tiny model draws is noise; what is tested is everything that holds for any weights.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.cli import main
from backend.contract.job import Canvas, Job, Picture, Segment, Settings
from backend.contract.messages import Preview, Progress
from backend.engines import (
    DEVICE_VARIABLE,
    LORA_VARIABLE,
    MEMORY_VARIABLE,
    MODEL_VARIABLE,
    SKETCH_ENCODER_VARIABLE,
    Frame,
    Interval,
)
from backend.engines.tooncrafter import clip as clip_module
from backend.engines.tooncrafter import engine as engine_module
from backend.engines.tooncrafter.clip import ClipMaker, Wish
from backend.engines.tooncrafter.computing import Computing, usual_computing
from backend.engines.tooncrafter.engine import ToonCrafterEngine
from backend.engines.tooncrafter.feature_reuse import ReusingUNet
from backend.engines.tooncrafter.memory import Mode
from backend.engines.tooncrafter.options import Options
from backend.engines.tooncrafter.prediction import Sketches
from backend.engines.tooncrafter.presets import Preset
from backend.errors import Cancelled, UserError
from backend.jobs.run import run_job
from backend.pictures import write_picture
from backend.weights import FOLDER_VARIABLE

from .jobs import ball, make_job
from .tiny_weights import write_tiny_model, write_tiny_sketch_encoder

ROOT = Path(__file__).resolve().parents[2]
FAST = Settings(preset="quick", steps=2, seed=3)
_OPTIONS = (DEVICE_VARIABLE, LORA_VARIABLE, MEMORY_VARIABLE, MODEL_VARIABLE, SKETCH_ENCODER_VARIABLE)


@dataclass
class Heard:
    """A report that remembers; `cancel_at` raises at that step."""

    cancel_at: int | None = None
    stages: list[str] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: dict[str, object] = field(default_factory=dict)
    previews: list[Sequence[np.ndarray]] = field(default_factory=list)

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def progress(self, step: int, of: int) -> None:
        self.steps.append((step, of))
        if self.cancel_at is not None and step >= self.cancel_at:
            raise Cancelled

    def warn(self, sentence: str, *, time: float | None = None) -> None:
        self.warnings.append(sentence)

    def note(self, key: str, value: object) -> None:
        self.notes[key] = value

    def preview(self, pictures: Sequence[np.ndarray]) -> None:
        self.previews.append(pictures)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """The tiny model with its sketch encoder, in files."""
    folder = tmp_path_factory.mktemp("weights")
    return Options(
        weights=write_tiny_model(folder / "model.safetensors"),
        sketch_weights=write_tiny_sketch_encoder(folder / "sketch.safetensors"),
        device="cpu",
    )


@pytest.fixture(scope="session")
def engine(tiny: Options) -> ToonCrafterEngine:
    return ToonCrafterEngine(tiny)


@pytest.fixture(scope="session")
def plain(engine: ToonCrafterEngine) -> np.ndarray:
    """What is drawn of MIDDLE when nothing steers and nothing goes wrong."""
    return pixels(drawn(engine, MIDDLE))


@pytest.fixture(scope="session")
def guided(tiny: Options) -> np.ndarray:
    """What is drawn of GUIDED with all the memory there is."""
    return pixels(drawn(ToonCrafterEngine(replace(tiny, memory="resident")), GUIDED))


def keys(width: int, height: int, *, opaque: bool = False) -> tuple[np.ndarray, np.ndarray]:
    pictures = [ball(width * x, height / 2, width, height) for x in (0.3, 0.7)]
    if opaque:
        for picture in pictures:
            picture[..., :3] = picture[..., :3] * picture[..., 3:] + 0.9 * (1 - picture[..., 3:])
            picture[..., 3] = 1
    return pictures[0], pictures[1]


def at_frames(*frames: int) -> tuple[float, ...]:
    return tuple(frame / 15 for frame in frames)


def evenly(count: int) -> tuple[float, ...]:
    return tuple((index + 1) / (count + 1) for index in range(count))


def drawn(
    engine: ToonCrafterEngine, interval: Interval, settings: Settings = FAST, heard: Heard | None = None
) -> list[Frame]:
    frames = sorted(engine.inbetween(interval, settings, heard or Heard()), key=lambda frame: frame.time)
    assert [frame.time for frame in frames] == list(interval.times)
    for frame in frames:
        assert frame.picture.shape == interval.start.shape and frame.picture.dtype == np.float32
        assert np.isfinite(frame.picture).all() and frame.picture.min() >= 0 and frame.picture.max() <= 1
    return frames


def pixels(frames: list[Frame]) -> np.ndarray:
    return np.rint(np.stack([frame.picture for frame in frames]) * 255).astype(np.int16)


@pytest.mark.parametrize("opaque", [False, True], ids=["with alpha", "opaque"])
@pytest.mark.parametrize("size", [(96, 64), (160, 50), (45, 120), (1, 1), (640, 360)])
def test_any_canvas_comes_back_in_its_own_size(
    engine: ToonCrafterEngine, size: tuple[int, int], opaque: bool
) -> None:
    heard = Heard()
    frames = drawn(engine, Interval(*keys(*size, opaque=opaque), at_frames(3, 9)), FAST, heard)
    if all((key[..., 3] == 1).all() for key in keys(*size, opaque=opaque)):
        assert all((frame.picture[..., 3] == 1).all() for frame in frames)
        assert "backing" not in heard.notes
    else:
        assert "backing" in heard.notes


@pytest.mark.parametrize("count", [1, 3, 14, 15, 23, 40])
def test_any_number_of_drawings(engine: ToonCrafterEngine, count: int) -> None:
    heard = Heard()
    drawn(engine, Interval(*keys(48, 32), evenly(count)), replace(FAST, steps=1), heard)
    assert heard.notes["model runs"] == (1 if count <= 14 else 3 if count <= 27 else 4)
    assert heard.steps[-1][0] == heard.steps[-1][1]
    assert [step for step, _ in heard.steps] == list(range(1, len(heard.steps) + 1))


@pytest.mark.parametrize("sampler", ["dpm", "ddim"])
@pytest.mark.parametrize("steps", [1, 2, 7, 15, 60])
def test_any_number_of_steps(engine: ToonCrafterEngine, steps: int, sampler: str) -> None:
    heard = Heard()
    settings = replace(FAST, steps=steps, sampler=sampler, guidance=1.0)
    drawn(engine, MIDDLE, settings, heard)
    assert heard.steps[-1] == (steps + 2, steps + 2)
    assert heard.notes["method"] == f"{sampler}, {steps} steps"


def upright_line() -> np.ndarray:
    lines = np.ones((64, 96), np.float32)
    lines[20:44, 46:50] = 0
    return lines


#: One drawing between two keys; three with a guide.
MIDDLE = Interval(*keys(96, 64), at_frames(7))
GUIDED = replace(MIDDLE, times=at_frames(2, 7, 12), guides={0.5: upright_line()})


def test_the_same_seed_draws_the_same_and_another_one_another(engine: ToonCrafterEngine) -> None:
    interval = Interval(*keys(96, 64), at_frames(4, 11))
    first, again = (pixels(drawn(engine, interval)) for _ in range(2))
    other = pixels(drawn(engine, interval, replace(FAST, seed=4)))
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize(
    "change",
    [{"prompt": "rain"}, {"negative_prompt": "blur"}, {"guidance": 3.0}, {"guidance": 1.0}, {"motion_speed": 24}],
    ids=str,
)
def test_every_way_to_steer_steers(engine: ToonCrafterEngine, plain: np.ndarray, change: dict[str, object]) -> None:
    assert (pixels(drawn(engine, MIDDLE, replace(FAST, **change))) != plain).any()


@pytest.mark.parametrize("count", [1, 3, 14])
def test_guides_lead(engine: ToonCrafterEngine, plain: np.ndarray, count: int) -> None:
    heard = Heard()
    guides = dict.fromkeys(evenly(count), upright_line())
    assert (pixels(drawn(engine, replace(MIDDLE, guides=guides), FAST, heard)) != plain).any()
    assert heard.warnings == []


def test_only_guides_that_are_never_used_are_told(engine: ToonCrafterEngine) -> None:
    lines = np.ones((32, 48), np.float32)
    lines[8:24, 22:26] = 0
    guides, few, many = dict.fromkeys(evenly(16), lines), Heard(), Heard()
    drawn(engine, Interval(*keys(48, 32), at_frames(7), guides=guides), replace(FAST, steps=1), few)
    assert len(few.warnings) == 2, "one run has fourteen frames for guides"
    drawn(engine, Interval(*keys(48, 32), evenly(16), guides=guides), replace(FAST, steps=1), many)
    assert many.warnings == [], "runs within the run have more"


@pytest.mark.parametrize("count", [3, 16])
def test_every_line_drawing_is_coloured_by_the_model_itself_wherever_its_time_is(
    engine: ToonCrafterEngine, count: int
) -> None:
    lines = np.ones((32, 48), np.float32)
    lines[8:24, 22:26] = 0
    times = tuple(0.9 * time**2 for time in evenly(count))  # most of them between the model's frames
    settings = replace(FAST, steps=1, colouring=True, guide_strength=1.0)
    interval, heard = Interval(*keys(48, 32), times, dict.fromkeys(times, lines)), Heard()
    coloured = drawn(engine, interval, settings, heard)
    assert "Drawing between" not in heard.stages and heard.warnings == []
    other = dict.fromkeys(times, np.roll(lines, 12, axis=1))
    changed = pixels(coloured) != pixels(drawn(engine, replace(interval, guides=other), settings))
    assert changed.any(axis=(1, 2, 3)).all(), "every drawing follows its lines"


def test_guides_without_strength_and_empty_ones_change_nothing_and_say_so(
    engine: ToonCrafterEngine, plain: np.ndarray
) -> None:
    heard = Heard()
    empty = drawn(engine, replace(MIDDLE, guides={0.4: np.ones((64, 96), np.float32)}), FAST, heard)
    assert (pixels(empty) == plain).all() and len(heard.warnings) == 1
    heard = Heard()
    weak = drawn(engine, replace(GUIDED, times=MIDDLE.times), replace(FAST, guide_strength=0.0), heard)
    assert (pixels(weak) == plain).all() and len(heard.warnings) == 1


@pytest.mark.parametrize(
    ("begin", "end", "passes"), [(0.0, 1.0, 12), (0.0, 0.5, 6), (0.5, 1.0, 6), (0.999, 1.0, 0)], ids=str
)
def test_guides_lead_from_when_to_when(tiny: Options, begin: float, end: float, passes: int) -> None:
    engine, runs, heard = ToonCrafterEngine(tiny), [], Heard()
    encoder = engine._loaded(Heard()).model.sketch_encoder
    assert encoder is not None
    encoder.register_forward_pre_hook(lambda *_: runs.append(1))
    settings = replace(FAST, sampler="ddim", steps=6, guide_from=begin, guide_until=end)
    drawn(engine, GUIDED, settings, heard)
    assert len(runs) == passes, "two halves of guidance at each step at which they lead"
    assert [("not used" in warning) for warning in heard.warnings] == [True] * (passes == 0)


def test_a_sampler_of_ones_own_goes_before_the_presets(engine: ToonCrafterEngine) -> None:
    heard = Heard()
    published = pixels(drawn(engine, MIDDLE, replace(FAST, sampler="ddim"), heard))
    assert heard.notes["method"] == "ddim, 2 steps"
    assert (published != pixels(drawn(engine, MIDDLE, replace(FAST, sampler="dpm")))).any()


def test_a_run_is_told_step_by_step_and_shown_half_made(engine: ToonCrafterEngine) -> None:
    heard = Heard()
    drawn(engine, Interval(*keys(160, 50), at_frames(7)), replace(FAST, steps=12), heard)
    assert [step for step, _ in heard.steps] == list(range(1, 15))
    assert 3 <= len(heard.previews) <= 6
    for sheet in heard.previews:
        assert len(sheet) == 16
        assert all(picture.shape[-1] == 4 and picture.min() >= 0 and picture.max() <= 1 for picture in sheet)
        assert sheet[0].shape[1] / sheet[0].shape[0] == pytest.approx(160 / 50, rel=0.3)


def test_cancelling_stops_within_one_step_and_the_next_drawing_is_as_ever(
    engine: ToonCrafterEngine, plain: np.ndarray
) -> None:
    heard = Heard(cancel_at=4)
    with pytest.raises(Cancelled):
        list(engine.inbetween(MIDDLE, replace(FAST, steps=20), heard))
    assert heard.steps[-1][0] == 4
    assert (pixels(drawn(engine, MIDDLE)) == plain).all()


def test_unloading_frees_the_model_and_the_next_drawing_is_as_ever(
    engine: ToonCrafterEngine, plain: np.ndarray
) -> None:
    engine.unload()
    heard = Heard()
    assert (pixels(drawn(engine, MIDDLE, FAST, heard)) == plain).all()
    assert "Opening the model" in heard.stages
    heard = Heard()
    drawn(engine, MIDDLE, FAST, heard)
    assert "Opening the model" not in heard.stages


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.RESIDENT])
def test_every_memory_mode_draws_the_same(tiny: Options, guided: np.ndarray, mode: Mode) -> None:
    heard = Heard()
    engine = ToonCrafterEngine(replace(tiny, memory=str(mode)))
    assert (pixels(drawn(engine, GUIDED, FAST, heard)) == guided).all()
    assert heard.notes["memory mode"] == mode


@pytest.mark.parametrize(
    "part", ["autoencoder.encoder", "vision_tower", "unet.middle_block", "sketch_encoder", "autoencoder.decoder"]
)
def test_a_part_that_runs_out_of_memory_goes_on_in_a_thriftier_mode(
    tiny: Options, guided: np.ndarray, part: str
) -> None:
    engine, heard = ToonCrafterEngine(replace(tiny, memory="resident")), Heard()
    model = engine._loaded(heard).model
    failing = model
    for name in part.split("."):
        failing = getattr(failing, name)
    failures = [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")]
    hook = failing.register_forward_pre_hook(lambda *_: _raise(failures))
    found = pixels(drawn(engine, GUIDED, FAST, heard))
    hook.remove()
    assert (found == guided).all()
    assert heard.notes["memory mode"] == "sliced" and len(heard.warnings) == 2 and not failures


def _raise(failures: list[RuntimeError]) -> None:
    if failures:
        raise failures.pop(0)


def test_no_memory_even_in_the_thriftiest_mode_is_a_sentence(tiny: Options) -> None:
    engine = ToonCrafterEngine(replace(tiny, memory="streamed"))
    engine._loaded(Heard()).model.unet.middle_block.register_forward_pre_hook(lambda *_: _raise([MemoryError()]))
    with pytest.raises(UserError) as error:
        list(engine.inbetween(MIDDLE, FAST, Heard()))
    assert error.value.code == "not-enough-memory"


def test_too_little_memory_is_refused_before_anything_loads(tiny: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ToonCrafterEngine(tiny)
    monkeypatch.setattr(engine_module, "free_bytes", lambda device: 1 << 20)
    monkeypatch.setattr(engine_module, "open_model", lambda path: pytest.fail("the model was opened"))
    with pytest.raises(UserError) as error:
        engine.check(Job("a", "tooncrafter", Canvas(96, 64, 24), (segment(),)))
    assert error.value.code == "not-enough-memory" and error.value.bad_input


def segment(guides: tuple[Picture, ...] = ()) -> Segment:
    return Segment(Picture(0, "keys/0.png"), Picture(9, "keys/9.png"), (4,), guides)


def test_guides_without_sketch_weights_are_refused_with_a_way_on(tiny: Options) -> None:
    engine = ToonCrafterEngine(replace(tiny, sketch_weights=None))
    job = Job("a", "tooncrafter", Canvas(96, 64, 24), (segment(), segment((Picture(3, "guides/3.png"),))))
    with pytest.raises(UserError) as error:
        engine.check(job)
    assert error.value.code == "sketch-weights-missing" and "without guides" in error.value.hint
    engine.check(replace(job, settings=Settings(guide_strength=0.0)))


def test_other_weights_make_other_frames_count_as_changed(tiny: Options) -> None:
    assert ToonCrafterEngine(tiny).version != ToonCrafterEngine(replace(tiny, sketch_weights=None)).version


def test_half_precision_weights_rest_as_they_are_and_compute_in_full(tiny: Options) -> None:
    engine = ToonCrafterEngine(replace(tiny, memory="staged"))
    unet = engine._loaded(Heard()).model.unet
    dtypes: set[torch.dtype] = set()
    unet.middle_block.register_forward_pre_hook(lambda *_: dtypes.update(p.dtype for p in unet.parameters()))
    drawn(engine, MIDDLE)
    assert dtypes == {torch.float32}
    assert {parameter.dtype for parameter in unet.parameters()} == {torch.float16}


def clip(engine: ToonCrafterEngine, preset: Preset, computing: Computing | None = None) -> tuple[torch.Tensor, int]:
    """A clip of the tiny model, and how often the U-Net's middle ran."""
    model = engine._loaded(Heard()).model
    generator = torch.Generator().manual_seed(2)
    start, end = torch.rand(2, 3, 64, 96, generator=generator) * 2 - 1
    sketch = (torch.rand(1, 64, 96, generator=generator) > 0.9).float()
    wish = Wish(start, end, "a cat", "", {4: sketch, 9: sketch}, 0.7, fps=10, guidance=5.0, seed=1)
    runs: list[int] = []
    hook = model.unet.middle_block.register_forward_pre_hook(lambda *_: runs.append(1))
    maker = ClipMaker(model, computing or usual_computing(torch.device("cpu")), Mode.RESIDENT)
    made = maker.make(wish, preset, lambda *_: None)
    hook.remove()
    return made, len(runs)


def test_halves_together_draw_the_same(engine: ToonCrafterEngine) -> None:
    preset = Preset("dpm", steps=4, middle_pass=False)
    apart, runs = clip(engine, preset)
    together, fewer = clip(engine, preset, replace(usual_computing(torch.device("cpu")), halves_together=True))
    assert runs == 8 and fewer == 4
    assert (apart - together).abs().max() < 1e-3 * apart.abs().max()


def test_reusing_inner_features_spares_passes_and_reusing_none_changes_nothing(
    engine: ToonCrafterEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = Preset("dpm", steps=4, middle_pass=False)
    plain, runs = clip(engine, preset)
    reusing, fewer = clip(engine, replace(preset, reuse_every=2))
    assert runs == 8 and fewer == 4
    assert torch.isfinite(reusing).all() and (reusing - plain).abs().max() > 1e-3
    monkeypatch.setattr(clip_module, "ReusingUNet", lambda unet, every: ReusingUNet(unet, every=1))
    whole, _ = clip(engine, replace(preset, reuse_every=2))
    assert (whole - plain).abs().max() < 1e-4 * plain.abs().max()


def test_leaving_out_guidance_at_the_end_spares_passes(engine: ToonCrafterEngine) -> None:
    preset = Preset("dpm", steps=4, middle_pass=False)
    _, runs = clip(engine, replace(preset, guided_above=200))
    assert runs == 8 - 1


def test_a_frame_without_guide_gets_no_lines(engine: ToonCrafterEngine) -> None:
    model = engine._loaded(Heard()).model
    assert model.sketch_encoder is not None
    encoder = model.sketch_encoder.float()
    tokens, latents = torch.randn(1, 333, 48), torch.randn(1, 4, 16, 8, 12)
    hint = encoder.encode_hint(torch.rand(1, 1, 2, 64, 96))
    context = encoder.project_context(tokens)
    sketches = Sketches(encoder, hint, torch.tensor([4, 9]), 0.5, context, None, range(1000))
    timesteps = torch.tensor([300])
    alone = encoder(latents[:, :, [4, 9]], hint, timesteps, context)
    for part, expected in zip(sketches.residuals(latents, timesteps, context), alone, strict=True):
        assert torch.equal(part[[4, 9]], expected * 0.5)
        assert part[[0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15]].abs().max() == 0
    engine.unload()


def test_a_job_shows_its_half_made_drawings(tmp_path: Path, tiny: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    make_job(tmp_path / "job", (1, 16), engine="tooncrafter", settings=replace(FAST, steps=6))
    events: list[object] = []
    result = run_job(tmp_path / "job", events.append, open_engine=lambda name: ToonCrafterEngine(tiny))
    assert result.made == 14
    shown = [event for event in events if isinstance(event, Preview)]
    assert shown and all((tmp_path / "job" / event.path).stat().st_size > 100 for event in shown)
    assert sum(isinstance(event, Progress) for event in events) == 8


@pytest.fixture
def pair(tmp_path: Path) -> list[object]:
    """The command's beginning: two pictures, the engine, and where to write."""
    paths = [tmp_path / "start key.png", tmp_path / "end key.png"]
    for path, picture in zip(paths, keys(240, 135), strict=True):
        write_picture(path, picture)
    return ["inbetween", *paths, "--engine", "tooncrafter", "-o", tmp_path / "out"]


def test_the_whole_way_from_the_command_line(pair: list[object], tiny: Options, tmp_path: Path) -> None:
    guide = np.ones((135, 240, 4), np.float32)
    guide[40:90, 100:108, :3] = 0
    write_picture(tmp_path / "guide.png", guide)
    arguments = [
        *pair, "--weights", tiny.weights, "--sketch-weights", tiny.sketch_weights, "--device", "cpu",
        "-n", 3, "--steps", 2, "--guide", f"0.5={tmp_path / 'guide.png'}", "--memory", "staged",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "backend", *map(str, arguments)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("TOONCRAFTER_")},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0001.png", "0002.png", "0003.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--weights", "{nothing}"], "nothing.png"),
        ([], "tooncrafter weights"),
        (["--weights", "{text}"], "text.png"),
        (["--weights", "{sketch}"], "sketch encoder"),
        (["--weights", "{model}", "--guide", "0.5={guide}"], "without guides"),
        (["--weights", "{model}", "--guide", "1.5={guide}"], "between 0 and 1"),
        (["--weights", "{model}", "--sketch-weights", "{sketch}", "--guide", "0.5={text}"], "cannot be read"),
        (["--weights", "{model}", "-n", "0"], "-n 0"),
        (["--weights", "{model}", "--device", "cuda"], "CUDA"),
        (["--weights", "{model}", "--lora", "{nothing}"], "nothing.png"),
        (["--weights", "{model}", "{small}"], "240 × 135"),
        (["--weights", "{model}", "{text}"], "cannot be read"),
        (["--weights", "{model}", "{nothing}"], "is not there"),
    ],
    ids=str,
)
def test_what_is_missing_or_wrong_is_a_sentence_and_exit_code_two(
    pair: list[object],
    tiny: Options,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    """A last argument without an option before it takes the end key's place."""
    if said == "CUDA" and torch.cuda.is_available():
        pytest.skip("there is a CUDA card here")
    for variable in _OPTIONS:  # what the command sets is taken back too
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "no weights"))
    monkeypatch.setattr(engine_module, "open_model", lambda path: pytest.fail("the model was opened"))
    (tmp_path / "text.png").write_text("no picture and no weights", encoding="utf-8")
    write_picture(tmp_path / "guide.png", np.ones((135, 240, 4), np.float32))
    write_picture(tmp_path / "small.png", ball(5, 5, 10, 10))
    files = {name: tmp_path / f"{name}.png" for name in ("nothing", "text", "guide", "small")}
    filled = [item.format(**files, model=tiny.weights, sketch=tiny.sketch_weights) for item in arguments]
    if len(filled) % 2:
        pair[2] = filled.pop()
    assert main([*map(str, pair), *filled]) == 2
    told = capsys.readouterr()
    assert said in told.err and told.err.startswith("tooncrafter: ") and not told.out
    assert not (tmp_path / "out").exists()


def test_too_little_memory_for_any_mode_is_a_sentence_and_exit_code_two(
    pair: list[object],
    tiny: Options,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for variable in _OPTIONS:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(engine_module, "free_bytes", lambda device: 1 << 20)
    assert main([*map(str, pair), "--weights", str(tiny.weights), "--device", "cpu"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("tooncrafter: ") and "GB" in told.err and not told.out
    assert not (tmp_path / "out").exists()
