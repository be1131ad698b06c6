"""What tests of hostile input stand on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import hostile

#: No input may make the process larger than this: two pictures of the largest size in floating point, and Python.
MOST_MEGABYTES = 2500


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    import resource

    logging.disable()  # tens of thousands of refusals with their tracebacks
    yield
    logging.disable(logging.NOTSET)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 2**20)
    print(f"peak memory of the process: {peak:.0f} MB")
    assert peak < MOST_MEGABYTES


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.png").write_bytes(hostile.picture("RGBA", "PNG", (96, 64)) or b"")
    return folder
