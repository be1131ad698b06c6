"""Fetching large files from a web server on this computer that misbehaves in every way known."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backend import weights_download
from backend.errors import Cancelled, UserError
from backend.weights_download import (
    CHECKPOINTS,
    MIRROR_VARIABLE,
    PUBLISHER,
    Published,
    address_of,
    download,
    part_of,
)
from tests.unit.web import Web, serve

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = Published("A model", "someone/models/model.ckpt", 3_000_000)
PATH = f"/{FILE.path}"


class Following:
    """Remembers what it hears, and cancels from a number of bytes on."""

    def __init__(self, cancel_from: float = float("inf")) -> None:
        self.heard: list[tuple[int, int, float, float]] = []
        self.cancel_from = cancel_from

    def progress(self, done: int, of: int, bytes_per_second: float, seconds_left: float) -> None:
        self.heard.append((done, of, bytes_per_second, seconds_left))
        if done >= self.cancel_from:
            raise Cancelled


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server that has the file and states its hash as the publisher does."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(weights_download, "_FIRST_PAUSE_SECONDS", 0.01)
    with serve(Web(files={PATH: CONTENT}, headers={PATH: {"X-Linked-Etag": f'"{SHA256}"'}})) as web:
        yield web


def fetch(web: Web, folder: Path, following: Following | None = None, published: Published = FILE) -> Path:
    return download(published, folder, following or Following(), mirror=web.address)


def refused(web: Web, folder: Path, published: Published = FILE) -> UserError:
    with pytest.raises(UserError) as caught:
        fetch(web, folder, published=published)
    assert not (folder / FILE.name).exists()
    assert caught.value.hint
    return caught.value


def test_a_file_arrives_whole_and_is_not_fetched_twice(web: Web, tmp_path: Path) -> None:
    assert fetch(web, tmp_path).read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["model.ckpt"]
    gets = len(web.requests)
    fetch(web, tmp_path)
    assert len(web.requests) == gets + 1  # asks what the file is, and fetches nothing


def test_a_connection_that_drops_again_and_again_is_taken_up_where_it_dropped(web: Web, tmp_path: Path) -> None:
    web.cut[PATH] = [0, 700_000, 0, 0, 900_000, 1, 400_000]
    assert fetch(web, tmp_path).read_bytes() == CONTENT
    begins = [int(asked[6:-1]) for _, asked in web.requests if asked]
    assert begins == sorted(begins) and begins[-1] >= 2_000_000


def test_a_connection_that_never_brings_anything_ends_in_a_sentence(web: Web, tmp_path: Path) -> None:
    web.cut[PATH] = [0] * 1000
    assert refused(web, tmp_path).code == "network-failed"


def test_what_a_cancelled_download_has_fetched_is_kept_and_continued(web: Web, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        fetch(web, tmp_path, Following(cancel_from=1_000_000))
    kept = part_of(FILE, tmp_path)
    assert kept >= 1_000_000 and not (tmp_path / FILE.name).exists()
    web.requests.clear()
    assert fetch(web, tmp_path).read_bytes() == CONTENT
    assert web.requests[-1] == (PATH, f"bytes={kept}-")


def test_a_killed_download_is_continued(web: Web, tmp_path: Path) -> None:
    web.block, web.pause_seconds = 50_000, 0.02
    script = (
        "import sys; from pathlib import Path; from backend.weights_download import Published, download\n"
        "class Silent:\n    def progress(self, *_): pass\n"
        f"download(Published('', {FILE.path!r}, 0), Path(sys.argv[1]), Silent(), mirror=sys.argv[2])"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path), web.address])
    while part_of(FILE, tmp_path) < 500_000 and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert part_of(FILE, tmp_path) >= 500_000
    web.pause_seconds = 0
    assert fetch(web, tmp_path).read_bytes() == CONTENT
    assert web.requests[-1][1] != ""


def test_a_server_that_cannot_continue_starts_over(web: Web, tmp_path: Path) -> None:
    web.ranges = False
    web.cut[PATH] = [500_000]
    assert fetch(web, tmp_path).read_bytes() == CONTENT


def test_a_file_that_was_published_anew_meanwhile_is_fetched_from_its_beginning(web: Web, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        fetch(web, tmp_path, Following(cancel_from=1_000_000))
    other = os.urandom(2_500_000)
    web.files[PATH] = other
    web.headers[PATH] = {"X-Linked-Etag": f'"{hashlib.sha256(other).hexdigest()}"'}
    assert fetch(web, tmp_path).read_bytes() == other


def test_a_part_that_was_tampered_with_never_becomes_the_file(web: Web, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        fetch(web, tmp_path, Following(cancel_from=1_000_000))
    part = tmp_path / "model.ckpt.part"
    part.write_bytes(bytes(part.stat().st_size))
    assert refused(web, tmp_path).code == "download-corrupted"
    assert fetch(web, tmp_path).read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(web: Web, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        fetch(web, tmp_path, Following(cancel_from=1_000_000))
    (tmp_path / "model.ckpt.part").write_bytes(bytes(5_000_000))
    assert fetch(web, tmp_path).read_bytes() == CONTENT


def test_a_wrong_hash_is_refused_and_deleted(web: Web, tmp_path: Path) -> None:
    web.headers[PATH] = {"X-Linked-Etag": '"' + "0" * 64 + '"'}
    assert refused(web, tmp_path).code == "download-corrupted"
    assert list(tmp_path.iterdir()) == []


def test_a_pinned_hash_counts_more_than_the_servers(web: Web, tmp_path: Path) -> None:
    assert refused(web, tmp_path, replace(FILE, sha256="1" * 64)).code == "download-corrupted"
    assert fetch(web, tmp_path, published=replace(FILE, sha256=SHA256)).read_bytes() == CONTENT


@pytest.mark.parametrize("length", [10, 3_000_001])
def test_a_wrong_length_is_refused(web: Web, tmp_path: Path, length: int) -> None:
    web.headers[PATH]["X-Linked-Size"] = "3000000"
    web.lie[PATH] = length
    assert refused(web, tmp_path).code in ("download-changed", "network-failed")


def test_a_redirect_is_followed_and_its_first_server_believed(web: Web, tmp_path: Path) -> None:
    with serve(Web(files={"/cdn/42": CONTENT})) as store:
        web.headers.clear()
        web.moved[PATH] = f"{store.address}/cdn/42?signature=abc"
        store.files["/cdn/42?signature=abc"] = CONTENT
        with pytest.raises(UserError) as caught:
            fetch(web, tmp_path)
        assert caught.value.code == "download-unverifiable"  # a redirect without the stated hash
        web.files[f"{PATH}.sha256"] = f"{SHA256}  model.ckpt\n".encode()
        assert fetch(web, tmp_path).read_bytes() == CONTENT


def test_a_hash_in_the_headers_of_the_redirect_is_enough(web: Web, tmp_path: Path) -> None:
    with serve(Web(files={"/cdn/42": CONTENT})) as store:
        web.moved[PATH] = f"{store.address}/cdn/42"
        web.headers[PATH]["X-Linked-Size"] = str(len(CONTENT))
        store.no_head = {"/cdn/42"}
        store.cut["/cdn/42"] = [1_000_000]
        assert fetch(web, tmp_path).read_bytes() == CONTENT
        assert ("/cdn/42", "bytes=1000000-") in store.requests


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "download-missing"), (401, "download-refused"), (403, "download-refused"), (500, "network-failed")],
)
def test_each_refusal_has_its_own_sentence(web: Web, tmp_path: Path, status: int, code: str) -> None:
    web.broken[PATH] = status
    assert refused(web, tmp_path).code == code


def test_a_file_whose_hash_nobody_states_is_not_fetched(web: Web, tmp_path: Path) -> None:
    web.headers.clear()
    assert refused(web, tmp_path).code == "download-unverifiable"


def test_no_network(tmp_path: Path) -> None:
    for mirror in ("http://127.0.0.1:9", "https://no-such-host.invalid"):
        with pytest.raises(UserError) as caught:
            download(FILE, tmp_path, Following(), mirror=mirror)
        assert caught.value.code == "network-failed"


def test_a_slow_link_tells_its_rate_and_the_time_left(web: Web, tmp_path: Path) -> None:
    web.block, web.pause_seconds = 100_000, 0.05
    following = Following()
    fetch(web, tmp_path, following)
    done = [heard[0] for heard in following.heard]
    assert done == sorted(done) and done[-1] == len(CONTENT) and len(done) >= 10
    rates = [rate for _, _, rate, _ in following.heard[5:]]
    assert all(0 < rate < 100_000 / 0.05 * 1.5 for rate in rates)
    assert all(left >= 0 for *_, left in following.heard[5:])


def test_a_link_that_falls_silent_is_taken_up_again(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_download, "_SILENCE_SECONDS", 0.3)
    web.stall = {PATH: [1_200_000]}
    assert fetch(web, tmp_path).read_bytes() == CONTENT


def test_too_little_room_is_said_before_anything_is_fetched(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_download, "_SPARE_BYTES", 10**15)
    assert refused(web, tmp_path).code == "disk-full"
    assert part_of(FILE, tmp_path) == 0


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root on Linux can mount a small disk"
)
def test_a_disk_that_runs_full_on_the_way(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_download, "_SPARE_BYTES", -(10**12))
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        assert refused(web, disk).code == "disk-full"
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_folder_that_is_a_file(web: Web, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UserError) as caught:
        fetch(web, tmp_path / "taken")
    assert caught.value.code == "folder-not-writable"
    assert (tmp_path / "taken").read_text() == "mine"


def test_addresses_stand_in_one_place_and_can_be_led_to_a_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    for published in CHECKPOINTS.values():
        assert address_of(published) == f"{PUBLISHER}/{published.path}"
    monkeypatch.setenv(MIRROR_VARIABLE, "https://mirror.studio/hf/")
    assert address_of(FILE) == f"https://mirror.studio/hf/{FILE.path}"
    for wrong in ("ftp://mirror", "file:///etc/passwd", "mirror", "https://"):
        with pytest.raises(UserError):
            address_of(FILE, wrong)
