"""The U-Net's transformers: over the places of each frame, and over the frames of each place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from .attention import ContextKeysValues, CrossAttention, FeedForward, SelfAttention
from .normalisation import GroupNorm, LayerNorm


class SpatialBlock(nn.Module):
    """Self attention, cross attention to the context, feed-forward; each on a layer norm, each added."""

    def __init__(
        self, width: int, context_width: int, heads: int, head_width: int, *, image_attention: bool
    ) -> None:
        super().__init__()
        self.attn1 = SelfAttention(width, heads, head_width)
        self.attn2 = CrossAttention(width, context_width, heads, head_width, image_attention=image_attention)
        self.ff = FeedForward(width)
        self.norm1 = LayerNorm(width)
        self.norm2 = LayerNorm(width)
        self.norm3 = LayerNorm(width)

    def forward(self, tokens: Tensor, context: ContextKeysValues) -> Tensor:
        """(batch * frames, height * width, channels) -> the same shape."""
        tokens = tokens + self.attn1(self.norm1(tokens))
        tokens = tokens + self.attn2(self.norm2(tokens), context)
        tokens = tokens + self.ff(self.norm3(tokens))
        return tokens


class SpatialTransformer(nn.Module):
    """A transformer over the places of each frame, with cross attention to the context."""

    def __init__(
        self, channels: int, context_width: int, head_width: int, depth: int, *, image_attention: bool
    ) -> None:
        super().__init__()
        heads = channels // head_width
        inner = heads * head_width
        self.norm = GroupNorm(channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, inner)
        self.transformer_blocks = nn.ModuleList(
            SpatialBlock(inner, context_width, heads, head_width, image_attention=image_attention)
            for _ in range(depth)
        )
        self.proj_out = nn.Linear(inner, channels)

    def project_context(self, text: Tensor, image: Tensor | None = None) -> tuple[ContextKeysValues, ...]:
        """Return each block's keys and values of the context (see `CrossAttention.project_context`)."""
        blocks = cast(Iterable[SpatialBlock], self.transformer_blocks)
        return tuple(block.attn2.project_context(text, image) for block in blocks)

    def forward(self, features: Tensor, context: tuple[ContextKeysValues, ...]) -> Tensor:
        """(batch * frames, channels, height, width) -> the same shape."""
        height = features.shape[2]
        tokens = self.proj_in(rearrange(self.norm(features), "b c h w -> b (h w) c"))
        for block, block_context in zip(self.transformer_blocks, context, strict=True):
            tokens = block(tokens, block_context)
        output: Tensor = features + rearrange(self.proj_out(tokens), "b (h w) c -> b c h w", h=height)
        return output


class TemporalBlock(nn.Module):
    """Self attention over the frames, twice, and feed-forward; each on a layer norm, each added."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.attn1 = SelfAttention(width, heads, head_width)
        self.attn2 = SelfAttention(width, heads, head_width)
        self.ff = FeedForward(width)
        self.norm1 = LayerNorm(width)
        self.norm2 = LayerNorm(width)
        self.norm3 = LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(places, frames, channels) -> the same shape."""
        tokens = tokens + self.attn1(self.norm1(tokens))
        tokens = tokens + self.attn2(self.norm2(tokens))
        tokens = tokens + self.ff(self.norm3(tokens))
        return tokens


class PointwiseConvolution(nn.Conv1d):
    """A linear layer over the last axis whose weight is stored as a convolution of length one."""

    def __init__(self, width: int, output_width: int) -> None:
        super().__init__(width, output_width, kernel_size=1)

    def forward(self, input: Tensor) -> Tensor:
        """(…, width) -> (…, output width)."""
        return functional.linear(input, self.weight.squeeze(-1), self.bias)


class TemporalTransformer(nn.Module):
    """A transformer over the frames of each place.

    It has no position code: frames differ only by what convolutions, key-frame latents and image tokens put there.
    projection: the layer that leads into and out of the transformer.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        head_width: int,
        depth: int,
        *,
        projection: type[nn.Linear] | type[PointwiseConvolution] = nn.Linear,
    ) -> None:
        super().__init__()
        inner = heads * head_width
        self.norm = GroupNorm(channels, eps=1e-6)
        self.proj_in = projection(channels, inner)
        self.transformer_blocks = nn.ModuleList(TemporalBlock(inner, heads, head_width) for _ in range(depth))
        self.proj_out = projection(inner, channels)

    def forward(self, features: Tensor, frames: int) -> Tensor:
        """(batch * frames, channels, height, width) -> the same shape; the norm spans all frames."""
        height, width = features.shape[2:]
        normed = self.norm(rearrange(features, "(b t) c h w -> b c t h w", t=frames))
        tokens = self.proj_in(rearrange(normed, "b c t h w -> (b h w) t c"))
        for block in self.transformer_blocks:
            tokens = block(tokens)
        output = rearrange(self.proj_out(tokens), "(b h w) t c -> (b t) c h w", h=height, w=width)
        return features + cast(Tensor, output)
