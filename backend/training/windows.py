"""Training samples: which stretch of which clip the model sees at which moment of a run.

Everything that is drawn at random depends on the run's seed and the sample's number alone, so a run that goes on
after a break sees what it would have seen without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from ..engines.tooncrafter.preprocessing import model_range
from ..errors import UserError
from .dataset.index import ClipEntry, Split, pictures_of, read_index

#: Tells apart what is drawn for different purposes from one seed.
_ORDER, _WINDOW = 1, 2


@dataclass(frozen=True)
class Window:
    """Frames of a clip as a training sample.

    clip: its name in the dataset. first, stride: which frames of it. pictures: (frames, 3, height, width) in -1..1.
    fps: frames per second that these frames would have.
    """

    clip: str
    first: int
    stride: int
    pictures: Tensor
    fps: float
    caption: str


@dataclass(frozen=True)
class Batch:
    """Windows side by side: pictures (batch, frames, 3, height, width), fps (batch,); keys tell windows apart."""

    keys: tuple[tuple[str, int, int], ...]
    pictures: Tensor
    fps: Tensor
    captions: tuple[str, ...]


def collate(windows: list[Window]) -> Batch:
    """Lay windows side by side."""
    return Batch(
        keys=tuple((window.clip, window.first, window.stride) for window in windows),
        pictures=torch.stack([window.pictures for window in windows]),
        fps=torch.tensor([window.fps for window in windows]),
        captions=tuple(window.caption for window in windows),
    )


class Windows(Dataset[Window]):
    """The samples of a run, by their number since its beginning: epoch after epoch, each in an order of its own.

    frames: of a window; 1 for single pictures. strides: 1 to this many frames from one to the next.
    Raises UserError: what `read_index` raises, "dataset-too-small" when no clip is long enough.
    """

    def __init__(self, dataset: Path, split: Split, *, frames: int, strides: int, seed: int) -> None:
        self._dataset, self._frames, self._strides, self._seed = dataset, frames, strides, seed
        self.index = read_index(dataset)
        self.clips = [clip for clip in self.index.of(split) if clip.frames >= frames]
        if not self.clips:
            raise UserError(
                "dataset-too-small",
                f"The dataset “{dataset}” has no clip of {frames} or more frames in its part “{split}”.",
                "Build it from more material; `tooncrafter dataset show` tells what was left out and why.",
            )

    def __len__(self) -> int:
        """Return how many clips one epoch has."""
        return len(self.clips)

    def __getitem__(self, sample: int) -> Window:
        """Return a sample by its number, which may go on for ever."""
        epoch, place = divmod(sample, len(self.clips))
        order = np.random.default_rng([self._seed, _ORDER, epoch]).permutation(len(self.clips))
        random = np.random.default_rng([self._seed, _WINDOW, sample])
        clip = self.clips[order[place]]
        steps = max(self._frames - 1, 1)
        stride = int(random.integers(1, max(1, min(self._strides, (clip.frames - 1) // steps)) + 1))
        first = int(random.integers(0, clip.frames - (self._frames - 1) * stride))
        return self._window(clip, first, stride)

    def whole(self, number: int) -> Window:
        """Return the clip of that number from its first frame on, without gaps: for samples that stay the same."""
        return self._window(self.clips[number], 0, 1)

    def _window(self, clip: ClipEntry, first: int, stride: int) -> Window:
        paths = pictures_of(self._dataset, clip)[first : first + (self._frames - 1) * stride + 1 : stride]
        pictures = torch.stack([self._picture(path) for path in paths])
        return Window(clip.name, first, stride, pictures, clip.fps / stride, clip.caption)

    def _picture(self, path: Path) -> Tensor:
        try:
            with Image.open(path) as image:
                pixels = np.array(image.convert("RGB"))
        except OSError as error:
            raise UserError(
                "dataset-damaged",
                f"The picture “{path}” of the dataset cannot be read ({error}).",
                "Build the dataset again with `tooncrafter dataset build`.",
            ) from error
        if pixels.shape[:2] != (self.index.height, self.index.width):
            raise UserError(
                "dataset-damaged",
                f"The picture “{path}” of the dataset is {pixels.shape[1]}×{pixels.shape[0]} pixels, not "
                f"{self.index.width}×{self.index.height}.",
                "Build the dataset again with `tooncrafter dataset build`.",
            )
        return model_range(pixels)
