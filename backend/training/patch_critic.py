"""A critic that looks at patches: does this patch come from a true picture?"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

#: Groups of channels whose statistics are normalised together.
_GROUPS = 8


class PatchCritic(nn.Module):
    """A small convolutional network with one verdict per patch (Isola et al. 2017, arXiv 1611.07004).

    Group norm instead of batch norm: verdicts do not depend on which pictures come together.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for factor in (1, 2):
            layers += [
                nn.Conv2d(channels * factor, channels * factor * 2, 4, stride=2 if factor == 1 else 1, padding=1),
                nn.GroupNorm(_GROUPS, channels * factor * 2),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels * 4, 1, 4, padding=1))

    def forward(self, pictures: Tensor) -> Tensor:
        """(rows, 3, height, width) in -1..1 -> (rows, 1, about height / 4, about width / 4); large means true."""
        verdicts: Tensor = self.layers(pictures)
        return verdicts


def critic_loss(true: Tensor, made: Tensor) -> Tensor:
    """Return the critic's hinge loss (Lim and Ye 2017, arXiv 1705.02894) of its verdicts."""
    return (functional.relu(1 - true).mean() + functional.relu(1 + made).mean()) / 2


def deceit_loss(made: Tensor) -> Tensor:
    """Return the decoder's loss: how far the critic sees through its pictures."""
    return -made.mean()
