"""How fast the ToonCrafter engine draws, where the time goes, how far it is from what the arithmetic allows.

    python benchmarks/tooncrafter.py [--full] [--device cuda] [--steps N] [--repeat N] [--compile]

Random weights; without --full a model with a tenth of the channels and smaller frames, for a CPU. On a CPU seconds
are the processor's, of all threads together, so that other programs disturb little; elsewhere they are of the
clock. The best of the repeats counts. The floor is the number of operations, counted, over the rate of a large
matrix product in this run.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.engines.tooncrafter import feature_reuse, network
from backend.engines.tooncrafter.clip import ClipMaker, Wish
from backend.engines.tooncrafter.compiling import CompiledUNet
from backend.engines.tooncrafter.computing import Computing, usual_computing
from backend.engines.tooncrafter.configuration import Configuration, read_configuration
from backend.engines.tooncrafter.memory import Mode, forget_peak, needs_bytes, peak_gb
from backend.engines.tooncrafter.model import ToonCrafter
from backend.engines.tooncrafter.network import normalisation
from backend.engines.tooncrafter.network.unet_blocks import project_context
from backend.engines.tooncrafter.pipeline import decode_clip
from backend.engines.tooncrafter.prediction import Guidance, Told, guided_velocity
from backend.engines.tooncrafter.presets import PRESETS


def sizes(full: bool) -> Configuration:
    """The published model, or one of the same shape for a CPU."""
    whole = read_configuration()
    if full:
        return whole
    return replace(
        whole,
        height=64,
        width=128,
        unet=replace(whole.unet, model_channels=32, num_head_channels=16),
        sketch_encoder=replace(whole.sketch_encoder, model_channels=32, num_head_channels=16),
        autoencoder=replace(whole.autoencoder, ch=32),
        clip=replace(
            whole.clip,
            text=replace(whole.clip.text, layers=3),
            vision=replace(whole.clip.vision, layers=2),
        ),
    )


def random_model(configuration: Configuration, dtype: torch.dtype) -> ToonCrafter:
    """A model with random weights."""
    torch.manual_seed(0)
    parts = {
        "unet": network.UNet(configuration.unet),
        "autoencoder": network.Autoencoder(configuration.autoencoder),
        "text_tower": network.TextTower(configuration.clip.text),
        "vision_tower": network.VisionTower(configuration.clip.vision),
        "image_projector": network.ImageProjector(configuration.image_projector),
    }
    for part in parts.values():
        part.eval().requires_grad_(False).to(dtype)
    return ToonCrafter(configuration, **parts)  # type: ignore[arg-type]


class Clock:
    """Seconds of a call: the best of some repeats."""

    def __init__(self, device: torch.device, repeat: int) -> None:
        self.device, self.repeat = device, repeat

    def now(self) -> float:
        """Seconds since whenever, when all that was started is done."""
        if self.device.type == "cpu":
            return time.process_time()
        torch.accelerator.synchronize()
        return time.perf_counter()

    def best(self, *calls: Callable[[], object]) -> list[float]:
        """Seconds of each call; they take turns, so that whatever else happens disturbs them alike."""
        seconds = [float("inf")] * len(calls)
        for _ in range(self.repeat):
            for index, call in enumerate(calls):
                begun = self.now()
                call()
                seconds[index] = min(seconds[index], self.now() - begun)
        return seconds


def forget(device: torch.device) -> None:
    """Begin anew to look for the most memory used; of a process Linux alone can."""
    gc.collect()
    forget_peak(device)
    if device.type == "cpu" and sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak(device: torch.device) -> float:
    """The most memory used since `forget`, in GB."""
    if device.type == "cpu" and sys.platform == "linux":
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 2**20
    return peak_gb(device)


def matrix_rate(clock: Clock, dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product, the most that this device is seen to do."""
    side = 8192 if clock.device.type != "cpu" else 1024
    one = torch.randn(side, side, device=clock.device, dtype=dtype)
    return 2 * side**3 / min(clock.best(lambda: one @ one, lambda: one @ one))


