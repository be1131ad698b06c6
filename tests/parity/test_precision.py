"""Half precision stays close to our own float32 on the same weights."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from backend.engines.tooncrafter.network.normalisation import ClipGroupNorm, GroupNorm, LayerNorm

from .cases import Case
from .end_to_end import run_of

#: Largest root mean square error of the frames, as a share of the frames' own root mean square.
BOUNDS = {torch.float16: 0.03, torch.bfloat16: 0.25}


@pytest.fixture
def _convolutions_as_on_a_graphics_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """float16 convolutions add up in float32 and round once; torch's own on a CPU take twenty times as long."""
    original = functional.conv2d

    def conv2d(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, *others: object, **named: object
    ) -> Tensor:
        if input.dtype != torch.float16:
            return original(input, weight, bias, *others, **named)  # type: ignore[call-overload, no-any-return]
        wide = original(input.float(), weight.float(), None if bias is None else bias.float(), *others, **named)  # type: ignore[call-overload]
        return wide.half()  # type: ignore[no-any-return]

    monkeypatch.setattr(functional, "conv2d", conv2d)


@pytest.mark.usefixtures("_convolutions_as_on_a_graphics_card")
@pytest.mark.parametrize("precision", BOUNDS, ids=str)
def test_half_precision_frames_stay_close_to_float32(precision: torch.dtype, end_to_end_case: Case) -> None:
    exact = run_of(end_to_end_case).frames()
    run = run_of(end_to_end_case)
    for name, part in run.model.parts().items():
        setattr(run.model, name, copy.deepcopy(part).to(precision))
    frames = run.frames()

    error = (frames - exact).square().mean().sqrt() / exact.square().mean().sqrt()
    print(f"{precision}: root mean square error {error:.4f}, largest {(frames - exact).abs().max():.4f}")
    assert torch.isfinite(frames).all()
    assert 0 < error < BOUNDS[precision]


@pytest.mark.parametrize("precision", BOUNDS, ids=str)
def test_norms_do_not_lose_small_contrast_on_a_large_offset(precision: torch.dtype) -> None:
    """Statistics in half precision would overflow or cancel here."""
    generator = torch.Generator().manual_seed(3)
    features = (200 + 2 * torch.randn(2, 32, 4, 64, 64, generator=generator)).to(precision)
    exact = GroupNorm(32)(features.float())
    halved = GroupNorm(32).to(precision)(features)
    assert halved.dtype == precision
    assert torch.allclose(halved.float(), exact, atol=0.02)

    tokens = features.flatten(2).transpose(1, 2)
    assert torch.allclose(LayerNorm(32).to(precision)(tokens).float(), LayerNorm(32)(tokens.float()), atol=0.02)


def test_a_clip_norm_in_parts_is_a_group_norm_of_the_whole_clip() -> None:
    generator = torch.Generator().manual_seed(4)
    clip = 3 + torch.randn(5, 64, 6, 8, generator=generator) * torch.rand(64, 1, 1, generator=generator)
    norm, whole = ClipGroupNorm(64), GroupNorm(64)
    for parameter in (*norm.parameters(), *whole.parameters()):
        torch.nn.init.normal_(parameter, generator=generator.manual_seed(parameter.numel()))
    whole.load_state_dict(norm.state_dict())
    scale, shift = norm.scale_and_shift(clip)
    expected = whole(clip.transpose(0, 1)[None])[0].transpose(0, 1)
    assert torch.allclose(clip * scale + shift, expected, atol=1e-5)
