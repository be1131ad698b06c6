"""The text and vision towers of OpenCLIP ViT-H/14, without the parts that ToonCrafter does not run.

They equal open_clip's own modules (a test compares them), without importing that package: it brings torchvision and
torch's compiler along, which take as long to import as torch itself.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from ..configuration import TextTowerConfiguration, VisionTowerConfiguration
from .attention import split_heads
from .normalisation import LayerNorm

#: The text context is the output of the block before the last, which is therefore left out.
UNUSED_TEXT_BLOCKS = 1


class FusedSelfAttention(nn.Module):
    """Multi-head self attention whose three input projections are one matrix."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, tokens: Tensor, *, causal: bool) -> Tensor:
        """(batch, tokens, width) -> the same shape; causal: a token sees only itself and those before it."""
        queries, keys, values = (
            split_heads(part, self.heads)
            for part in functional.linear(tokens, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        )
        attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=causal)
        output: Tensor = self.out_proj(rearrange(attended, "b h n d -> b n (h d)"))
        return output


class FourfoldPerceptron(nn.Module):
    """Two linear layers around a GELU, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(…, width) -> the same shape."""
        output: Tensor = self.c_proj(functional.gelu(self.c_fc(tokens)))
        return output


class TowerBlock(nn.Module):
    """Self attention and perceptron; each on a layer norm, each added."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = LayerNorm(width)
        self.attn = FusedSelfAttention(width, heads)
        self.ln_2 = LayerNorm(width)
        self.mlp = FourfoldPerceptron(width)

    def forward(self, tokens: Tensor, *, causal: bool) -> Tensor:
        """(batch, tokens, width) -> the same shape."""
        tokens = tokens + self.attn(self.ln_1(tokens), causal=causal)
        tokens = tokens + self.mlp(self.ln_2(tokens))
        return tokens


class Transformer(nn.Module):
    """Blocks one after the other."""

    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(TowerBlock(width, heads) for _ in range(layers))

    def forward(self, tokens: Tensor, *, causal: bool = False) -> Tensor:
        """(batch, tokens, width) -> the same shape."""
        for block in self.resblocks:
            tokens = block(tokens, causal=causal)
        return tokens


class TextTower(nn.Module):
    """Turns token numbers into the text part of the context."""

    def __init__(self, sizes: TextTowerConfiguration) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(sizes.vocab_size, sizes.width)
        self.positional_embedding = nn.Parameter(torch.zeros(sizes.context_length, sizes.width))
        self.transformer = Transformer(sizes.width, sizes.heads, sizes.layers - UNUSED_TEXT_BLOCKS)
        self.ln_final = LayerNorm(sizes.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token numbers (batch, context length) -> (batch, context length, width)."""
        embedded = self.token_embedding(tokens) + self.positional_embedding
        output: Tensor = self.ln_final(self.transformer(embedded, causal=True))
        return output


class VisionTower(nn.Module):
    """Turns a picture into tokens: one for the whole, then one for each patch."""

    def __init__(self, sizes: VisionTowerConfiguration) -> None:
        super().__init__()
        patches = (sizes.image_size // sizes.patch_size) ** 2
        self.image_size = sizes.image_size
        self.class_embedding = nn.Parameter(torch.zeros(sizes.width))
        self.positional_embedding = nn.Parameter(torch.zeros(1 + patches, sizes.width))
        self.conv1 = nn.Conv2d(3, sizes.width, sizes.patch_size, stride=sizes.patch_size, bias=False)
        self.ln_pre = LayerNorm(sizes.width)
        self.transformer = Transformer(sizes.width, sizes.width // sizes.head_width, sizes.layers)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (batch, 3, image size, image size) -> (batch, 1 + patches, width).

        See `preprocessing.clip_pixels`.
        """
        patches = rearrange(self.conv1(pixels.to(self.conv1.weight.dtype)), "b c h w -> b (h w) c")
        whole = self.class_embedding.expand(patches.shape[0], 1, -1)
        tokens = torch.cat([whole, patches], dim=1) + self.positional_embedding
        output: Tensor = self.transformer(self.ln_pre(tokens))
        return output
