"""The losses and what is drawn at random for them, against their definitions."""

from __future__ import annotations

import pytest
import torch

from backend.engines.tooncrafter.schedule import noise_schedule
from backend.training.conditioning import Latents, drop_conditions, key_latents
from backend.training.configuration import SketchDrawing
from backend.training.denoising import add_noise, velocity_loss
from backend.training.draws import Draws
from backend.training.from_nothing import new_model
from backend.training.gradient_checkpointing import checkpoint_blocks
from backend.training.line_drawing import sketch_of
from backend.training.sparse_sketches import bisection, choose_frames
from backend.training.windows import Batch

from . import small


def test_noised_latents_and_velocity_follow_the_schedule_with_dynamic_rescale() -> None:
    schedule = noise_schedule(small.configuration().schedule)
    clean = torch.randn(64, 4, 3, 2, 2)
    noised = add_noise(clean, schedule, Draws(1))
    t = noised.timesteps
    assert 0 <= int(t.min()) < 100 and 900 < int(t.max()) <= 999
    view = (-1, 1, 1, 1, 1)
    signal, noise, scale = (table[t].view(view) for table in (schedule.signal, schedule.noise, schedule.scale))
    # x = a l - s v and e = s l + a v give back what was noised (Salimans and Ho 2022).
    torch.testing.assert_close(
        signal * noised.latents - noise * noised.velocity, scale * clean, rtol=1e-4, atol=1e-4
    )
    drawn = noise * noised.latents + signal * noised.velocity
    assert abs(float(drawn.mean())) < 0.05 and abs(float(drawn.std()) - 1) < 0.05


def test_the_loss_is_zero_for_the_true_velocity_and_one_for_an_error_of_one() -> None:
    noised = add_noise(torch.randn(2, 4, 3, 2, 2), noise_schedule(small.configuration().schedule), Draws(2))
    assert float(velocity_loss(noised.velocity, noised)) == 0
    assert float(velocity_loss(noised.velocity + 1, noised)) == pytest.approx(1)


def test_conditions_are_dropped_in_three_equal_shares() -> None:
    dropped = drop_conditions(Draws(3), 40_000, 0.05)
    text_only = (dropped.text & ~dropped.picture).float().mean()
    both = (dropped.text & dropped.picture).float().mean()
    picture_only = (~dropped.text & dropped.picture).float().mean()
    for share in (text_only, both, picture_only):
        assert float(share) == pytest.approx(0.05, abs=0.005)


def test_the_latent_condition_is_both_keys_with_zeros_between() -> None:
    latents = torch.randn(2, 4, 5, 3, 3)
    keys = key_latents(latents)
    assert torch.equal(keys[:, :, [0, -1]], latents[:, :, [0, -1]])
    assert not keys[:, :, 1:-1].any()


def test_latents_are_sampled_anew_from_a_distribution_that_is_encoded_once() -> None:
    model = new_model(small.configuration(), 0)
    batch = Batch((("000001", 0, 1),), torch.rand(1, 4, 3, 16, 32) * 2 - 1, torch.tensor([8.0]), ("",))
    latents = Latents(model)
    first, second, again = (latents.sample(batch, Draws(seed)) for seed in (1, 2, 1))
    assert torch.equal(first, again) and not torch.equal(first, second)
    posterior, _ = model.autoencoder.encode(batch.pictures[0])
    mean = torch.stack([latents.sample(batch, Draws(seed))[0] for seed in range(200)]).mean(dim=0)
    expected = posterior.mean.detach().transpose(0, 1)
    assert float((mean - expected).abs().max()) < 0.5


@pytest.mark.parametrize(("depth", "frames"), [(1, [7]), (2, [3, 7, 11]), (3, [1, 3, 5, 7, 9, 11, 13])])
def test_bisection_takes_the_middle_then_the_middles_of_the_halves(depth: int, frames: list[int]) -> None:
    assert bisection(16, depth) == frames


def test_sketches_are_mostly_chosen_by_bisection_and_never_on_a_key() -> None:
    told = SketchDrawing(bisection=0.8, most_bisections=3)
    patterns = [tuple(bisection(16, depth)) for depth in (1, 2, 3)]
    chosen = [tuple(choose_frames(16, told, Draws(seed)).tolist()) for seed in range(2000)]
    assert all(frames and min(frames) > 0 and max(frames) < 15 for frames in chosen)
    assert all(list(frames) == sorted(set(frames)) for frames in chosen)
    by_bisection = sum(frames in patterns for frames in chosen) / len(chosen)
    assert by_bisection == pytest.approx(0.8, abs=0.05)
    at_random = [frames for frames in chosen if frames not in patterns]
    assert {len(frames) for frames in at_random} >= set(range(1, 14))


def test_draws_depend_on_every_part_of_their_key_and_on_nothing_else() -> None:
    keys = [(1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3), (2, 1, 3)]
    drawn = [Draws(*key).normal((4,)) for key in keys]
    assert torch.equal(drawn[0], Draws(*keys[0]).normal((4,)))
    assert all(not torch.equal(drawn[0], other) for other in drawn[1:])


@pytest.mark.parametrize("size", [(40, 64), (320, 512)])
def test_a_sketch_has_lines_where_ink_and_borders_are_and_none_on_even_areas(size: tuple[int, int]) -> None:
    height, width = size
    picture = torch.ones(3, height, width)
    picture[:, height // 4 : height // 2, width // 4 : width // 2] = torch.tensor([0.6, -0.8, -0.8])[:, None, None]
    thick = max(1, height // 160)
    picture[:, 3 * height // 4 : 3 * height // 4 + thick, width // 8 : -width // 8] = -1  # a stroke of ink
    sketch = sketch_of(picture)
    assert sketch.shape == (1, height, width) and float(sketch.min()) >= 0 and float(sketch.max()) <= 1
    assert float(sketch[0, 3 * height // 4, width // 4 : -width // 4].mean()) > 0.9
    assert float(sketch[0, height // 4 - 2 : height // 4 + 2, width // 3].max()) > 0.5
    assert float(sketch[0, : height // 8].max()) == 0
    inside = sketch[0, height // 3 : 5 * height // 12, width // 3 : 5 * width // 12]
    assert float(inside.max()) == 0


def test_gradient_checkpointing_changes_no_gradient() -> None:
    gradients = []
    for checkpointed in (False, True):
        unet = new_model(small.configuration(), 1).unet
        if checkpointed:
            checkpoint_blocks(unet)
        torch.manual_seed(4)
        for parameter in unet.parameters():
            parameter.data.add_(0.02 * torch.randn_like(parameter))
        context = unet.project_context(torch.randn(1, 12, 16), 4)
        torch.manual_seed(5)  # dropout
        unet(torch.randn(1, 8, 4, 2, 4), torch.tensor([300]), context).square().mean().backward()
        gradients.append([parameter.grad for parameter in unet.parameters()])
    for plain, again in zip(*gradients, strict=True):
        assert plain is not None and again is not None
        torch.testing.assert_close(plain, again)
