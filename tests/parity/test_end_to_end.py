"""Two pictures and a prompt become the golden frames."""

from __future__ import annotations

import torch

from backend.engines.tooncrafter.pipeline import generate, seeded_noise, to_bytes

from .cases import Case
from .end_to_end import run_of, seeded_run_of


def test_two_pictures_and_a_prompt_become_the_golden_frames(end_to_end_case: Case) -> None:
    case = end_to_end_case
    run = run_of(case)
    latents, keys = run.sampled()
    case.assert_equals(latents, "latent")
    case.assert_equals(run.decoded(latents, keys), "frames")


def test_bytes_are_rounded_down_and_differ_by_one_at_most(end_to_end_case: Case) -> None:
    """The golden floats give the golden bytes; ours may fall on the other side of a whole number."""
    case = end_to_end_case
    golden = case.output("frames_u8")
    assert torch.equal(to_bytes(case.output("frames")), golden)


def test_the_seed_draws_the_recorded_noise_in_the_published_order(end_to_end_case: Case) -> None:
    case = end_to_end_case
    draw = seeded_noise(case.info["args"]["seed"])
    recorded = [case.input("posterior_noise"), case.input("x_T"), *case.input("noise")]
    for noise in recorded:
        assert torch.allclose(draw(tuple(noise.shape)), noise, atol=1e-5)


def test_the_same_seed_gives_the_golden_frames_in_memory_bounded_pieces(end_to_end_case: Case) -> None:
    case = end_to_end_case
    run = seeded_run_of(case)
    frames = generate(run.model, run.request, run.sampling, run.draw, frames_at_once=3)
    case.assert_equals(frames.transpose(0, 1), "frames")
