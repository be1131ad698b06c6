"""Every part of the network, and every submodule on the way, equals the golden tensors of the published code."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from backend.engines.tooncrafter.network import (
    Autoencoder,
    ImageProjector,
    SketchEncoder,
    UNet,
)
from backend.engines.tooncrafter.network.autoencoder import Posterior

from . import configurations
from .cases import Case, all_cases
from .models import part, recorded


def assert_submodules_equal(case: Case, outputs: dict[str, Tensor]) -> None:
    """Compare with every `out.dbg.…`; the golden ones may hold the first rows only."""
    for match, golden in case.outputs(r"(dbg\.(.+))"):
        actual = outputs[match[2]]
        case.assert_equals(actual[: golden.shape[0]], match[1])


def test_every_case_of_the_folder_is_of_a_known_component() -> None:
    cases = all_cases()
    assert cases
    assert [case.path.stem for case in cases if case.component is None] == []


def test_the_unet_predicts_the_golden_velocity(unet_case: Case) -> None:
    case = unet_case
    unet = part(lambda: UNet(configurations.unet(case.info["config"])), case.weights())
    latents, timesteps, fps = case.input("x"), case.input("timesteps"), case.input("fs")
    frames = latents.shape[2]
    per_frame = unet.project_context(case.input("context_perframe"), frames)
    shared = unet.project_context(case.input("context_shared"), frames)

    with recorded(unet) as outputs:
        case.assert_equals(unet(latents, timesteps, per_frame, fps), "perframe")
    assert_submodules_equal(case, outputs)
    case.assert_equals(unet(latents, timesteps, shared, fps), "shared")
    case.assert_equals(unet(latents, timesteps, per_frame), "default_fs")


def test_batch_elements_do_not_mix(unet_case: Case) -> None:
    case = unet_case
    unet = part(lambda: UNet(configurations.unet(case.info["config"])), case.weights())
    frames = case.input("x").shape[2]
    alone = [
        unet(
            case.input("x")[[row]],
            case.input("timesteps")[[row]],
            unet.project_context(case.input("context_perframe")[[row]], frames),
            case.input("fs")[[row]],
        )
        for row in range(case.input("x").shape[0])
    ]
    case.assert_equals(torch.cat(alone), "perframe")


def test_the_image_projector_makes_the_golden_tokens(image_projector_case: Case) -> None:
    case = image_projector_case
    projector = part(lambda: ImageProjector(configurations.image_projector(case.info["config"])), case.weights())
    case.assert_equals(projector(case.input("x")), "tokens")


def autoencoder_of(case: Case) -> Autoencoder:
    weights = case.weights()
    used = {key: tensor for key, tensor in weights.items() if not key.startswith("post_quant_conv.")}
    assert len(weights) - len(used) == 2
    return part(lambda: Autoencoder(configurations.autoencoder(case.info["config"])), used)


def test_the_encoder_gives_the_golden_distribution_and_features(autoencoder_case: Case) -> None:
    case = autoencoder_case
    posterior, references = autoencoder_of(case).encode(case.input("x").float() / 127.5 - 1)
    case.assert_equals(posterior.mean, "mean")
    case.assert_equals(posterior.log_variance, "logvar")
    case.assert_equals(posterior.sample(case.input("posterior_noise")), "sample")
    for match, _golden in case.outputs(r"(hidden\.(\d+))"):
        case.assert_equals(references[int(match[2])][[0, -1]], match[1])


def test_an_extreme_variance_is_clamped_when_sampling() -> None:
    posterior = Posterior(torch.zeros(2), torch.tensor([-100.0, 100.0]))
    expected = torch.exp(0.5 * torch.tensor([-30.0, 20.0]))
    assert torch.allclose(posterior.sample(torch.ones(2)), expected)


def test_the_decoder_gives_the_golden_pictures(autoencoder_case: Case) -> None:
    case = autoencoder_case
    autoencoder = autoencoder_of(case)
    latents = case.input("z")
    _, references = autoencoder.encode(case.input("x")[[0, -1]].float() / 127.5 - 1)
    without_neighbours = torch.cat([latents[:1], latents[2:-2], latents[-1:]])

    with recorded(autoencoder) as outputs:
        case.assert_equals(autoencoder.decoder(latents, references), "decode_ref")
    assert_submodules_equal(case, outputs)
    case.assert_equals(autoencoder.decoder(without_neighbours, references), "decode_ref_subset")
    case.assert_equals(autoencoder.decoder(latents, None), "decode_noref")


def test_decoding_in_pieces_gives_the_same_pictures(autoencoder_case: Case) -> None:
    case = autoencoder_case
    autoencoder = autoencoder_of(case)
    _, references = autoencoder.encode(case.input("x")[[0, -1]].float() / 127.5 - 1)
    for frames_at_once in range(1, case.input("z").shape[0] + 1):
        pictures = autoencoder.decoder(case.input("z"), references, frames_at_once)
        case.assert_equals(pictures, "decode_ref")


def test_the_sketch_encoder_gives_the_golden_residuals(sketch_case: Case) -> None:
    case = sketch_case
    sketch_encoder = sketch_encoder_of(case)
    hint = sketch_encoder.encode_hint(case.input("control_cond"))
    context = sketch_encoder.project_context(case.input("c_crossattn"))

    with recorded(sketch_encoder) as outputs:
        sketch_encoder.encode_hint(case.input("control_cond"))
        residuals = sketch_encoder(case.input("x"), hint, case.input("timesteps"), context)
    assert_submodules_equal(case, outputs)
    golden = [int(match[1]) for match, _ in case.outputs(r"control\.(\d+)")]
    assert sorted(golden) == list(range(len(residuals)))
    for index in golden:
        case.assert_equals(residuals[index], f"control.{index}")


def test_sketches_lead_the_unet(sketch_case: Case) -> None:
    case = sketch_case
    unet, sketch_encoder = unet_of(case), sketch_encoder_of(case)
    latents, timesteps, fps = case.input("x"), case.input("timesteps"), case.input("fs")
    beside_keys = torch.cat([latents, case.input("c_concat")], dim=1)
    context = unet.project_context(case.input("c_crossattn"), latents.shape[2])
    hint = sketch_encoder.encode_hint(case.input("control_cond"))
    residuals = sketch_encoder(latents, hint, timesteps, sketch_encoder.project_context(case.input("c_crossattn")))
    scale = case.info["config"]["control_scale"]

    controlled = unet(beside_keys, timesteps, context, fps, [scale * residual for residual in residuals])
    case.assert_equals(controlled, "controlled")
    case.assert_equals(unet(beside_keys, timesteps, context, fps), "uncontrolled")


def unet_of(case: Case) -> UNet:
    return part(
        lambda: UNet(configurations.unet(case.info["config"]["unet"])), case.weights("model.diffusion_model.")
    )


def sketch_encoder_of(case: Case) -> SketchEncoder:
    return part(
        lambda: SketchEncoder(configurations.sketch_encoder(case.info["config"]["control"])),
        case.weights("control_model."),
    )


def test_each_frame_of_a_sketch_is_seen_alone(sketch_case: Case) -> None:
    case = sketch_case
    sketch_encoder = sketch_encoder_of(case)
    hint = sketch_encoder.encode_hint(case.input("control_cond"))
    frames = rearrange(case.input("control_cond"), "b c t h w -> (b t) c 1 h w")
    alone = torch.cat([sketch_encoder.encode_hint(frame[None]) for frame in frames])
    assert torch.allclose(hint, alone, atol=1e-5)