def counted(call: Callable[[], object]) -> float:
    """Operations of a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())


def switches(model: ToonCrafter, computing: Computing, clock: Clock, compiled: bool) -> None:
    """One guided prediction of the U-Net, as published and with what makes it faster, one after the other."""
    frames, unet = model.configuration.frames, model.unet
    height, width = model.configuration.height // 8, model.configuration.width // 8
    device = computing.device
    unet.to(device, computing.dtype)
    latents = torch.randn(1, 4, frames, height, width, device=device)
    key_frames = torch.randn_like(latents)
    tokens = [torch.randn(1, 77 + 16 * frames, model.configuration.unet.context_dim, device=device) for _ in "cu"]

    def published_context(of: Tensor) -> network.Context:
        """The prompt's keys and values made for every frame, as the published code does at every step."""
        of = of.to(unet.dtype)
        text = of[:, :77].repeat_interleave(frames, dim=0)
        return project_context(unet, text, of[0, 77:].reshape(frames, 16, -1))

    normalisation.PRECISE = True  # as published, until it is switched
    once = [unet.project_context(of, frames) for of in tokens]

    def predict(together: bool, own: bool, forward: Callable[..., Tensor] = unet) -> None:
        contexts = once if own else [published_context(of) for of in tokens]
        told = Told(key_frames, 10, contexts[0], contexts[1])
        guided_velocity(forward, told, Guidance(7.5, 0.7, together=together))(latents, 500)

    rows: list[tuple[str, float, float]] = []

    def compare(name: str, call: Callable[[], object], predictions: int = 1) -> None:
        published, seconds = clock.best(lambda: predict(together=False, own=False), call)
        seconds /= predictions
        rows.append((name, seconds, seconds / published))

    def natively(call: Callable[[], object]) -> None:
        normalisation.PRECISE = False
        call()
        normalisation.PRECISE = True

    compare("as published", lambda: predict(together=False, own=False))
    compare("context once", lambda: predict(together=False, own=True))
    compare("context once, halves together", lambda: predict(together=True, own=True))
    if device.type == "cuda":
        compare("… and norms in half precision", lambda: natively(lambda: predict(together=True, own=True)))
    alone = Told(key_frames, 10, once[0], None)
    compare(
        "context once, no guidance (outside a guidance interval)",
        lambda: guided_velocity(unet, alone, Guidance(1.0, 0.7))(latents, 500),
    )
    reusing = feature_reuse.ReusingUNet(unet, every=2)

    def two_steps() -> None:
        predict(together=False, own=True, forward=reusing)
        predict(together=False, own=True, forward=reusing)

    compare("context once, inner half every 2nd time", two_steps, predictions=2)
    if compiled:
        fast = CompiledUNet(unet, device)
        begun = time.perf_counter()
        predict(together=False, own=True, forward=fast)
        print(f"compiling took {time.perf_counter() - begun:.0f} s")
        compare("context once, compiled", lambda: predict(together=False, own=True, forward=fast))
    # The layout is the last one: it changes the published way too, whose time is taken from the rows before.
    published = min(seconds / ratio for _, seconds, ratio in rows)
    for parameter in unet.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.to(memory_format=torch.channels_last)
    for name, together in (("context once, channels-last", False), ("context once, channels-last, together", True)):
        (seconds,) = clock.best(lambda together=together: predict(together=together, own=True))  # type: ignore[misc]
        rows.append((name, seconds, seconds / published))
    normalisation.PRECISE = False
    print("\n| one guided prediction | seconds | of the published way |\n|---|---|---|")
    for name, seconds, ratio in rows:
        print(f"| {name} | {seconds:.3f} | {ratio:.2f} |")


