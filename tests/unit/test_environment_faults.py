"""Everything that can go wrong while an environment is made: its own sentence for each, nothing lost, a way on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.environment import Plan, Silent, TorchBuild, ensure, standing
from backend.environment.installer import find_installer, installer_variables
from backend.environment.stamp import read_stamp
from backend.errors import Cancelled, UserError
from tests.unit.conftest import ROOT, Shop

ROOT_ON_LINUX = sys.platform == "linux" and os.geteuid() == 0
needs_mounts = pytest.mark.skipif(not ROOT_ON_LINUX, reason="only root on Linux can mount a small disk")


def refusal(shop: Shop, plan: Plan, *, online: bool = True) -> UserError:
    """Make the environment in vain; return what the person is told. Nothing may look ready afterwards."""
    with pytest.raises(UserError) as caught:
        ensure(plan, shop.home, Silent(), online=online, anew=True)
    assert caught.value.sentence.endswith(".") or ":" in caught.value.sentence
    assert caught.value.hint
    if read_stamp(shop.home, plan.level) is None and shop.home.is_dir():
        assert not list(shop.home.glob("core-*"))
    return caught.value


def works(shop: Shop, plan: Plan) -> bool:
    python = ensure(plan, shop.home, Silent(), online=True)
    return subprocess.run([python, "-P", "-c", "import tiny"]).returncode == 0


@contextmanager
def small_disk(folder: Path, megabytes: int, *, read_only: bool = False) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m" + (",ro" if read_only else "")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_without_permission_to_go_online_it_says_where_to_give_it(shop: Shop) -> None:
    error = refusal(shop, shop.plan(), online=False)
    assert error.code == "online-access-off"
    assert shop.web.requests == []


def test_no_network(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = shop.plan()
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert refusal(shop, plan).code == "network-failed"
    monkeypatch.setenv("PIP_INDEX_URL", "https://no-such-host.invalid/simple")
    assert refusal(shop, plan).code == "network-failed"
    monkeypatch.setenv("PIP_INDEX_URL", f"{shop.web.address}/simple")
    assert works(shop, plan)


def test_a_folder_of_packages_that_is_not_there(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = shop.plan()
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop.folder / "no such folder"))
    assert refusal(shop, plan).code == "package-folder-missing"
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert works(shop, plan)


@pytest.mark.parametrize("status", [401, 403, 407])
def test_a_network_that_refuses(shop: Shop, status: int) -> None:
    plan = shop.plan()
    shop.web.broken["/simple/tiny/"] = status
    assert refusal(shop, plan).code == "network-refused"
    shop.web.broken.clear()
    assert works(shop, plan)


@pytest.mark.parametrize("status", [500, 503])
def test_an_index_that_is_down(shop: Shop, status: int) -> None:
    plan = shop.plan()
    shop.web.broken["/files/tiny-1.0-py3-none-any.whl"] = status
    assert refusal(shop, plan).code == "network-failed"
    shop.web.broken.clear()
    assert works(shop, plan)


def test_a_connection_that_breaks_off(shop: Shop) -> None:
    plan = shop.plan()
    shop.web.cut["/files/tiny-1.0-py3-none-any.whl"] = [100] * 10
    assert refusal(shop, plan).code in ("network-failed", "download-corrupted")
    shop.web.cut.clear()
    assert works(shop, plan)


def test_a_download_that_was_changed_on_the_way(shop: Shop) -> None:
    plan = shop.plan()
    other = shop.offer("tiny", "1.0", {"tiny/__init__.py": b"number = 666\n"})  # same name, other content
    assert other not in plan.lock.read_text()
    error = refusal(shop, plan)
    assert error.code in ("download-corrupted", "no-package-for-python"), error.sentence


def test_a_package_that_does_not_exist_for_this_python(shop: Shop) -> None:
    plan = shop.plan("absent==1.0 --hash=sha256:" + "0" * 64 + "\n")
    assert refusal(shop, plan).code in ("no-package-for-python", "network-failed")


def test_too_little_room_is_said_before_anything_is_downloaded(shop: Shop) -> None:
    error = refusal(shop, shop.plan(unpacked_bytes=10**15))
    assert error.code == "disk-full" and "GB" in error.sentence
    assert shop.web.requests == []


@needs_mounts
def test_a_disk_that_runs_full_on_the_way(shop: Shop) -> None:
    plan = shop.plan(
        shop.offer("tiny", "1.0", {"tiny/__init__.py": b"number = 7\n", "tiny/zeros": bytes(250_000_000)})
    )
    with small_disk(shop.home, 200):
        assert refusal(shop, plan).code == "disk-full"
        assert (shop.home / "log.txt").exists()
    with small_disk(shop.home, 600):
        assert works(shop, plan)


@needs_mounts
def test_a_full_disk_takes_nothing_from_what_works(shop: Shop) -> None:
    with small_disk(shop.home, 330):
        plan = shop.plan()
        python = ensure(plan, shop.home, Silent(), online=True)
        bigger = shop.plan(
            shop.offer("tiny", "2.0", {"tiny/__init__.py": b"number = 7\n", "tiny/zeros": bytes(400_000_000)})
        )
        assert refusal(shop, bigger).code == "disk-full"
        assert standing(shop.home, plan, thorough=True).python == python


@needs_mounts
def test_a_disk_that_cannot_be_written_to(shop: Shop) -> None:
    with small_disk(shop.home, 10, read_only=True):
        assert refusal(shop, shop.plan()).code == "folder-not-writable"


def test_a_file_where_the_folder_should_be(shop: Shop) -> None:
    shutil.rmtree(shop.home)
    shop.home.write_text("in the way")
    assert refusal(shop, shop.plan()).code == "folder-not-writable"
    assert shop.home.read_text() == "in the way"


def test_an_environment_that_does_not_run_is_never_shown(shop: Shop) -> None:
    error = refusal(shop, shop.plan(proof="import tiny, nonsense"))
    assert error.code == "environment-broken" and "nonsense" in error.sentence
    assert "No module named" in (shop.home / "log.txt").read_text()


def test_an_interpreter_that_does_not_run_is_said_offline(shop: Shop) -> None:
    missing = shop.plan(interpreter=shop.folder / "gone" / "python")
    refusal(shop, missing, online=False)


@pytest.mark.parametrize("moment", range(0, 12, 3))
def test_cancelling_ends_it_within_a_moment_and_leaves_only_downloads(shop: Shop, moment: int) -> None:
    shop.web.pause_seconds, shop.web.block = 0.02, 20_000
    plan = shop.plan(
        shop.offer("tiny", "1.0", {"tiny/__init__.py": b"number = 7\n", "tiny/noise": os.urandom(900_000)})
    )

    class Impatient:
        calls = 0

        def stage(self, sentence: str) -> None:
            pass

        def progress(self, done_bytes: int, of_bytes: int) -> None:
            self.calls += 1
            if self.calls > moment:
                raise Cancelled

    with pytest.raises(Cancelled):
        ensure(plan, shop.home, Impatient(), online=True)
    assert standing(shop.home, plan).python is None
    assert not list(shop.home.glob("core-*"))
    assert works(shop, plan)


def test_what_came_before_a_cancel_is_not_downloaded_again(shop: Shop) -> None:
    one = shop.offer("one", "1.0", {"one.py": b""})
    plan = shop.plan(one, shop.offer("tiny", "1.0", {"tiny/__init__.py": b"number = 7\n"}))
    slow, quick = "/files/tiny-1.0-py3-none-any.whl", "/files/one-1.0-py3-none-any.whl"
    shop.web.held.add(slow)

    class UntilTheFirst:
        def stage(self, sentence: str) -> None:
            pass

        def progress(self, done_bytes: int, of_bytes: int) -> None:
            if slow in shop.web.paths() and list((shop.home / "cache").rglob("one.py")):
                time.sleep(1)  # it is unpacked; a moment later the installer has noted it down
                raise Cancelled

    with pytest.raises(Cancelled):
        ensure(plan, shop.home, UntilTheFirst(), online=True)
    shop.web.requests.clear()
    shop.web.held.clear()
    assert works(shop, plan)
    assert quick not in shop.web.paths() and slow in shop.web.paths()


def test_a_build_of_pytorch_that_is_not_to_be_had_gives_way_to_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = shop.folder / "torch.txt"
    pins.write_text(shop.offer("torch", "0.0.7", {"torch.py": b"number = 7\n"}).partition(" ")[0] + "\n")
    lines = shop.offer("tiny", "1.0", {"tiny/__init__.py": b"number = 7\n"})
    plan = shop.plan(lines, proof="import tiny, torch", pins=pins, torch_build=TorchBuild.AUTO)
    monkeypatch.setattr(
        "backend.environment.build.candidates_here", lambda choice: (TorchBuild.CPU, TorchBuild.REGISTRY)
    )
    ensure(plan, shop.home, Silent(), online=True)
    stamp = read_stamp(shop.home, plan.level)
    assert stamp and stamp.torch_build == TorchBuild.REGISTRY


def test_a_damaged_installer_is_refused(shop: Shop, tmp_path: Path) -> None:
    copy = tmp_path / "extension"
    (copy / "wheels").mkdir(parents=True)
    for path in (ROOT / "wheels").iterdir():
        if path.is_file():
            (copy / "wheels" / path.name).write_bytes(path.read_bytes()[:-1] + b"!")
    lock = (ROOT / "wheels" / "wheels.lock").read_text()
    (copy / "wheels" / "wheels.lock").write_text(lock)
    with pytest.raises(UserError) as caught:
        find_installer(copy, tmp_path / "home")
    assert caught.value.code == "installer-damaged"


def test_an_unpacked_installer_that_is_damaged_is_unpacked_again(shop: Shop) -> None:
    program = find_installer(ROOT, shop.home)
    program.unlink()
    program.write_bytes(b"not a program")
    assert find_installer(ROOT, shop.home) == program
    assert subprocess.run([program, "--version"], capture_output=True).returncode == 0


@needs_mounts
def test_a_folder_from_which_no_program_may_run(shop: Shop) -> None:
    with small_disk(shop.home, 200):
        subprocess.run(["mount", "-o", "remount,noexec", shop.home], check=True)
        assert refusal(shop, shop.plan()).code == "installer-blocked"


def test_settings_made_for_pip_reach_the_installer_unless_it_has_its_own() -> None:
    pip = {
        "PIP_INDEX_URL": "https://packages.studio/simple",
        "PIP_EXTRA_INDEX_URL": "https://more.studio/simple",
        "PIP_CERT": "/studio.pem",
        "PIP_PROXY": "http://proxy.studio:3128",
        "PIP_TRUSTED_HOST": "packages.studio",
        "PYTHONPATH": "/stray",
    }
    given = installer_variables(pip, Path("home"))
    assert given["UV_DEFAULT_INDEX"] == "https://packages.studio/simple"
    assert given["UV_INDEX"] == "https://more.studio/simple"
    assert given["SSL_CERT_FILE"] == "/studio.pem"
    assert given["ALL_PROXY"] == "http://proxy.studio:3128"
    assert given["UV_INSECURE_HOST"] == "packages.studio"
    assert "UV_SYSTEM_CERTS" not in given and "PYTHONPATH" not in given
    own = installer_variables(pip | {"UV_DEFAULT_INDEX": "https://own.studio"}, Path("home"))
    assert own["UV_DEFAULT_INDEX"] == "https://own.studio"
    assert installer_variables({}, Path("home"))["UV_SYSTEM_CERTS"] == "1"
