"""How near few steps come to the finest solution: the table from which the presets were chosen.

    python benchmarks/tooncrafter_solvers.py [--weights FILE] [--seeds N] [--device cuda]

Without weights it uses the tiny model of the golden cases. Random weights say nothing of beauty, but much of how a
solver follows the equation: the distance is of latents, to 200 steps of the same solver, relative to their size.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.engines.tooncrafter.checkpoint import open_model
from backend.engines.tooncrafter.clip import ClipMaker, Wish
from backend.engines.tooncrafter.computing import usual_computing
from backend.engines.tooncrafter.memory import Mode
from backend.engines.tooncrafter.model import ToonCrafter
from backend.engines.tooncrafter.presets import Preset

FINEST = Preset("dpm", steps=200)
TRIED: dict[str, Preset] = {
    **{f"DDIM, {steps} steps": Preset("ddim", steps=steps) for steps in (10, 18, 25, 50)},
    **{f"DPM-Solver++, {steps} steps": Preset("dpm", steps=steps) for steps in (6, 8, 10, 14, 18, 25, 50)},
    "10 steps, guided above 200": Preset("dpm", steps=10, guided_above=200),
    "10 steps, inner half every 2nd": Preset("dpm", steps=10, reuse_every=2),
    "10 steps, both": Preset("dpm", steps=10, guided_above=200, reuse_every=2),
}


class _Latents(ClipMaker):
    """Stops before decoding: the clip is its latents."""

    def _decode(self, latents: Tensor, keys: object, middle_pass: bool) -> Tensor:
        return latents.cpu()


def _wish(model: ToonCrafter, seed: int) -> Wish:
    sizes = model.configuration
    generator = torch.Generator().manual_seed(seed)
    small = torch.rand(2, 3, 4, 6, generator=generator) * 2 - 1
    start, end = torch.nn.functional.interpolate(small, (sizes.height, sizes.width), mode="bicubic").clamp(-1, 1)
    return Wish(start, end, "a girl turns her head", "", {}, 0.0, fps=10, guidance=7.5, seed=seed)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.weights is None:
            from tests.end_to_end.tiny_weights import write_tiny_model

            options.weights = write_tiny_model(Path(folder) / "tiny.safetensors")
        model = open_model(options.weights)
        maker = _Latents(model, usual_computing(torch.device(options.device)), Mode.RESIDENT)
        wishes = [_wish(model, seed) for seed in range(options.seeds)]
        finest = [maker.make(wish, FINEST, lambda *_: None) for wish in wishes]
        print("| solver | U-Net passes | distance to 200 steps | seconds |\n|---|---|---|---|")
        for name, preset in TRIED.items():
            begun = time.process_time()
            passes = 0

            def count(*_: object) -> None:
                nonlocal passes
                passes += 1

            hook = model.unet.out.register_forward_hook(count)
            found = [maker.make(wish, replace(preset, middle_pass=False), lambda *_: None) for wish in wishes]
            hook.remove()
            seconds = (time.process_time() - begun) / len(wishes)
            apart = [float((one - other).norm() / other.norm()) for one, other in zip(found, finest, strict=True)]
            distance = sum(apart) / len(apart)
            print(f"| {name} | {passes // len(wishes)} | {distance:.3f} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
