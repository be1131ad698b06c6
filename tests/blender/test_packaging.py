"""The zip that a person installs: built by Blender's own tool, the same bytes every time, installed by Blender."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}
MACHINES = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "arm64": "arm64"}
PLATFORM = f"{SYSTEMS[platform.system()]}-{MACHINES[platform.machine()]}"


def fetch(root: Path, *platforms: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "wheels" / "fetch.py"), *platforms]
    return subprocess.run(command, capture_output=True, text=True)


def build(root: Path, out: Path, *platforms: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "release" / "build.py"), str(out), *(platforms or [PLATFORM])]
    return subprocess.run(command, capture_output=True, text=True)


def only_zip(folder: Path) -> Path:
    (found,) = folder.glob("*.zip")
    return found


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The zip for this machine."""
    fetched = fetch(ROOT, PLATFORM)
    assert fetched.returncode == 0, fetched.stderr
    out = tmp_path_factory.mktemp("dist")
    built = build(ROOT, out)
    assert built.returncode == 0, built.stdout + built.stderr
    yield only_zip(out)


@pytest.fixture
def copy(tmp_path: Path, package: Path) -> Path:
    """A second checkout, elsewhere, all of whose files were written at another time."""
    root = tmp_path / "another checkout"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "tests", "dist", "build", "demo")
    shutil.copytree(ROOT, root, ignore=ignored, copy_function=shutil.copyfile)
    for path in root.rglob("*.py"):
        os.utime(path, (1_234_567_890, 1_234_567_890))
    return root


def test_the_same_sources_give_the_same_bytes_in_another_place_at_another_time(
    package: Path, copy: Path, tmp_path: Path
) -> None:
    built = build(copy, tmp_path / "out")
    assert built.returncode == 0, built.stdout + built.stderr
    assert only_zip(tmp_path / "out").read_bytes() == package.read_bytes()


def test_the_zip_holds_both_halves_and_one_installer_and_nothing_else(package: Path) -> None:
    with zipfile.ZipFile(package) as zipped:
        names = set(zipped.namelist())
        manifest = tomllib.loads(zipped.read("blender_manifest.toml").decode())
    halves = [path for half in ("backend", "tooncrafter_blender") for path in (ROOT / half).rglob("*.py")]
    assert {path.relative_to(ROOT).as_posix() for path in halves} <= names
    assert {"requirements/core.txt", "requirements/tooncrafter.txt", "requirements/torch.txt", "LICENSE"} <= names
    assert len([name for name in names if name.endswith(".whl")]) == 1
    assert not {name.split("/")[0] for name in names} & {"tests", "benchmarks", "docs", "examples", "release"}
    assert not [name for name in names if "__pycache__" in name or name.startswith(".")]
    assert manifest["platforms"] == [PLATFORM]
    assert package.stat().st_size < 25_000_000


def test_a_stray_file_stays_out_of_the_zip(package: Path, copy: Path, tmp_path: Path) -> None:
    (copy / "backend" / "secret.txt").write_text("secret")
    (copy / "wheels" / "other.whl").write_text("other")
    (copy / "notes").mkdir()
    (copy / "notes" / "note.py").write_text("note")
    build(copy, tmp_path / "out")
    assert only_zip(tmp_path / "out").read_bytes() == package.read_bytes()


def test_a_manifest_that_blender_refuses_makes_no_zip(copy: Path, tmp_path: Path) -> None:
    manifest = copy / "blender_manifest.toml"
    manifest.write_text(manifest.read_text().replace('tagline = "', 'tagline = "' + "too long " * 20))
    built = build(copy, tmp_path / "out")
    assert built.returncode != 0
    assert "tagline" in built.stdout + built.stderr
    assert not list((tmp_path).glob("out/*"))


def test_a_wheel_that_was_tampered_with_is_not_packaged_but_fetched_again(copy: Path, tmp_path: Path) -> None:
    lock = tomllib.loads((copy / "wheels" / "wheels.lock").read_text())
    wheel = copy / "wheels" / lock["wheels"][PLATFORM]["file"]
    good = wheel.read_bytes()
    wheel.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    built = build(copy, tmp_path / "out")
    assert built.returncode != 0 and "fetch.py" in built.stderr
    assert fetch(copy, PLATFORM).returncode == 0
    assert wheel.read_bytes() == good


def test_a_wheel_whose_hash_is_not_in_the_lock_is_refused(copy: Path) -> None:
    lock_file = copy / "wheels" / "wheels.lock"
    lock = tomllib.loads(lock_file.read_text())
    wheel = lock["wheels"][PLATFORM]
    (copy / "wheels" / wheel["file"]).unlink()
    lock_file.write_text(lock_file.read_text().replace(wheel["sha256"], "0" * 64))
    fetched = fetch(copy, PLATFORM)
    assert fetched.returncode != 0
    assert not (copy / "wheels" / wheel["file"]).exists()


def test_blender_installs_and_enables_the_zip(package: Path, tmp_path: Path) -> None:
    script = (
        "import sys, bpy, addon_utils\n"
        "name = 'bl_ext.user_default.tooncrafter_blender'\n"
        "bpy.ops.extensions.package_install_files("
        "filepath=sys.argv[1], repo='user_default', enable_on_install=True)\n"
        "assert name in bpy.context.preferences.addons\n"
        "assert bpy.ops.inbetween.generate.get_rna_type().name\n"
        "addon_utils.disable(name, default_set=True)\n"
        "print('used')\n"
    )
    resources = os.environ | {"BLENDER_USER_RESOURCES": str(tmp_path)}
    command = [sys.executable, "-c", script, str(package)]
    installed = subprocess.run(command, env=resources, capture_output=True, text=True)
    assert "used" in installed.stdout, installed.stdout + installed.stderr
    assert (tmp_path / "extensions" / "user_default" / "tooncrafter_blender" / "wheels").is_dir()
