"""The parts of the model with a case's weights, and what their submodules put out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from torch import Tensor, nn

from backend.engines.tooncrafter.checkpoint_keys import PREFIXES, compare_keys, model_keys, unused_keys
from backend.engines.tooncrafter.model import ToonCrafter, empty_model, empty_parameters, fill

from . import configurations
from .cases import Case

Part = TypeVar("Part", bound=nn.Module)


def part(build: Callable[[], Part], weights: Mapping[str, Tensor]) -> Part:
    """The part, filled with exactly these weights."""
    with empty_parameters():
        built = build().eval()
    fill(built, weights)
    return built


@cache
def whole_model(case: Case) -> ToonCrafter:
    """The model of a case that has all of it."""
    configuration = configurations.whole(case.info["config"])
    model = empty_model(configuration)
    weights = case.weights()
    report = compare_keys(
        {key: tuple(tensor.shape) for key, tensor in weights.items()}, model_keys(model), unused_keys(configuration)
    )
    assert not report, str(report)
    for name, built in model.parts().items():
        wanted = built.state_dict().keys()
        fill(built, {key: weights[PREFIXES[name] + key] for key in wanted})
    return model


@contextmanager
def recorded(module: nn.Module) -> Iterator[dict[str, Tensor]]:
    """The first output of each submodule that runs inside the block, by the submodule's name."""
    outputs: dict[str, Tensor] = {}

    def record(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            outputs.setdefault(name, output)

        return hook

    hooks = [submodule.register_forward_hook(record(name)) for name, submodule in module.named_modules()]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()
