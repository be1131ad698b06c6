"""A small model and dataset for the whole session."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import small


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_dataset(tmp_path_factory.mktemp("data") / "dataset")
