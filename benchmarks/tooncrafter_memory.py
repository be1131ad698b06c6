"""How much memory each mode takes on a CUDA card, and what leaves the card while it works: counted without a card.

    python benchmarks/tooncrafter_memory.py [--guides N] [--modes resident …]

The engine's own code runs on tensors of the published sizes that have shapes, but no numbers. Every tensor that
would lie on the card is counted from its making to its end. Attention counts as one kernel that keeps no matrix,
which is what the card does; workspaces of kernels and the allocator's gaps are not counted.
"""

from __future__ import annotations

import argparse
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.engines.tooncrafter import clip, shelf, streaming
from backend.engines.tooncrafter.clip import ClipMaker, Wish
from backend.engines.tooncrafter.computing import usual_computing
from backend.engines.tooncrafter.configuration import Configuration, read_configuration
from backend.engines.tooncrafter.memory import Mode, needs_bytes
from backend.engines.tooncrafter.model import ToonCrafter, empty_model, empty_sketch_encoder, fill
from backend.engines.tooncrafter.presets import Preset
from backend.engines.tooncrafter.schedule import noise_schedule
from backend.engines.tooncrafter.solvers import bent_timesteps, solver_steps

CARD = torch.device("cuda")
_STEPS = 2


@dataclass
class Card(TorchDispatchMode):
    """Counts what lies on the card, in bytes, and the tensors that leave it."""

    now: int = 0
    peak: int = 0
    left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._known: weakref.WeakKeyDictionary[Any, None] = weakref.WeakKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count its results."""
        made = func(*args, **(kwargs or {}))
        inputs = [tensor for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)]
        for tensor in tree_leaves(made):
            if not isinstance(tensor, Tensor):
                continue
            if tensor.device.type == "cuda":
                self._count(tensor.untyped_storage())
            elif any(source.device.type == "cuda" for source in inputs):
                self.left.append(f"{func}: {tuple(tensor.shape)}")
        if str(func) == "aten._local_scalar_dense.default":
            self.left.append(str(func))
        return made

    def _count(self, storage: Any) -> None:
        if storage in self._known:
            return
        self._known[storage] = None
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, size)

    def _forget(self, size: int) -> None:
        self.now -= size


class NoStream:
    """Stands for a CUDA stream, an event, or the pace of a card: there is nothing to wait for."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> NoStream:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __getattr__(self, name: str) -> Callable[..., NoStream]:
        return lambda *_: self


def attention(queries: Tensor, keys: Tensor, values: Tensor, is_causal: bool = False) -> Tensor:
    """What attention leaves behind on a card."""
    return queries.new_empty(*queries.shape[:-1], values.shape[-1])


def moved(
    method: Callable[..., None], parameters: Callable[[Any], list[Any]], place: Callable[..., torch.device]
) -> Callable[..., None]:
    """A method that changes parameters' weights, and where a parameter without numbers is said to be."""

    def move(self: Any, *args: Any) -> None:
        method(self, *args)
        for parameter in parameters(self):
            parameter.fake_device = place(self, *args)

    return move


@contextmanager
def moving_parameters() -> Iterator[None]:
    """Inside this block parameters without numbers go where their weights go."""
    main_memory = torch.device("cpu")
    shelved, staged = lambda of: of._parameters, lambda of: of.parameters
    fetch = moved(shelf.Shelf.fetch, shelved, lambda of: of._device)
    put_back = moved(shelf.Shelf.put_back, shelved, lambda of: main_memory)
    use = moved(streaming._StageWeights.use, staged, lambda of, run: main_memory if run is None else run.device)
    with (
        mock.patch.object(shelf.Shelf, "fetch", fetch),
        mock.patch.object(shelf.Shelf, "put_back", put_back),
        mock.patch.object(streaming._StageWeights, "use", use),
    ):
        yield


@contextmanager
def pretended_card() -> Iterator[Card]:
    """Inside this block tensors have no numbers, and a CUDA card seems to be there."""
    # Coefficients are numbers of Python's, which tensors without numbers cannot give.
    steps = solver_steps(noise_schedule(read_configuration().schedule), bent_timesteps(_STEPS, 1000))
    lock: Callable[..., None] = lambda stage, dtype: None  # noqa: E731 - page-locked memory is not the card's
    with (
        FakeTensorMode(),
        mock.patch.object(functional, "scaled_dot_product_attention", attention),
        mock.patch.object(torch.cuda, "Stream", NoStream),
        mock.patch.object(torch.cuda, "stream", NoStream),
        mock.patch.object(torch.cuda, "current_stream", NoStream),
        mock.patch.object(streaming._StageWeights, "lock", lock),
        moving_parameters(),
        mock.patch.object(clip, "Pace", NoStream),
        mock.patch.object(clip, "solver_steps", lambda *_: steps),
        mock.patch.object(clip, "is_finite", lambda tensor: True),
        torch.no_grad(),
        Card() as card,
    ):
        yield card


def numberless_model(configuration: Configuration) -> ToonCrafter:
    """A model in half precision that rests in main memory."""
    model = empty_model(configuration)
    model.sketch_encoder = empty_sketch_encoder(configuration)
    for part in (*model.parts().values(), model.sketch_encoder):
        shapes = {key: tuple(weights.shape) for key, weights in part.state_dict().items()}
        fill(part, {key: torch.empty(shape, dtype=torch.float16) for key, shape in shapes.items()})
    return model


def phases(maker: ClipMaker, *, guides: int) -> dict[str, Callable[[], Any]]:
    """The phases of a clip, to be called in order."""
    sizes = maker.model.configuration
    picture = torch.empty(3, sizes.height, sizes.width)
    sketches = {frame + 1: picture[:1] for frame in range(guides)}
    wish = Wish(picture, picture, "a cat", "", sketches, 0.6, fps=10, guidance=7.5, seed=1)
    channels, height, width = maker._latent_shape()
    noise = torch.empty(1, channels, sizes.frames, height, width)
    made: dict[str, Any] = {}

    def keep(name: str, call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            made[name] = call()
            return made[name]

        return run

    preset = Preset("dpm", steps=_STEPS)
    return {
        "encode": keep("keys", lambda: maker._encode(wish, lambda shape: torch.empty(shape))),
        "context": keep("tokens", lambda: maker._contexts(wish)),
        "denoise": keep(
            "latents",
            lambda: maker._denoise(wish, preset, made["keys"], made["tokens"], noise, [], lambda *_: None),
        ),
        "decode": keep("clip", lambda: maker._decode(made["latents"], made["keys"], True)),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guides", type=int, default=2, help="how many, up to 14")
    parser.add_argument("--modes", nargs="+", type=Mode, default=list(Mode))
    options = parser.parse_args()
    print(
        "| mode | estimated GB | counted GB | encode | context | denoise | decode |\n|---|---|---|---|---|---|---|"
    )
    for mode in options.modes:
        with pretended_card() as card:
            model = numberless_model(read_configuration())
            maker = ClipMaker(model, usual_computing(CARD), mode)
            peaks = {}
            for name, phase in phases(maker, guides=options.guides).items():
                card.peak = card.now
                phase()
                peaks[name] = card.peak / 2**30
            estimated = needs_bytes(mode, model, maker.computing) / 2**30
        row = " | ".join(f"{peak:.2f}" for peak in peaks.values())
        print(f"| {mode} | {estimated:.2f} | {max(peaks.values()):.2f} | {row} |", flush=True)


if __name__ == "__main__":
    main()
