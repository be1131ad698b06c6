"""Fetching the model's weights from the preferences: the backend's process as Blender follows it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.errand import WeightsErrand

from tests.blender.jobs_on_disk import PYTHON, ROOT
from tests.patience import wait_until
from tests.unit.web import Web, serve

PATH = "/Doubiiu/ToonCrafter/resolve/main/model.ckpt"


@pytest.fixture
def errand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WeightsErrand]:
    monkeypatch.setenv("TOONCRAFTER_WEIGHTS", str(tmp_path / "weights"))
    errand = WeightsErrand()
    yield errand
    errand.close()


def published(content: bytes) -> Web:
    return Web(files={PATH: content}, headers={PATH: {"X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"'}})


def test_a_download_shows_amounts_and_is_kept_when_cancelled(errand: WeightsErrand, tmp_path: Path) -> None:
    with serve(published(os.urandom(4_000_000))) as web:
        web.block, web.pause_seconds = 100_000, 0.2
        errand.begin(PYTHON, ROOT, ["weights", "download", "--mirror", web.address])
        wait_until(lambda: "MB/s" in errand.words and errand.fraction > 0.2)
        errand.cancel()
        wait_until(lambda: not errand.running)
    assert errand.problem == ""
    assert (tmp_path / "weights" / "downloads" / "model.ckpt.part").stat().st_size > 500_000


def test_a_file_that_is_no_model_is_refused_in_a_sentence(errand: WeightsErrand, tmp_path: Path) -> None:
    file = tmp_path / "model.ckpt"
    file.write_text("<html>Please log in</html>")
    errand.begin(PYTHON, ROOT, ["weights", "import", str(file)])
    wait_until(lambda: not errand.running)
    assert "web page" in errand.problem and "Traceback" not in errand.problem
    assert file.exists()


def test_a_python_that_is_not_there_is_a_sentence(errand: WeightsErrand, tmp_path: Path) -> None:
    errand.begin(tmp_path / "absent", ROOT, ["weights", "status"])
    wait_until(lambda: not errand.running)
    assert "absent" in errand.problem