def parts(model: ToonCrafter, computing: Computing, clock: Clock, rate: float) -> None:
    """Each part of the pipeline, and what making a thing once or for two frames spares."""
    sizes, device = model.configuration, computing.device
    torch.manual_seed(0)
    sketch_encoder = network.SketchEncoder(sizes.sketch_encoder).eval().requires_grad_(False).to(computing.dtype)
    modules = (*model.parts().values(), sketch_encoder)
    for module in modules:
        module.to(device)
    frames, height, width = sizes.frames, sizes.height, sizes.width
    pictures = (torch.rand(frames, 3, height, width, device=device) * 2 - 1).to(computing.dtype)
    latents = torch.randn(1, 4, frames, height // 8, width // 8, device=device)
    tokens = torch.randn(1, 77 + 16 * frames, sizes.unet.context_dim, device=device)
    context, sketch_context = model.unet.project_context(tokens, frames), sketch_encoder.project_context(tokens)
    lines = torch.rand(1, 1, frames, height, width, device=device)
    hint = sketch_encoder.encode_hint(lines)
    _, references = model.autoencoder.encode(pictures[:2])
    timesteps = torch.tensor([500], device=device)
    vision = torch.randn(1, 3, sizes.clip.vision.image_size, sizes.clip.vision.image_size, device=device)
    seen = model.vision_tower(vision)
    calls: dict[str, Callable[[], object]] = {
        "text tower, one prompt": lambda: model.text_tower(torch.zeros(1, 77, dtype=torch.long, device=device)),
        "vision tower, one picture": lambda: model.vision_tower(vision),
        "image projector": lambda: model.image_projector(seen),
        "encode 2 frames": lambda: model.autoencoder.encode(pictures[:2]),
        "encode 16 frames, as published": lambda: model.autoencoder.encode(pictures),
        "U-Net, one pass": lambda: model.unet(torch.cat([latents, latents], 1), timesteps, context, timesteps),
        "keys and values of the context, once a run": lambda: model.unet.project_context(tokens, frames),
        "sketch encoder, 16 guides": lambda: sketch_encoder(latents, hint, timesteps, sketch_context),
        "its hint block, once a run": lambda: sketch_encoder.encode_hint(lines),
        "decode": lambda: decode_clip(model.autoencoder, latents, references, middle_pass=False, frames_at_once=1),
        "decode with the second pass": lambda: decode_clip(
            model.autoencoder, latents, references, frames_at_once=1
        ),
    }
    print("\n| part | seconds | GFLOP | GFLOP/s | of the floor | peak GB |\n|---|---|---|---|---|---|")
    for name, call in calls.items():
        operations = counted(call)
        forget(device)
        (seconds,) = clock.best(call)
        print(
            f"| {name} | {seconds:.3f} | {operations / 1e9:.1f} | {operations / seconds / 1e9:.1f} "
            f"| {rate * seconds / operations:.2f} | {peak(device):.2f} |",
            flush=True,
        )
    for module in modules:
        module.to("cpu")


def runs(model: ToonCrafter, computing: Computing, clock: Clock, rate: float, steps: int) -> None:
    """Whole clips of each preset, with the operations that they take."""
    configuration = model.configuration
    picture = torch.rand(3, configuration.height, configuration.width) * 2 - 1
    wish = Wish(picture, picture.flip(-1), "a cat", "", {}, 0.0, fps=10, guidance=7.5, seed=1)
    print(
        "\n| preset | steps | seconds | TFLOP | TFLOP/s | of the floor | peak GB |\n|---|---|---|---|---|---|---|"
    )
    for name, preset in PRESETS.items():
        shorter = replace(preset, steps=steps) if steps else preset
        maker = ClipMaker(model, computing, Mode.RESIDENT)

        def make(maker: ClipMaker = maker, shorter: object = shorter) -> Tensor:
            return maker.make(wish, shorter, lambda *_: None)  # type: ignore[arg-type]

        operations = counted(make)
        forget(computing.device)
        (seconds,) = clock.best(make)
        achieved = operations / seconds
        print(
            f"| {name} | {shorter.steps} | {seconds:.2f} | {operations / 1e12:.2f} | {achieved / 1e12:.3f} "
            f"| {rate / achieved:.2f} | {peak(computing.device):.2f} |",
            flush=True,
        )
        maker.rest()


def modes(model: ToonCrafter, computing: Computing, clock: Clock) -> None:
    """Each memory mode: time, and what it was estimated to need."""
    configuration = model.configuration
    picture = torch.rand(3, configuration.height, configuration.width) * 2 - 1
    wish = Wish(picture, picture.flip(-1), "a cat", "", {}, 0.0, fps=10, guidance=7.5, seed=1)
    preset = replace(PRESETS["balanced"], steps=2)
    print("\n| memory mode | seconds | estimated GB | peak GB |\n|---|---|---|---|")
    for mode in Mode:
        maker = ClipMaker(model, computing, mode)
        forget(computing.device)
        (seconds,) = clock.best(lambda maker=maker: maker.make(wish, preset, lambda *_: None))  # type: ignore[misc]
        estimated = needs_bytes(mode, model, computing) / 2**30
        print(f"| {mode} | {seconds:.2f} | {estimated:.2f} | {peak(computing.device):.2f} |", flush=True)
        maker.rest()


@torch.no_grad()
def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the published sizes")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=0, help="instead of each preset's own")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--only", choices=("parts", "switches", "modes", "runs"))
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(options.threads)
    computing = usual_computing(device)
    clock = Clock(device, options.repeat)
    rate = matrix_rate(clock, computing.dtype)
    print(f"{device}, {computing.dtype}: a matrix product runs at {rate / 1e12:.2f} TFLOP/s")
    model = random_model(sizes(options.full), computing.dtype)
    if options.only in (None, "modes"):
        modes(model, computing, clock)
    if options.only in (None, "parts"):
        parts(model, computing, clock, rate)
    if options.only in (None, "switches"):
        switches(model, computing, clock, options.compile)
    if options.only in (None, "runs"):
        runs(model, computing, clock, rate, options.steps)


if __name__ == "__main__":
    main()
