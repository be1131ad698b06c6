"""The picture encoder: a picture in, its latent's distribution and the features on the way out."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from ..configuration import AutoencoderConfiguration
from .normalisation import GroupNorm

EPS = 1e-6


class PictureResBlock(nn.Module):
    """Two convolutions on group norms, added to the input."""

    def __init__(self, channels: int, output_channels: int, groups: int) -> None:
        super().__init__()
        self.norm1 = GroupNorm(channels, EPS, groups)
        self.conv1 = nn.Conv2d(channels, output_channels, 3, padding=1)
        self.norm2 = GroupNorm(output_channels, EPS, groups)
        self.conv2 = nn.Conv2d(output_channels, output_channels, 3, padding=1)
        if channels != output_channels:
            self.nin_shortcut = nn.Conv2d(channels, output_channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(frames, channels, height, width) -> (frames, output channels, height, width)."""
        hidden = self.conv1(functional.silu(self.norm1(features)))
        hidden = self.conv2(functional.silu(self.norm2(hidden)))
        shortcut = self.nin_shortcut(features) if hasattr(self, "nin_shortcut") else features
        output: Tensor = shortcut + hidden
        return output


class PictureAttention(nn.Module):
    """Attention with one head over the places of each frame."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = GroupNorm(channels, EPS, groups)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(frames, channels, height, width) -> the same shape."""
        height = features.shape[2]
        normed = self.norm(features)
        queries, keys, values = (
            rearrange(project(normed), "b c h w -> b 1 (h w) c") for project in (self.q, self.k, self.v)
        )
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        output: Tensor = features + self.proj_out(rearrange(attended, "b 1 (h w) c -> b c h w", h=height))
        return output


class PictureDownsample(nn.Module):
    """Halve height and width; the padding is on the right and at the bottom only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, features: Tensor) -> Tensor:
        """(frames, channels, height, width) -> (frames, channels, height // 2, width // 2)."""
        output: Tensor = self.conv(functional.pad(features, (0, 1, 0, 1)))
        return output


class Level(nn.Module):
    """The blocks of one resolution and, except at the last one, the way to the next."""

    def __init__(self, block: list[nn.Module], *, downsample: nn.Module | None = None) -> None:
        super().__init__()
        self.block = nn.ModuleList(block)
        self.downsample = downsample

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of this resolution and those at the start of the next."""
        for block in self.block:
            features = block(features)
        return features, features if self.downsample is None else self.downsample(features)


class Middle(nn.Module):
    """Block, attention, block at the coarsest resolution."""

    def __init__(self, channels: int, groups: int, block: type[PictureResBlock] = PictureResBlock) -> None:
        super().__init__()
        self.block_1 = block(channels, channels, groups)
        self.attn_1 = PictureAttention(channels, groups)
        self.block_2 = block(channels, channels, groups)


class Encoder(nn.Module):
    """The encoder of Stable Diffusion's autoencoder (Rombach et al. 2022, arXiv 2112.10752)."""

    def __init__(self, sizes: AutoencoderConfiguration) -> None:
        super().__init__()
        channels = sizes.ch
        self.conv_in = nn.Conv2d(sizes.in_channels, channels, 3, padding=1)
        levels = []
        for index, multiplier in enumerate(sizes.ch_mult):
            blocks: list[nn.Module] = []
            for _ in range(sizes.num_res_blocks):
                blocks.append(PictureResBlock(channels, multiplier * sizes.ch, sizes.norm_groups))
                channels = multiplier * sizes.ch
            is_last = index == len(sizes.ch_mult) - 1
            levels.append(Level(blocks, downsample=None if is_last else PictureDownsample(channels)))
        self.down = nn.ModuleList(levels)
        self.mid = Middle(channels, sizes.norm_groups)
        self.norm_out = GroupNorm(channels, EPS, sizes.norm_groups)
        self.conv_out = nn.Conv2d(channels, 2 * sizes.z_channels, 3, padding=1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Encode pictures (frames, 3, height, width) in -1..1.

        Returns the latents' moments (frames, 2 * z_channels, height / 8, width / 8) and the features that the
        decoder refers to: each level's last, finest first, then those of the very first convolution.
        """
        features = self.conv_in(pictures)
        first = features
        references = []
        for level in self.down:
            reference, features = level(features)
            references.append(reference)
        features = self.mid.block_2(self.mid.attn_1(self.mid.block_1(features)))
        moments = self.conv_out(functional.silu(self.norm_out(features)))
        return moments, [*references, first]
