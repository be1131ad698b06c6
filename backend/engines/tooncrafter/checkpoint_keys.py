"""The published checkpoint's keys: which part of the model each belongs to, and which are never used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .configuration import ClipConfiguration, Configuration
from .model import ToonCrafter, empty_model
from .network.clip_towers import UNUSED_TEXT_BLOCKS
from .schedule import dynamic_rescale, rescale_zero_terminal_snr, scaled_linear_betas

#: Part of the model -> what its keys start with in the published checkpoint.
PREFIXES: Mapping[str, str] = {
    "unet": "model.diffusion_model.",
    "autoencoder": "first_stage_model.",
    "text_tower": "cond_stage_model.model.",
    "vision_tower": "embedder.model.visual.",
    "image_projector": "image_proj_model.",
}

Shape = tuple[int, ...]


@dataclass(frozen=True)
class KeyReport:
    """How a file's keys compare with the model's; all lists empty when they fit.

    missing, unexpected: keys. misshapen: key -> (shape in the file, shape in the model).
    """

    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshapen: dict[str, tuple[Shape, Shape]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is anything to report."""
        return bool(self.missing or self.unexpected or self.misshapen)

    def __str__(self) -> str:
        """Say how many of each and name the first few."""
        parts = [
            f"{len(keys)} {kind} (such as {', '.join(keys[:3])})"
            for kind, keys in (("missing", self.missing), ("unexpected", self.unexpected))
            if keys
        ]
        if self.misshapen:
            key, (found, wanted) = next(iter(self.misshapen.items()))
            parts.append(
                f"{len(self.misshapen)} of another size (such as {key}: {list(found)} instead of {list(wanted)})"
            )
        return "; ".join(parts)


def compare_keys(found: Mapping[str, Shape], wanted: Mapping[str, Shape], unused: Mapping[str, Shape]) -> KeyReport:
    """Compare a file's keys with those that the model wants and those that may be there but are not used."""
    known = {**unused, **wanted}
    return KeyReport(
        missing=[key for key in wanted if key not in found],
        unexpected=[key for key in found if key not in known],
        misshapen={
            key: (shape, known[key]) for key, shape in found.items() if key in known and shape != known[key]
        },
    )


def model_keys(model: ToonCrafter) -> dict[str, Shape]:
    """Return every key that the model's own parts have in the published checkpoint, with its shape."""
    return {
        PREFIXES[name] + key: tuple(tensor.shape)
        for name, part in model.parts().items()
        for key, tensor in part.state_dict().items()
    }


def wanted_keys(configuration: Configuration) -> dict[str, Shape]:
    """Return every published key that inference uses, with its shape."""
    return model_keys(empty_model(configuration))


def unused_keys(configuration: Configuration) -> dict[str, Shape]:
    """Return every published key that inference does not use, with its shape.

    The noise schedule's tables are made afresh from the configuration, with more precision than a half-precision
    file can hold. The decoder skips post_quant_conv. The text context comes from before the last block and without
    projection, the image tokens without the vision tower's last norm and projection; and the vision tower's part of
    the file carries what is left of a second text tower.
    """
    latent = configuration.autoencoder
    clip = configuration.clip
    return {
        **{key: tuple(table.shape) for key, table in schedule_tables(configuration).items()},
        "first_stage_model.post_quant_conv.weight": (latent.z_channels, latent.embed_dim, 1, 1),
        "first_stage_model.post_quant_conv.bias": (latent.z_channels,),
        **_with_prefix("cond_stage_model.model.", {**_clip_head(clip), **_last_text_blocks(clip)}),
        **_with_prefix("embedder.model.", {**_clip_head(clip), **_second_text_tower(clip)}),
        "embedder.model.visual.ln_post.weight": (clip.vision.width,),
        "embedder.model.visual.ln_post.bias": (clip.vision.width,),
        "embedder.model.visual.proj": (clip.vision.width, clip.embed_dim),
    }


def _with_prefix(prefix: str, keys: Mapping[str, Shape]) -> dict[str, Shape]:
    return {prefix + key: shape for key, shape in keys.items()}


def _clip_head(clip: ClipConfiguration) -> dict[str, Shape]:
    return {"text_projection": (clip.text.width, clip.embed_dim), "logit_scale": ()}


def _second_text_tower(clip: ClipConfiguration) -> dict[str, Shape]:
    return {
        "positional_embedding": (clip.text.context_length, clip.text.width),
        "token_embedding.weight": (clip.text.vocab_size, clip.text.width),
        "ln_final.weight": (clip.text.width,),
        "ln_final.bias": (clip.text.width,),
    }


def _last_text_blocks(clip: ClipConfiguration) -> dict[str, Shape]:
    width = clip.text.width
    block: dict[str, Shape] = {
        "ln_1.weight": (width,),
        "ln_1.bias": (width,),
        "attn.in_proj_weight": (3 * width, width),
        "attn.in_proj_bias": (3 * width,),
        "attn.out_proj.weight": (width, width),
        "attn.out_proj.bias": (width,),
        "ln_2.weight": (width,),
        "ln_2.bias": (width,),
        "mlp.c_fc.weight": (4 * width, width),
        "mlp.c_fc.bias": (4 * width,),
        "mlp.c_proj.weight": (width, 4 * width),
        "mlp.c_proj.bias": (width,),
    }
    return {
        f"transformer.resblocks.{index}.{key}": shape
        for index in range(clip.text.layers - UNUSED_TEXT_BLOCKS, clip.text.layers)
        for key, shape in block.items()
    }


def schedule_tables(configuration: Configuration) -> dict[str, Tensor]:
    """Return the noise schedule's tables as the published checkpoint holds them, float32.

    Only to recognise a checkpoint that was trained with another schedule; sampling uses `noise_schedule`.
    """
    sizes = configuration.schedule
    betas = rescale_zero_terminal_snr(scaled_linear_betas(sizes.timesteps, sizes.linear_start, sizes.linear_end))
    product = torch.cumprod(1 - betas, dim=0)
    before = torch.cat([product.new_ones(1), product[:-1]])
    variance = betas * (1 - before) / (1 - product)
    tables = {
        "betas": betas,
        "alphas_cumprod": product,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": product.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - product).sqrt(),
        "log_one_minus_alphas_cumprod": (1 - product).log(),
        "sqrt_recip_alphas_cumprod": torch.zeros_like(product),
        "sqrt_recipm1_alphas_cumprod": torch.zeros_like(product),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": variance.clamp(min=1e-20).log(),
        "posterior_mean_coef1": betas * before.sqrt() / (1 - product),
        "posterior_mean_coef2": (1 - before) * (1 - betas).sqrt() / (1 - product),
        "scale_arr": dynamic_rescale(sizes.base_scale, sizes.turning_step, sizes.timesteps),
    }
    return {key: table.float() for key, table in tables.items()}
