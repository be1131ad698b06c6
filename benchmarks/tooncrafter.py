"""How fast the ToonCrafter engine draws, where the time goes, how far it is from what the arithmetic allows.

    python benchmarks/tooncrafter.py [--full] [--device cuda] [--steps N] [--repeat N] [--compile]

Random weights; without --full a model with a tenth of the channels and smaller frames, for a CPU. Seconds are of
the processor on a CPU (one thread, so that other programs disturb little) and of the clock elsewhere, the best of
the repeats. The floor is the number of operations, counted, over the rate of a large matrix product in this run.
"""

from __future__ import annotations

import argparse
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
from backend.engines.tooncrafter.clip import ClipMaker, Computing, Wish, usual_computing
from backend.engines.tooncrafter.configuration import Configuration, read_configuration
from backend.engines.tooncrafter.memory import Mode, needs_bytes, peak_gb
from backend.engines.tooncrafter.model import ToonCrafter
from backend.engines.tooncrafter.network.unet_blocks import project_context
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

    compare("as published", lambda: predict(together=False, own=False))
    compare("context once", lambda: predict(together=False, own=True))
    compare("context once, halves together", lambda: predict(together=True, own=True))
    reusing = feature_reuse.ReusingUNet(unet, every=2)

    def two_steps() -> None:
        predict(together=False, own=True, forward=reusing)
        predict(together=False, own=True, forward=reusing)

    compare("context once, inner half every 2nd time", two_steps, predictions=2)
    if compiled:
        fast = torch.compile(unet)
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
    print("\n| one guided prediction | seconds | of the published way |\n|---|---|---|")
    for name, seconds, ratio in rows:
        print(f"| {name} | {seconds:.3f} | {ratio:.2f} |")


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
        if computing.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        (seconds,) = clock.best(make)
        achieved = operations / seconds
        print(
            f"| {name} | {shorter.steps} | {seconds:.2f} | {operations / 1e12:.2f} | {achieved / 1e12:.3f} "
            f"| {rate / achieved:.2f} | {peak_gb(computing.device):.1f} |",
            flush=True,
        )
        maker.rest()


def modes(model: ToonCrafter, computing: Computing, clock: Clock) -> None:
    """Each memory mode: time, and what it was estimated to need."""
    configuration = model.configuration
    picture = torch.rand(3, configuration.height, configuration.width) * 2 - 1
    wish = Wish(picture, picture.flip(-1), "a cat", "", {}, 0.0, fps=10, guidance=7.5, seed=1)
    preset = replace(PRESETS["best"], steps=2)
    print("\n| memory mode | seconds | estimated GB | peak GB |\n|---|---|---|---|")
    for mode in reversed(Mode):  # a process's peak only rises
        maker = ClipMaker(model, computing, mode)
        if computing.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        (seconds,) = clock.best(lambda maker=maker: maker.make(wish, preset, lambda *_: None))  # type: ignore[misc]
        estimated = needs_bytes(mode, model, computing.dtype) / 2**30
        print(f"| {mode} | {seconds:.2f} | {estimated:.2f} | {peak_gb(computing.device):.2f} |", flush=True)
        maker.rest()


@torch.no_grad()
def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the published sizes")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=0, help="instead of each preset's own")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--only", choices=("switches", "modes", "runs"))
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    computing = usual_computing(device)
    clock = Clock(device, options.repeat)
    rate = matrix_rate(clock, computing.dtype)
    print(f"{device}, {computing.dtype}: a matrix product runs at {rate / 1e12:.2f} TFLOP/s")
    model = random_model(sizes(options.full), computing.dtype)
    if options.only in (None, "modes"):
        modes(model, computing, clock)
    if options.only in (None, "switches"):
        switches(model, computing, clock, options.compile)
    if options.only in (None, "runs"):
        runs(model, computing, clock, rate, options.steps)


if __name__ == "__main__":
    main()
