"""Attention and feed-forward layers, all on torch's scaled dot product attention."""

from __future__ import annotations

from dataclasses import dataclass

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class KeysValues:
    """What a query attends to: keys and values, each (batch, heads, tokens, head width)."""

    keys: Tensor
    values: Tensor


@dataclass(frozen=True)
class ContextKeysValues:
    """A cross attention's keys and values of the prompt and, if it tells them apart, of the key pictures.

    text: (batch, …), seen by every frame. image: (batch * frames, …) where each frame has its own, else (batch, …).
    """

    text: KeysValues
    image: KeysValues | None = None


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """(batch, tokens, heads * width) -> (batch, heads, tokens, width)."""
    return rearrange(tokens, "b n (h d) -> b h n d", h=heads)


def attend(queries: Tensor, context: KeysValues) -> Tensor:
    """Attend; queries (rows, heads, tokens, width) -> the same shape.

    Rows may be a multiple of the context's batch, batch slowest: those rows are frames that share one context, and
    are laid side by side as one long row instead of repeating the keys.
    """
    frames = queries.shape[0] // context.keys.shape[0]
    side_by_side = rearrange(queries, "(b t) h n d -> b h (t n) d", t=frames)
    attended = functional.scaled_dot_product_attention(side_by_side, context.keys, context.values)
    return rearrange(attended, "b h (t n) d -> (b t) h n d", t=frames)


class SelfAttention(nn.Module):
    """Multi-head attention of tokens among themselves."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * head_width
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_k = nn.Linear(width, inner, bias=False)
        self.to_v = nn.Linear(width, inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, tokens, width) -> the same shape."""
        queries, keys, values = (
            split_heads(project(tokens), self.heads) for project in (self.to_q, self.to_k, self.to_v)
        )
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        output: Tensor = self.to_out(rearrange(attended, "b h n d -> b n (h d)"))
        return output


class CrossAttention(nn.Module):
    """Attention to the context, whose keys and values are made once (`project_context`) and then reused.

    With image_attention the key pictures' tokens have keys and values of their own; the two results are summed.
    """

    def __init__(
        self, width: int, context_width: int, heads: int, head_width: int, *, image_attention: bool
    ) -> None:
        super().__init__()
        self.heads = heads
        self.image_attention = image_attention
        inner = heads * head_width
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_k = nn.Linear(context_width, inner, bias=False)
        self.to_v = nn.Linear(context_width, inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, width))
        if image_attention:
            self.to_k_ip = nn.Linear(context_width, inner, bias=False)
            self.to_v_ip = nn.Linear(context_width, inner, bias=False)

    def project_context(self, text: Tensor, image: Tensor | None = None) -> ContextKeysValues:
        """Return the keys and values of text (batch, tokens, context width) and image tokens, if it sees those."""

        def project(tokens: Tensor, to_keys: nn.Module, to_values: nn.Module) -> KeysValues:
            return KeysValues(split_heads(to_keys(tokens), self.heads), split_heads(to_values(tokens), self.heads))

        if image is None or not self.image_attention:
            return ContextKeysValues(project(text, self.to_k, self.to_v))
        return ContextKeysValues(project(text, self.to_k, self.to_v), project(image, self.to_k_ip, self.to_v_ip))

    def forward(self, tokens: Tensor, context: ContextKeysValues) -> Tensor:
        """(batch * frames, tokens, width) -> the same shape."""
        queries = split_heads(self.to_q(tokens), self.heads)
        attended = attend(queries, context.text)
        if context.image is not None:
            attended = attended + attend(queries, context.image)
        output: Tensor = self.to_out(rearrange(attended, "b h n d -> b n (h d)"))
        return output


class GatedProjection(nn.Module):
    """GEGLU: one half of a projection, gated by the GELU of the other (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, tokens: Tensor) -> Tensor:
        """(…, width) -> (…, inner)."""
        value, gate = self.proj(tokens).chunk(2, dim=-1)
        # In place: nothing in a run is larger than this layer's numbers at the finest level.
        gated: Tensor = functional.gelu(gate).mul_(value)
        return gated


class FeedForward(nn.Module):
    """Two linear layers around a GEGLU, four times as wide inside."""

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        inner = 4 * width
        self.net = nn.Sequential(GatedProjection(width, inner), nn.Dropout(dropout), nn.Linear(inner, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(…, width) -> the same shape."""
        output: Tensor = self.net(tokens)
        return output
