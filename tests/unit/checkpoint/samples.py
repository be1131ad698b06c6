"""The layouts in which checkpoints come, and what tests ask of the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from backend.engines.tooncrafter import checkpoint
from backend.engines.tooncrafter.checkpoint_keys import PREFIXES
from backend.errors import UserError

Tensors = dict[str, Tensor]


def assert_model_has(path: Path, published: Tensors, dtype: torch.dtype = torch.float16) -> None:
    model = checkpoint.open_model(path)
    for name, part in model.parts().items():
        for key, tensor in part.state_dict().items():
            assert tensor.dtype == dtype
            assert torch.equal(tensor, published[PREFIXES[name] + key].to(dtype)), key


def refusal(run: Callable[[], object]) -> UserError:
    with pytest.raises(UserError) as caught:
        run()
    assert caught.value.sentence.endswith(".") and caught.value.hint
    return caught.value


def lightning(tensors: Tensors) -> object:
    return {"epoch": 3, "global_step": 7, "state_dict": tensors}


def deepspeed(tensors: Tensors) -> object:
    return {"module": {f"_forward_module.{key}": tensor for key, tensor in tensors.items()}}


def early(tensors: Tensors) -> object:
    return {key.replace("fps_embedding", "framestride_embed"): tensor for key, tensor in tensors.items()}


def pruned(published: Tensors) -> Tensors:
    """As the half-precision files circulate: rounded, schedule tables too, and without the towers."""
    return {
        key: tensor.half().contiguous()
        for key, tensor in published.items()
        if not key.startswith(("cond_stage_model", "embedder"))
    }


def open_clip_layout(published: Tensors) -> Tensors:
    """Both towers as in OpenCLIP's own file."""
    vision = {
        "visual." + key.removeprefix("embedder.model.visual."): tensor
        for key, tensor in published.items()
        if key.startswith("embedder.model.visual.")
    }
    text = {
        key.removeprefix("cond_stage_model.model."): tensor
        for key, tensor in published.items()
        if key.startswith("cond_stage_model.model.")
    }
    return {**text, **vision}


def transformers_layout(published: Tensors) -> tuple[Tensors, Tensors]:
    """The towers as text and vision model of Hugging Face's transformers name them."""
    names = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
    others = {
        "token_embedding.weight": "embeddings.token_embedding.weight",
        "class_embedding": "embeddings.class_embedding",
        "conv1.weight": "embeddings.patch_embedding.weight",
        "positional_embedding": "embeddings.position_embedding.weight",
        "ln_pre.weight": "pre_layrnorm.weight",
        "ln_pre.bias": "pre_layrnorm.bias",
        "ln_final.weight": "final_layer_norm.weight",
        "ln_final.bias": "final_layer_norm.bias",
        "ln_post.weight": "post_layernorm.weight",
        "ln_post.bias": "post_layernorm.bias",
    }

    def tower(prefix: str, name: str) -> Tensors:
        renamed: Tensors = {}
        for key, tensor in published.items():
            stem = key.removeprefix(prefix)
            if stem == key or stem in ("text_projection", "logit_scale", "proj"):
                continue
            if not stem.startswith("transformer.resblocks."):
                renamed[f"{name}.{others[stem]}"] = tensor
                continue
            _, _, index, part = stem.split(".", 3)
            layer = f"{name}.encoder.layers.{index}."
            if part.startswith("attn.in_proj_"):
                for letter, piece in zip("qkv", tensor.chunk(3), strict=True):
                    renamed[f"{layer}self_attn.{letter}_proj.{part.removeprefix('attn.in_proj_')}"] = piece
            elif part.startswith("attn.out_proj."):
                renamed[layer + "self_" + part] = tensor
            else:
                block, kind = part.rsplit(".", 1)
                renamed[f"{layer}{names[block]}.{kind}"] = tensor
        return {key: tensor.contiguous() for key, tensor in renamed.items()}

    text = tower(PREFIXES["text_tower"], "text_model")
    text["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    vision = tower(PREFIXES["vision_tower"], "vision_model")
    vision["visual_projection.weight"] = torch.zeros(8, 16)
    return text, vision
