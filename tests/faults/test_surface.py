"""What reaches out and what can be reached: no connection, no open port, no secret in what is written."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from backend.contract import messages
from backend.pictures import write_picture
from tests.end_to_end.driving import FINISHED, ROOT, Worker
from tests.end_to_end.jobs import ball, make_job
from tests.end_to_end.tiny_weights import write_tiny_model
from tests.patience import PATIENCE_SECONDS

#: Python runs this at the start of every process that finds it: each attempt to reach out is noted and refused;
#: where the page is served, all but those that stay on this computer.
REFUSING = """
import os, sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto"):
        where = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        where = arguments
    else:
        return
    host = where[0] if isinstance(where, tuple) else where
    if "LOOPBACK" in os.environ and str(host).startswith(("127.", "::1", "localhost")):
        return
    with open(os.environ["REACHED_OUT"], "a") as note:
        note.write(f"{event} {where}\\n")
    raise PermissionError(f"{event} is refused")
sys.addaudithook(refuse)
"""

SECRET = "hunter2-s3cr3t"


class Sealed:
    """Runs the command line where every socket is refused."""

    def __init__(self, place: Path) -> None:
        place.mkdir()
        (place / "sitecustomize.py").write_text(REFUSING)
        self._note = place / "reached-out.txt"
        self.environment = os.environ | {"PYTHONPATH": f"{place}{os.pathsep}{ROOT}", "REACHED_OUT": str(self._note)}

    def run(self, *command: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "backend", *map(str, command)],
            cwd=self._note.parent,
            env=self.environment | variables,
            capture_output=True,
            text=True,
        )

    def attempts(self) -> str:
        return self._note.read_text() if self._note.exists() else ""


@pytest.fixture
def sealed(tmp_path: Path) -> Sealed:
    return Sealed(tmp_path / "sealed")


def test_the_seal_notices_who_reaches_out(sealed: Sealed) -> None:
    ended = sealed.run("weights", "download", TOONCRAFTER_MIRROR="http://127.0.0.1:9")
    assert ended.returncode and "Traceback" not in ended.stderr
    assert "socket." in sealed.attempts()


def test_drawing_tracing_previews_batches_and_the_doctor_reach_out_to_nobody(
    sealed: Sealed, tmp_path: Path
) -> None:
    jobs = tmp_path / "jobs"
    make_job(jobs / "a", (1, 4, 7), guides=(3,))
    make_job(jobs / "b", (1, 4), engine="hold")
    commands: list[tuple[object, ...]] = [
        ("run", jobs / "a"),
        ("trace", jobs / "a"),
        ("preview", jobs / "a", "--sheet", tmp_path / "sheet.png", "--video", tmp_path / "video.mp4"),
        ("batch", jobs, "--strokes", "--device", "cpu"),
        ("inbetween", jobs / "a/keys/0001.png", jobs / "a/keys/0004.png", "-n", "2", "-o", tmp_path / "out"),
        ("doctor",),
    ]
    for command in commands:
        ended = sealed.run(*command)
        assert "Traceback" not in ended.stderr and ended.returncode in (0, 1), (command, ended.stderr)
    assert len(list((tmp_path / "out").glob("*.png"))) == 2 and (jobs / "b/strokes").is_dir()
    assert sealed.attempts() == ""


def test_films_colours_boards_stills_and_datasets_reach_out_to_nobody(sealed: Sealed, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs the extra `film`")
    make_job(tmp_path / "job", (1, 4), engine="hold")
    keys = tmp_path / "job/keys"
    shot = tmp_path / "films/shot"
    shot.mkdir(parents=True)
    for number in range(8):
        write_picture(shot / f"{number:04d}.png", ball(20 + 7 * number))
    commands: list[tuple[object, ...]] = [
        ("smooth", keys, "-o", tmp_path / "smooth.mp4"),
        ("colour", keys, "--reference", keys / "0001.png", "-o", tmp_path / "coloured"),
        ("animatic", f"{keys}/0001.png:5", f"{keys}/0004.png:5", "-o", tmp_path / "board", "--move", "3"),
        ("stills", "-o", tmp_path / "stills", "--of", tmp_path / "smooth.mp4", "2"),
        ("dataset", "build", shot.parent, tmp_path / "dataset", "--size", "64x40", "--shortest", "4"),
        ("dataset", "show", tmp_path / "dataset", "--sheet", tmp_path / "sheet.png"),
    ]
    for command in commands:
        ended = sealed.run(*command)
        assert ended.returncode == 0, (command, ended.stderr)
    assert sealed.attempts() == ""


@pytest.mark.long
def test_training_reaches_out_to_nobody(sealed: Sealed, tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="needs the extra `training`")
    from tests.training import small

    dataset, model = small.write_dataset(tmp_path / "dataset"), small.write_model(tmp_path / "model")
    told = small.write_told(tmp_path / "a.yaml", small.told(dataset, model, tmp_path / "run", steps=1))
    ended = sealed.run("train", "rectify", told)
    assert ended.returncode == 0, ended.stderr
    assert sealed.attempts() == ""


@pytest.mark.long
def test_the_page_in_the_browser_listens_on_this_computer_and_reaches_out_to_nobody(sealed: Sealed) -> None:
    pytest.importorskip("gradio", reason="needs the extra `web`")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "backend", "web", "--port", str(port)]
    environment = sealed.environment | {"LOOPBACK": "1"}
    served = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert served.stdout
        said = served.stdout.readline()
        assert "The page is at http://127.0.0.1:" in said, said + served.stdout.read()
        for path in ("", "config"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=PATIENCE_SECONDS) as answer:
                assert answer.status == 200 and answer.read()
        family = [psutil.Process(served.pid), *psutil.Process(served.pid).children(recursive=True)]
        ends = [end for process in family for end in process.net_connections(kind="inet")]
        assert ends and {end.laddr.ip for end in ends} <= {"127.0.0.1", "::1"}
    finally:
        served.terminate()
        served.communicate(timeout=PATIENCE_SECONDS)
    assert sealed.attempts() == ""


@pytest.mark.long
def test_the_diffusion_engine_reaches_out_to_nobody(sealed: Sealed, tmp_path: Path) -> None:
    weights = write_tiny_model(tmp_path / "tiny.safetensors")
    make_job(tmp_path / "job", (1, 4), engine="tooncrafter")
    ended = sealed.run("run", tmp_path / "job", "--weights", weights, "--device", "cpu")
    assert ended.returncode == 0, ended.stderr
    assert sealed.attempts() == ""


def test_a_worker_listens_on_no_port_and_is_connected_to_nobody(tmp_path: Path) -> None:
    make_job(tmp_path, (1, 60), size=(320, 200))
    worker = Worker()
    worker.send(messages.Run("job-1", str(tmp_path)))
    worker.hear(messages.FrameReady)
    process = psutil.Process(worker.process.pid)
    assert process.net_connections(kind="inet") == []
    assert process.children(recursive=True) == [], "nor does it start anybody who might"
    worker.send(messages.Cancel("job-1"))
    worker.hear(*FINISHED)
    worker.end()


def test_what_is_secret_in_the_surroundings_stands_in_no_file_and_on_no_screen(
    sealed: Sealed, tmp_path: Path
) -> None:
    make_job(tmp_path / "job", (1, 4, 7))
    (tmp_path / "job/keys/0007.png").write_bytes(b"spoilt, so that there is something to complain about")
    secrets = {
        "HF_TOKEN": SECRET,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "PIP_INDEX_URL": f"https://somebody:{SECRET}@127.0.0.1:9/simple",
        "UV_DEFAULT_INDEX": f"https://somebody:{SECRET}@127.0.0.1:9/simple",
        "HTTPS_PROXY": f"http://somebody:{SECRET}@127.0.0.1:9",
        "TOONCRAFTER_MIRROR": f"http://somebody:{SECRET}@127.0.0.1:9",
    }
    said = [
        sealed.run(*command, **secrets)
        for command in (
            ("run", tmp_path / "job"),
            ("doctor",),
            ("weights", "download"),
            ("weights", "download", "--json"),
            ("weights", "download", "--mirror", f"ftp://somebody:{SECRET}@127.0.0.1:9"),
        )
    ]
    for ended in said:
        assert SECRET not in ended.stdout + ended.stderr, ended.args
    worker = Worker()
    worker.send(messages.Run("job-1", str(tmp_path / "job")))
    assert isinstance(worker.hear(*FINISHED), messages.Failed)
    worker.end()
    for path in (tmp_path / "job").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def locked() -> dict[str, list[tuple[str, str, str]]]:
    """Lock file -> name, marker and everything else of each of its pins."""
    pin = re.compile(r"^([\w.-]+)==[\w.]+ ?([^\n\\]*)((?:.*\\\n)*.*)", re.MULTILINE)
    files = (ROOT / "requirements").glob("*.txt")
    return {path.name: pin.findall(path.read_text(encoding="utf-8")) for path in files}


@pytest.mark.parametrize("lock", sorted(locked()))
def test_every_pin_has_its_hashes(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    pins = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert pins
    if lock == "torch.txt":
        assert len(pins) == 1 and pins[0].startswith("torch=="), "the one whose build depends on the machine"
        return
    assert [pin.splitlines()[0] for pin in pins if not re.search(r"--hash=sha256:[0-9a-f]{64}", pin)] == []


@pytest.mark.parametrize("lock", sorted(locked()))
def test_every_package_stands_among_the_dependencies_with_its_licence(lock: str) -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    named = {re.sub(r"[-_.]+", "-", word.strip(".")).lower() for word in re.findall(r"[\w.-]+", text)}
    wanted = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name, marker, _ in locked()[lock]
        if "== 'emscripten'" not in marker
    }
    assert wanted - named == set(), "add them to docs/dependencies.md with licence and purpose"
