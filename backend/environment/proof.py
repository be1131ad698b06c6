"""Proves, from inside a new environment, that it can do its work: `python -m backend.environment.proof LEVEL`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .plan import Level


def main(arguments: Sequence[str]) -> int:
    """Import what the level is for and let it do a little; any exception is the answer."""
    level = Level(arguments[0])
    _draw()
    if level is Level.DIFFUSION:
        _compute()
    return 0


class _Quiet:
    """An engine's report that nobody reads."""

    def stage(self, name: str) -> None:
        """Ignore it."""

    def progress(self, step: int, of: int) -> None:
        """Ignore it."""

    def warn(self, sentence: str, *, time: float | None = None) -> None:
        """Ignore it."""

    def note(self, key: str, value: object) -> None:
        """Ignore it."""

    def preview(self, pictures: object) -> None:
        """Ignore it."""


def _draw() -> None:
    """Have the draft engine draw one small picture; that needs every package of the core."""
    import av  # noqa: F401 - only has to be there
    import numpy as np
    import PIL.Image
    import scenedetect  # noqa: F401 - and this
    import tqdm  # noqa: F401 - and this

    from ..contract.job import Settings
    from ..engines import Interval, open_engine

    keys = []
    for left in (12, 24):
        picture = np.ones((48, 64, 4), np.float32)
        picture[16:32, left : left + 16, :3] = (0.8, 0.1, 0.1)
        keys.append(picture)
    interval = Interval(keys[0], keys[1], (0.5,))
    (frame,) = open_engine("draft").inbetween(interval, Settings(), _Quiet())
    assert frame.picture.shape == keys[0].shape and np.isfinite(frame.picture).all()
    PIL.Image.fromarray((frame.picture * 255).astype(np.uint8)).convert("RGB")


def _compute() -> None:
    """Convolve on the best device and import what the diffusion engine stands on."""
    import einops
    import omegaconf
    import torch
    from safetensors.torch import load, save

    from ..engines.tooncrafter.tokenizer import tokenize

    device = "cuda" if torch.cuda.is_available() else "cpu"
    picture = torch.ones(1, 3, 8, 8, device=device)
    convolved = torch.nn.functional.conv2d(picture, torch.ones(4, 3, 3, 3, device=device))
    assert einops.reduce(convolved, "batch channel y x -> ", "mean").item() == 27.0
    assert load(save({"one": torch.ones(1)}))["one"].item() == 1.0
    assert omegaconf.OmegaConf.create({"one": 1}).one == 1
    assert tokenize(["a drawing"], 77).shape == (1, 77)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
