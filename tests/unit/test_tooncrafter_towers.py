"""Our CLIP towers are open_clip's: same keys, same numbers, without importing it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from backend.engines.tooncrafter.checkpoint_keys import PREFIXES, wanted_keys
from backend.engines.tooncrafter.configuration import (
    TextTowerConfiguration,
    VisionTowerConfiguration,
    read_configuration,
)
from backend.engines.tooncrafter.network import TextTower, VisionTower
from backend.engines.tooncrafter.tokenizer import tokenize


@pytest.fixture(scope="module")
def tiny_clip() -> Any:
    """open_clip's own model, tiny and random."""
    from open_clip.model import CLIP

    torch.manual_seed(11)
    model = CLIP(
        embed_dim=24,
        vision_cfg={"image_size": 56, "patch_size": 14, "width": 48, "head_width": 16, "layers": 3},
        text_cfg={"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 3},
    ).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@torch.inference_mode()
def test_the_text_tower_gives_open_clips_last_but_one_layer(tiny_clip: Any) -> None:
    tower = TextTower(
        TextTowerConfiguration(context_length=77, vocab_size=49408, width=32, heads=4, layers=3)
    ).eval()
    state = tiny_clip.state_dict()
    tower.load_state_dict({key: state[key] for key in tower.state_dict()})
    tokens = tokenize(["a girl turns her head", ""], 77)

    hidden = tiny_clip.token_embedding(tokens) + tiny_clip.positional_embedding
    for block in tiny_clip.transformer.resblocks[:-1]:
        hidden = block(hidden, attn_mask=tiny_clip.attn_mask)
    assert torch.allclose(tower(tokens), tiny_clip.ln_final(hidden), atol=1e-4)


@torch.inference_mode()
def test_the_vision_tower_gives_open_clips_tokens(tiny_clip: Any) -> None:
    sizes = VisionTowerConfiguration(image_size=56, patch_size=14, width=48, head_width=16, layers=3)
    tower = VisionTower(sizes).eval()
    state = tiny_clip.visual.state_dict()
    tower.load_state_dict({key: state[key] for key in tower.state_dict()})
    pixels = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(12))

    visual = tiny_clip.visual
    expected = visual.transformer(visual._embeds(pixels))
    assert torch.allclose(tower(pixels), expected, atol=1e-4)


def test_open_clips_full_size_model_has_our_keys_and_shapes() -> None:
    """So that OpenCLIP's own file can complete a pruned one."""
    import open_clip

    with torch.device("meta"):
        state = open_clip.create_model("ViT-H-14", pretrained=None, device="meta").state_dict()
    wanted = wanted_keys(read_configuration())
    for part, prefix in (("text_tower", ""), ("vision_tower", "visual.")):
        keys = {key: shape for key, shape in wanted.items() if key.startswith(PREFIXES[part])}
        assert keys
        for key, shape in keys.items():
            assert tuple(state[prefix + key.removeprefix(PREFIXES[part])].shape) == shape


def test_tokenizing_does_not_import_open_clip_or_torchvision() -> None:
    program = (
        "import sys\n"
        "from backend.engines.tooncrafter.tokenizer import tokenize\n"
        "from backend.engines.tooncrafter import pipeline, checkpoint\n"
        "assert tokenize(['a'], 77).shape == (1, 77)\n"
        "assert not {'open_clip', 'torchvision', 'torch._dynamo'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
