"""The decoder: a clip's latents and the two keys' features in, pictures out.

Layers inside a frame can run on a few frames at a time, and layers across frames on a few rows of every frame, with
the same result as all at once; only the norm's statistics need the whole clip (`ClipGroupNorm`). In pieces there
are never more than two whole clips in memory: each piece of a result takes the place of what it was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from ..configuration import AutoencoderConfiguration
from .attention import KeysValues, attend, split_heads
from .convolution import AcrossFrames, Upsample
from .encoder import EPS, Middle, PictureResBlock
from .normalisation import ClipGroupNorm, GroupNorm


def in_pieces(
    function: Callable[[Tensor], Tensor],
    clip: Tensor,
    size: int | None,
    dim: int = 0,
    into: Tensor | None = None,
) -> Tensor:
    """Apply a function to pieces of a clip, `size` long along `dim`; None for the whole clip at once.

    into: where the result goes if there are pieces, which spares a clip's worth of memory; it may be the clip
    itself. Not for training, whose gradients need what would be overwritten.
    """
    if size is None:
        return function(clip)
    done = 0
    for piece in torch.split(clip, size, dim):
        made = function(piece)
        if into is None:
            # Made at once and filled: joining pieces afterwards would keep everything twice.
            into = made.new_empty([*made.shape[:dim], clip.shape[dim], *made.shape[dim + 1 :]])
        into.narrow(dim, done, made.shape[dim]).copy_(made)
        done += made.shape[dim]
        del made
    assert into is not None
    return into


class TimeStack(nn.Module):
    """Two convolutions across frames on norms of the whole clip."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()

        def convolution(*before: nn.Module) -> nn.Sequential:
            return nn.Sequential(ClipGroupNorm(channels, groups=groups), nn.SiLU(), *before, AcrossFrames(channels))

        self.in_layers = convolution()
        self.out_layers = convolution(nn.Identity())

    def forward(self, clip: Tensor, share: Tensor, rows_at_once: int | None = None) -> Tensor:
        """Add a share (1,) of the convolved clip to the clip (frames, channels, height, width).

        With rows_at_once the result takes the clip's place.
        """
        hidden = in_pieces(_convolution(self.in_layers, clip), clip, rows_at_once, dim=2)
        convolve = _convolution(self.out_layers, hidden)
        if rows_at_once is None:
            return torch.addcmul(clip, share, convolve(hidden))
        for rows, hidden_rows in zip(
            torch.split(clip, rows_at_once, 2), torch.split(hidden, rows_at_once, 2), strict=True
        ):
            rows.addcmul_(share, convolve(hidden_rows))
        return clip


def _convolution(layers: nn.Sequential, clip: Tensor) -> Callable[[Tensor], Tensor]:
    """Return norm, activation and convolution across frames, to be applied to rows of every frame of that clip."""
    norm, convolution = layers[0], layers[-1]
    assert isinstance(norm, ClipGroupNorm)
    scale, shift = norm.scale_and_shift(clip)

    def convolve(rows: Tensor) -> Tensor:
        activated = functional.silu((rows * scale + shift).to(rows.dtype))
        convolved: Tensor = convolution(rearrange(activated, "t c h w -> 1 c t h w"))
        return rearrange(convolved, "1 c t h w -> t c h w")

    return convolve


class ClipResBlock(PictureResBlock):
    """A picture block, then convolutions across frames in a learned proportion."""

    def __init__(self, channels: int, output_channels: int, groups: int) -> None:
        super().__init__(channels, output_channels, groups)
        self.mix_factor = nn.Parameter(torch.zeros(1))
        self.time_stack = TimeStack(output_channels, groups)

    def forward(
        self, features: Tensor, frames_at_once: int | None = None, upsample: nn.Module | None = None
    ) -> Tensor:
        """(frames, channels, height, width) -> (frames, output channels, height, width).

        upsample: enlarges each frame first; here, so that the enlarged clip, the largest of all, need not exist as
        a whole. With frames_at_once the result takes the features' place where it fits there.

        With s the picture block's output and r the time stack's, the published mix of s + r and s in proportion
        sigmoid(mix factor) is s + sigmoid(mix factor) * r.
        """
        picture_block = super().forward

        def draw(frames: Tensor) -> Tensor:
            return picture_block(frames if upsample is None else upsample(frames))

        fits = upsample is None and not hasattr(self, "nin_shortcut")
        clip = in_pieces(draw, features, frames_at_once, into=features if fits else None)
        stacked: Tensor = self.time_stack(clip, torch.sigmoid(self.mix_factor), _rows_at_once(clip, frames_at_once))
        return stacked


