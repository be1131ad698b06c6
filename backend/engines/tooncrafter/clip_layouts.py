"""CLIP towers under the names of other libraries -> the names that the published checkpoint gives them.

The half-precision files that circulate leave the towers out; those come from OpenCLIP's ViT-H/14 file, or from text
and vision files in the layout of Hugging Face's transformers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from .checkpoint_keys import PREFIXES

_BLOCK = re.compile(r"encoder\.layers\.(\d+)\.(.+)")

#: Inside a block, transformers' name -> OpenCLIP's.
_BLOCK_NAMES: Mapping[str, str] = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}

#: Outside the blocks, transformers' name -> OpenCLIP's.
_OTHER_NAMES: Mapping[str, str] = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "pre_layrnorm.weight": "ln_pre.weight",
    "pre_layrnorm.bias": "ln_pre.bias",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
    "post_layernorm.weight": "ln_post.weight",
    "post_layernorm.bias": "ln_post.bias",
}

#: What each tower's keys start with in transformers' layout -> in the published checkpoint.
_TRANSFORMERS_TOWERS: Mapping[str, str] = {
    "text_model.": PREFIXES["text_tower"],
    "vision_model.": PREFIXES["vision_tower"],
}

#: Keys beside the towers that carry nothing that inference uses.
_IGNORED = re.compile(
    r"logit_scale|logit_bias|attn_mask|text_projection(\.weight)?|visual_projection\.weight|.*position_ids"
)


def is_clip(keys: Mapping[str, object]) -> bool:
    """Whether a file with these keys holds CLIP towers and nothing else."""
    return all(
        key.startswith((*_TRANSFORMERS_TOWERS, "visual.", "transformer.resblocks."))
        or key in ("token_embedding.weight", "positional_embedding", "ln_final.weight", "ln_final.bias")
        or _IGNORED.fullmatch(key)
        for key in keys
    )


def published_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return CLIP towers under their published names."""
    if any(key.startswith(tuple(_TRANSFORMERS_TOWERS)) for key in tensors):
        return _from_transformers(tensors)
    renamed = {}
    for key, tensor in tensors.items():
        if key.startswith("visual."):
            renamed[PREFIXES["vision_tower"] + key.removeprefix("visual.")] = tensor
        elif not _IGNORED.fullmatch(key):
            renamed[PREFIXES["text_tower"] + key] = tensor
    return renamed


def _from_transformers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    for prefix, published in _TRANSFORMERS_TOWERS.items():
        tower = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        for key, tensor in tower.items():
            block = _BLOCK.fullmatch(key)
            if block is None:
                if not _IGNORED.fullmatch(key):
                    renamed[published + _OTHER_NAMES.get(key, key)] = tensor
                continue
            stem, kind = block[2].rsplit(".", 1)
            place = f"{published}transformer.resblocks.{block[1]}."
            if stem in _BLOCK_NAMES:
                renamed[f"{place}{_BLOCK_NAMES[stem]}.{kind}"] = tensor
            elif stem == "self_attn.q_proj":
                layer = f"encoder.layers.{block[1]}.self_attn."
                parts = [tower.get(f"{layer}{part}_proj.{kind}") for part in "qkv"]
                present = [part for part in parts if part is not None]
                renamed[f"{place}attn.in_proj_{kind}"] = torch.cat(present)
            elif stem not in ("self_attn.k_proj", "self_attn.v_proj"):
                renamed[place + block[2]] = tensor
    return renamed
