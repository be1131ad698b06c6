"""What the training loop knows of a stage: players with their parameters, and the loss of each on a batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from ..engines.tooncrafter.model import ToonCrafter
from ..engines.tooncrafter.network import SketchEncoder
from .configuration import TrainingConfiguration
from .draws import Draws
from .parameter_groups import ParameterGroup
from .windows import Batch


@dataclass(frozen=True)
class Loss:
    """What to minimise, and the numbers to show of it."""

    total: Tensor
    parts: Mapping[str, Tensor]


@dataclass(frozen=True)
class Player:
    """Parameters with an optimiser of their own.

    shares: of the learning rate, for those that are to change less than the others, such as layers that an earlier
    training has brought to where they are.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    learning_rate: float
    shares: Mapping[nn.Parameter, float] = field(default_factory=dict)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return all parameters, those of one share together with it."""
        groups: dict[float, list[nn.Parameter]] = {}
        for parameter in self.parameters:
            groups.setdefault(self.shares.get(parameter, 1.0), []).append(parameter)
        return [(parameters, share) for share, parameters in groups.items()]


@dataclass
class Materials:
    """What every stage works with; the sketch encoder where there is one."""

    configuration: TrainingConfiguration
    model: ToonCrafter
    sketch_encoder: SketchEncoder | None = None


class Stage(nn.Module):
    """One kind of training.

    Its players take turns within every step; one is usual, two where a critic plays against the network.
    window: frames of a training sample; None for a whole clip of the model.
    """

    window: int | None = None
    groups: Sequence[ParameterGroup]
    players: Sequence[Player]

    def __init__(self, materials: Materials) -> None:
        super().__init__()
        self.materials = materials
        #: All parts of the model, so that they are placed on the device together.
        self.parts = nn.ModuleDict(dict(materials.model.parts()))
        if materials.sketch_encoder is not None:
            self.parts["sketch_encoder"] = materials.sketch_encoder

    def own_buffers(self) -> Mapping[str, Tensor]:
        """Return what the stage itself counts as it goes, to be kept in its state."""
        return dict(self.named_buffers(recurse=False))

    @abstractmethod
    def forward(self, batch: Batch, draws: Draws, player: str, step: int) -> Loss:
        """Return the player's loss on a batch; step counts from 0."""

    @abstractmethod
    def show(self, batch: Batch, draws: Draws) -> Tensor:
        """Return rows of pictures (rows, columns, 3, height, width) in -1..1 that tell a person how it goes."""

    @abstractmethod
    def export(self, folder: Path) -> list[Path]:
        """Write the weights as they are now in the engine's own format; returns the files."""
