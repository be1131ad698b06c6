"""Which engine draws, and what it is told: the options that all commands on whole sequences share."""

from __future__ import annotations

import argparse

from ..contract.job import Settings
from ..engines import ENGINES


def add_drawing_options(command: argparse.ArgumentParser) -> None:
    """Add them to a command."""
    defaults = Settings()
    command.add_argument("--engine", choices=list(ENGINES), default="draft")
    command.add_argument("--preset", choices=("quick", "balanced", "best"), default=defaults.preset)
    command.add_argument("--seed", type=int, default=defaults.seed)
    command.add_argument("--prompt", default=defaults.prompt)


def drawing_settings(options: argparse.Namespace) -> Settings:
    """Return what was chosen with them."""
    return Settings(seed=options.seed, prompt=options.prompt, preset=options.preset)
