"""The image-context projector: a picture's vision tokens in, context tokens for every frame out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from ..configuration import ImageProjectorConfiguration
from .attention import split_heads
from .normalisation import LayerNorm


class QueryAttention(nn.Module):
    """Cross attention of the queries to the picture's tokens and to themselves."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * head_width
        self.norm1 = LayerNorm(width)
        self.norm2 = LayerNorm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, width, bias=False)

    def forward(self, tokens: Tensor, queries: Tensor) -> Tensor:
        """tokens: (batch, tokens, width); queries: (batch, queries, width) -> the queries' shape."""
        tokens = self.norm1(tokens)
        queries = self.norm2(queries)
        keys, values = self.to_kv(torch.cat([tokens, queries], dim=1)).chunk(2, dim=-1)
        attended = functional.scaled_dot_product_attention(
            split_heads(self.to_q(queries), self.heads),
            split_heads(keys, self.heads),
            split_heads(values, self.heads),
        )
        output: Tensor = self.to_out(rearrange(attended, "b h n d -> b n (h d)"))
        return output


def _feed_forward(width: int, multiplier: int) -> nn.Sequential:
    return nn.Sequential(
        LayerNorm(width),
        nn.Linear(width, width * multiplier, bias=False),
        nn.GELU(),
        nn.Linear(width * multiplier, width, bias=False),
    )


class ImageProjector(nn.Module):
    """A perceiver resampler (Alayrac et al. 2022, arXiv 2204.14198) with queries of its own for every frame."""

    def __init__(self, sizes: ImageProjectorConfiguration) -> None:
        super().__init__()
        queries = sizes.num_queries * sizes.video_length
        self.latents = nn.Parameter(torch.empty(1, queries, sizes.dim))
        nn.init.normal_(self.latents, std=sizes.dim**-0.5)
        self.proj_in = nn.Linear(sizes.embedding_dim, sizes.dim)
        self.proj_out = nn.Linear(sizes.dim, sizes.output_dim)
        self.norm_out = LayerNorm(sizes.output_dim)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    QueryAttention(sizes.dim, sizes.heads, sizes.dim_head),
                    _feed_forward(sizes.dim, sizes.ff_mult),
                ]
            )
            for _ in range(sizes.depth)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, tokens, embedding_dim) -> (batch, video_length * num_queries, output_dim), frame by frame."""
        queries = self.latents.expand(tokens.shape[0], -1, -1)
        tokens = self.proj_in(tokens.to(self.latents.dtype))
        for attention, feed_forward in cast(Iterable[tuple[nn.Module, nn.Module]], self.layers):
            queries = queries + attention(tokens, queries)
            queries = queries + feed_forward(queries)
        output: Tensor = self.norm_out(self.proj_out(queries))
        return output
