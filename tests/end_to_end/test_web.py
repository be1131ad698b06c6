"""The page, served for real: two pictures in, drawings out, hostile uploads, two people at once."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # or its client calls home
gradio_client = pytest.importorskip("gradio_client", reason="needs the extra `web`")
httpx = pytest.importorskip("httpx", reason="needs the extra `web`")
av = pytest.importorskip("av", reason="needs the extra `film`")

from backend.web.examples import write_examples  # noqa: E402
from tests.served_page import PATIENCE_SECONDS, ServedPage, bad_uploads, serve_page, wait_until  # noqa: E402

if sys.platform == "win32":
    pytest.skip("the page is ended by a signal here", allow_module_level=True)


@dataclass
class Visitor:
    """Somebody with a browser of their own. http: with its cookie. page: what the page's buttons do."""

    http: Any
    page: Any

    def generate(self, values: dict[str, object]) -> tuple[str, dict[str, Any]]:
        """Return what is said at the end, and what the player is told."""
        status, player = self.page.predict(*values.values(), api_name="/generate")[:2]
        return status, json.loads(player) if isinstance(player, str) and player else {}

    def upload(self, path: Path) -> str:
        """Return where the file lies on the server."""
        answer = self.http.post("/gradio_api/upload", files={"files": (path.name, path.read_bytes())})
        answer.raise_for_status()
        return str(answer.json()[0])

    def leave(self) -> None:
        """Close the page."""
        self.page.close()
        self.http.close()


@pytest.fixture(scope="module")
def page() -> Iterator[ServedPage]:
    with serve_page() as served:
        yield served


def visit(page: ServedPage) -> Visitor:
    http = httpx.Client(base_url=page.address, timeout=PATIENCE_SECONDS)
    http.get("/").raise_for_status()
    cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
    client = gradio_client.Client(page.address, verbose=False, headers={"cookie": cookie}, analytics_enabled=False)
    return Visitor(http, client)


@pytest.fixture
def visitor(page: ServedPage) -> Iterator[Visitor]:
    somebody = visit(page)
    yield somebody
    somebody.leave()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_examples(tmp_path_factory.mktemp("keys"))[0][1:]


def wish(start: Path, end: Path, **changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "start": gradio_client.handle_file(str(start)),
        "end": gradio_client.handle_file(str(end)),
        "guide": "",
        "engine": "draft",
        "count": 3,
        "exposure": 2,
        "easing": "Even",
        "fps": 24,
        "at": 0.5,
        "strength": 0.6,
        "lead_from": 0.0,
        "lead_until": 1.0,
        "preset": "Balanced",
        "seed": 0,
        "prompt": "",
        "negative_prompt": "",
        "speed": 10,
        "guidance": 7.5,
        "sampler": "As Quality",
        "steps": 0,
        "arcs": True,
        "flat": True,
    }
    return values | changes


def test_two_pictures_become_in_betweens_to_look_at_and_to_keep(
    visitor: Visitor, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    status, player = visitor.generate(wish(*keys))
    assert "3 in-betweens drawn." in status
    shown = [Image.open(io.BytesIO(visitor.http.get(address).content)) for address in player["pictures"]]
    assert len(shown) == 5 and player["rate"] == 12
    assert np.array_equal(np.asarray(shown[0]), np.asarray(Image.open(keys[0])))
    kept = {ending: visitor.http.get(address).content for ending, address in player["files"].items()}
    with zipfile.ZipFile(io.BytesIO(kept["zip"])) as zipped:
        assert zipped.namelist() == [f"{number:04d}.png" for number in range(1, 6)]
        for name, picture in zip(zipped.namelist(), shown, strict=True):
            assert np.array_equal(np.asarray(Image.open(io.BytesIO(zipped.read(name)))), np.asarray(picture))
    assert Image.open(io.BytesIO(kept["gif"])).n_frames == 5
    with av.open(io.BytesIO(kept["mp4"])) as movie:
        frames = [frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)]
    assert len(frames) == 10 and frames[0].shape == (320, 512, 3)


def test_a_guide_leads_the_drawing_at_its_time(visitor: Visitor, keys: tuple[Path, Path]) -> None:
    turn = np.linspace(0, 2 * np.pi, 60)
    circle = np.column_stack([256 + 56 * np.cos(turn), 80 + 56 * np.sin(turn)])
    guide = json.dumps({"ground": "", "size": [512, 320], "strokes": [circle.ravel().tolist()]})
    heights = []
    for drawn in ("", guide):
        status, player = visitor.generate(wish(*keys, count=1, guide=drawn))
        assert "drawn" in status and "guide" not in status.lower()
        picture = Image.open(io.BytesIO(visitor.http.get(player["pictures"][1]).content))
        heights.append(np.nonzero(np.asarray(picture)[..., 3])[0].mean())
    assert heights[1] == pytest.approx(80, abs=6) and heights[0] > 140


@pytest.mark.parametrize(
    "guide", ["no json", "[1, 2]", '{"strokes": [["x"]]}', '{"strokes": [[1e9, 1]]}', "[" * 5000]
)
def test_a_guide_that_no_page_draws_is_refused_with_a_sentence(
    visitor: Visitor, keys: tuple[Path, Path], guide: str
) -> None:
    assert "The guide cannot be used" in visitor.generate(wish(*keys, count=1, guide=guide))[0]


