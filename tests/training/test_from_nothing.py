"""What a model from nothing begins with: drawings reach the sketch encoder, and places of the keys can be found."""

from __future__ import annotations

import pytest
import torch
from einops import rearrange
from torch import Tensor

from backend.engines.tooncrafter.network import Autoencoder
from backend.training.from_nothing import new_model, new_sketch_encoder
from backend.training.place_matching import begins_without_keys, fusions_of, match_places

from . import small


def blocks(count: int, seed: int) -> Tensor:
    """Pictures of coloured blocks, (count, 3, small.HEIGHT, small.WIDTH) in -1..1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, small.HEIGHT // 8, small.WIDTH // 8, generator=generator) * 2 - 1
    return coarse.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)


@pytest.mark.parametrize("seed", range(3))
def test_different_drawings_give_clearly_different_hints(seed: int) -> None:
    model = new_model(small.configuration(), seed)
    encoder = new_sketch_encoder(model.configuration, model.unet, seed)
    drawings = (torch.rand(4, 1, 1, small.HEIGHT, small.WIDTH) < 0.15).float()
    hints = encoder.encode_hint(drawings)
    assert 0.03 < float(hints.detach().std(dim=0).mean()) < 3


def mass_at_own_place(autoencoder: Autoencoder, picture: Tensor) -> dict[int, float]:
    """Return, for each attention to the keys, how much of it goes where the place itself is, both keys being it."""
    posterior, features = autoencoder.encode(picture[None])
    found = {}
    for index, fusion in fusions_of(autoencoder).items():
        drawn: list[Tensor] = []
        hook = fusion.norm.register_forward_hook(lambda module, inputs, output, kept=drawn: kept.append(output))
        autoencoder.decoder(posterior.mean, [feature[[0, 0]] for feature in features])
        hook.remove()
        queries, keys = (
            rearrange(layer(rearrange(places, "1 c h w -> (h w) c")), "p (n d) -> n p d", n=fusion.heads)
            for layer, places in ((fusion.to_q, drawn[0]), (fusion.to_k, features[index]))
        )
        attention = (queries @ keys.mT / queries.shape[-1] ** 0.5).softmax(dim=-1)
        found[index] = float(attention.diagonal(dim1=1, dim2=2).mean() * attention.shape[-1])
    return found


@torch.no_grad()
def test_places_find_their_like_in_the_keys_before_anything_is_trained() -> None:
    """A mass of 1 is what every place would get if nothing could be told apart."""
    autoencoder = new_model(small.configuration(), 0).autoencoder
    assert begins_without_keys(autoencoder)
    other = blocks(1, seed=99)[0]
    before = mass_at_own_place(autoencoder, other)
    match_places(autoencoder, blocks(24, seed=1))
    after = mass_at_own_place(autoencoder, other)
    assert all(mass < 1.2 for mass in before.values())
    assert all(after[index] > 1.3 for index in after), (before, after)


@torch.no_grad()
def test_what_the_keys_say_is_as_loud_at_every_level_and_weights_that_read_loud_features_change_less() -> None:
    autoencoder = new_model(small.configuration(), 0).autoencoder
    autoencoder.encoder.down[3].block[0].conv2.weight *= 300
    pictures = blocks(24, seed=1)
    shares = match_places(autoencoder, pictures)
    _, features = autoencoder.encode(pictures)
    for index, fusion in fusions_of(autoencoder).items():
        values = fusion.to_v(rearrange(features[index], "n c h w -> (n h w) c"))
        assert 0.2 < float(values.std(dim=0).mean()) < 5
        assert all(0 < shares[layer.weight] <= 1 for layer in (fusion.to_q, fusion.to_k, fusion.to_v))
    loudest = max(fusions_of(autoencoder))
    assert shares[fusions_of(autoencoder)[loudest].to_k.weight] < 0.3


def test_a_decoder_that_has_learned_to_read_the_keys_is_left_as_it_is() -> None:
    autoencoder = new_model(small.configuration(), 0).autoencoder
    fusion = next(iter(fusions_of(autoencoder).values()))
    torch.nn.init.normal_(fusion.to_out[0].weight)
    assert not begins_without_keys(autoencoder)