def _rows_at_once(clip: Tensor, frames_at_once: int | None) -> int | None:
    """Return how many rows of every frame are about as much as `frames_at_once` whole frames."""
    if frames_at_once is None:
        return None
    frames, height = clip.shape[0], clip.shape[2]
    return max(1, height * frames_at_once // frames)


class Combiner(nn.Module):
    """Adds the keys' features to the first and the last frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, clip: Tensor, references: Tensor, frames_at_once: int | None = None) -> Tensor:
        """clip: (frames, channels, height, width); references: (2, channels, height, width).

        With frames_at_once the result takes the clip's place.
        """
        first, last = self.conv(references)
        combined = clip.clone() if frames_at_once is None else clip
        combined[0] += first
        combined[-1] += last
        return combined


class Fusion(nn.Module):
    """Cross attention of every frame to the places of both keys, added."""

    def __init__(self, channels: int, heads: int, head_width: int, groups: int) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * head_width
        self.norm = GroupNorm(channels, EPS, groups)
        self.to_q = nn.Linear(channels, inner, bias=False)
        self.to_k = nn.Linear(channels, inner, bias=False)
        self.to_v = nn.Linear(channels, inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, channels))

    def forward(self, clip: Tensor, references: Tensor, frames_at_once: int | None = None) -> Tensor:
        """clip: (frames, channels, height, width); references: (2, channels, height, width).

        With frames_at_once the result takes the clip's place.
        """
        places = rearrange(references, "k c h w -> 1 (k h w) c")
        context = KeysValues(split_heads(self.to_k(places), self.heads), split_heads(self.to_v(places), self.heads))

        def fuse(frames: Tensor) -> Tensor:
            tokens = rearrange(self.norm(frames), "t c h w -> t (h w) c")
            attended = attend(split_heads(self.to_q(tokens), self.heads), context)
            added: Tensor = self.to_out(rearrange(attended, "t n p d -> t p (n d)"))
            return frames + rearrange(added, "t (h w) c -> t c h w", h=frames.shape[2])

        return in_pieces(fuse, clip, frames_at_once, into=clip)


class TimeMixedConvolution(nn.Conv2d):
    """A convolution in each frame, then one across frames."""

    def __init__(self, channels: int, output_channels: int) -> None:
        super().__init__(channels, output_channels, 3, padding=1)
        self.time_mix_conv = AcrossFrames(output_channels)

    def forward(self, input: Tensor, frames_at_once: int | None = None) -> Tensor:
        """(frames, channels, height, width) -> (frames, output channels, height, width)."""
        clip = in_pieces(super().forward, input, frames_at_once)
        mixed: Tensor = self.time_mix_conv(rearrange(clip, "t c h w -> 1 c t h w"))
        return rearrange(mixed, "1 c t h w -> t c h w")


class DecoderLevel(nn.Module):
    """The blocks of one resolution and, except at the finest, the way to the next finer."""

    def __init__(self, block: list[nn.Module], upsample: nn.Module | None) -> None:
        super().__init__()
        self.block = nn.ModuleList(block)
        self.upsample = upsample


class DualReferenceDecoder(nn.Module):
    """The dual-reference 3D decoder (Xing et al. 2024, arXiv 2405.17933, section 3.3)."""

    def __init__(self, sizes: AutoencoderConfiguration) -> None:
        super().__init__()
        channels = sizes.ch_mult[-1] * sizes.ch
        self.conv_in = nn.Conv2d(sizes.z_channels, channels, 3, padding=1)
        self.mid = Middle(channels, sizes.norm_groups, ClipResBlock)
        levels: list[nn.Module] = []
        refinements: list[nn.Module] = []
        for index in reversed(range(len(sizes.ch_mult))):
            blocks: list[nn.Module] = []
            for _ in range(sizes.num_res_blocks + 1):
                blocks.append(ClipResBlock(channels, sizes.ch_mult[index] * sizes.ch, sizes.norm_groups))
                channels = sizes.ch_mult[index] * sizes.ch
            levels.insert(0, DecoderLevel(blocks, Upsample(channels) if index else None))
            refinements.insert(
                0,
                Fusion(channels, sizes.fusion_heads, sizes.fusion_dim_head, sizes.norm_groups)
                if index in sizes.attn_level
                else Combiner(channels),
            )
        self.up = nn.ModuleList(levels)
        self.attn_refinement = nn.ModuleList([*refinements, Combiner(channels)])
        self.norm_out = GroupNorm(channels, EPS, sizes.norm_groups)
        self.conv_out = TimeMixedConvolution(channels, sizes.out_ch)

    def forward(
        self, latents: Tensor, references: Sequence[Tensor] | None, frames_at_once: int | None = None
    ) -> Tensor:
        """Decode a clip whose first and last frame are the keys.

        latents: (frames, z_channels, height, width), already divided by the scale factor. references: the encoder's
        features of both keys, each (2, channels, …), as `Encoder` returns them; None to decode without.
        frames_at_once: bounds the memory of intermediate results; None for all at once.
        Returns (frames, 3, 8 * height, 8 * width), nominally -1..1, not clamped.
        """

        def refine(clip: Tensor, index: int) -> Tensor:
            if references is None:
                return clip
            refined: Tensor = self.attn_refinement[index](clip, references[index], frames_at_once)
            return refined

        def activate(clip: Tensor) -> Tensor:
            return functional.silu(self.norm_out(clip))

        clip = self.conv_in(latents)
        clip = self.mid.block_1(clip, frames_at_once)
        clip = in_pieces(self.mid.attn_1, clip, frames_at_once, into=clip)
        clip = self.mid.block_2(clip, frames_at_once)
        upsample: nn.Module | None = None
        for index, level in reversed(list(enumerate(cast(Iterable[DecoderLevel], self.up)))):
            for block in level.block:
                clip = block(clip, frames_at_once, upsample)
                upsample = None
            clip = refine(clip, index)
            upsample = level.upsample
        clip = refine(in_pieces(activate, clip, frames_at_once, into=clip), len(self.up))
        output: Tensor = self.conv_out(clip, frames_at_once)
        return output