def test_fifty_bad_uploads_are_each_answered_with_a_sentence_and_the_server_lives(
    visitor: Visitor, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    uploads = bad_uploads(tmp_path)
    assert len(uploads) == 50
    for upload in uploads:
        status = visitor.generate(wish(upload, keys[1], count=1))[0]
        assert "wrong" in status and status.rstrip("</div>").endswith("."), (upload.name, status)
        assert "The picture “" in status and "Choose another picture." in status
        assert "<img" not in status, "a name is no part of the page"
        assert tempfile.gettempdir() not in status, "where things lie here is nobody's business"
    assert "1 in-between drawn." in visitor.generate(wish(*keys, count=1))[0]


def test_what_is_larger_than_a_picture_may_be_is_refused_while_it_arrives(visitor: Visitor) -> None:
    answer = visitor.http.post("/gradio_api/upload", files={"files": ("large.png", bytes(42 << 20))})
    assert answer.status_code == 413 and "larger than 40 MB" in answer.text


def test_without_a_picture_the_page_says_what_is_missing(visitor: Visitor, keys: tuple[Path, Path]) -> None:
    assert "Two pictures are needed" in visitor.generate(wish(*keys) | {"start": None})[0]


def test_cancel_ends_the_drawing_and_another_can_begin(visitor: Visitor, keys: tuple[Path, Path]) -> None:
    running = visitor.page.submit(*wish(*keys, count=60).values(), api_name="/generate")
    wait_until(lambda: any("of 60" in output[0] for output in running.outputs()))
    visitor.page.predict(api_name="/cancel")
    assert "Cancelled." in running.result(timeout=PATIENCE_SECONDS)[0]
    assert "drawn" in visitor.generate(wish(*keys, count=1))[0]


def test_two_who_generate_at_once_are_served_one_after_the_other(
    page: ServedPage, visitor: Visitor, keys: tuple[Path, Path]
) -> None:
    other = visit(page)
    first = visitor.page.submit(*wish(*keys, count=20).values(), api_name="/generate")
    wait_until(lambda: any("of 20" in output[0] for output in first.outputs()))
    second = other.page.submit(*wish(*keys, count=1).values(), api_name="/generate")
    wait_until(lambda: any("Waiting: 1 before you" in output[0] for output in second.outputs()))
    assert "20 in-betweens drawn." in first.result(timeout=PATIENCE_SECONDS)[0]
    assert "1 in-between drawn." in second.result(timeout=PATIENCE_SECONDS)[0]
    other.leave()


def test_what_one_person_uploads_or_gets_no_other_person_can_fetch_or_use(
    page: ServedPage, visitor: Visitor, keys: tuple[Path, Path]
) -> None:
    other = visit(page)
    uploaded = visitor.upload(keys[0])
    made = visitor.generate(wish(*keys, count=1))[1]
    addresses = [f"/gradio_api/file={uploaded}", *made["pictures"], *made["files"].values()]
    for address in addresses:
        assert visitor.http.get(address).status_code == 200
        assert other.http.get(address).status_code == 404
        assert httpx.get(page.address + address).status_code == 403, "without a cookie"
    function = next(one for one in visitor.page.config["dependencies"] if one["api_name"] == "generate")
    stolen = {"path": uploaded, "meta": {"_type": "gradio.FileData"}}
    question = {"fn_index": function["id"], "data": [stolen], "session_hash": "another"}
    assert other.http.post("/gradio_api/queue/join", json=question).status_code == 403
    for listening in ("queue/data?session_hash=", "heartbeat/"):
        answer = other.http.get(f"/gradio_api/{listening}{visitor.page.session_hash}")
        assert answer.status_code == 403
    other.leave()


@pytest.mark.parametrize(
    "address",
    [
        "/made/../../../etc/passwd",
        "/made/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=backend/cli.py",
        "/gradio_api/proxy=http://127.0.0.1:1/",
        "/gradio_api/file=http://127.0.0.1:1/",
        "/gradio_api/queue/status",
        "/gradio_api/call/generate",
        "/monitoring",
        "/docs",
    ],
)
def test_nothing_but_the_page_is_served(visitor: Visitor, address: str) -> None:
    assert visitor.http.get(address).status_code == 404


def test_a_page_of_another_site_cannot_come_in_under_a_name_of_its_own(page: ServedPage) -> None:
    assert httpx.get(page.address, headers={"host": "evil.example"}).status_code == 403


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="this computer has one local address")
def test_at_another_address_of_this_computer_it_answers_to_names_of_this_computer_alone() -> None:
    with serve_page(host="127.0.0.2") as page:
        assert httpx.get(page.address).status_code == 200
        assert httpx.get(page.address, headers={"host": "evil.example"}).status_code == 403


def test_what_a_person_leaves_behind_is_removed_when_they_leave(
    page: ServedPage, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    own = tmp_path / "own.png"
    Image.open(keys[0]).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(own)
    somebody = visit(page)
    uploaded = Path(somebody.upload(own))
    somebody.generate(wish(own, keys[1], count=1))
    made = list(page.place.glob("made/*/*"))
    assert uploaded.exists() and made
    somebody.leave()
    wait_until(lambda: not uploaded.exists() and not any(path.exists() for path in made))


def test_an_ended_server_leaves_nothing_behind(keys: tuple[Path, Path]) -> None:
    with serve_page() as page:
        somebody = visit(page)
        somebody.upload(keys[0])
        assert page.place.exists()
        page.process.send_signal(signal.SIGTERM)
        page.process.wait(PATIENCE_SECONDS)
        somebody.leave()
    assert not page.place.exists()


def test_the_page_listens_on_this_computer_alone(page: ServedPage) -> None:
    port = int(page.address.rsplit(":", 1)[1])
    with socket.socket() as probe, pytest.raises(OSError):
        probe.settimeout(2)
        probe.connect((_own_address(), port))


def _own_address() -> str:
    """An address of this computer that others would use; 127.0.0.2 where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
            found = probe.getsockname()[0]
        except OSError:
            return "127.0.0.2"
    return found if not found.startswith("127.") else "127.0.0.2"
