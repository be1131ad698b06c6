"""Fixtures for the tests that need a package index and an environment to be made."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.environment import Level, Plan, TorchBuild
from backend.environment.installer import find_installer, platform_name
from tests.unit.web import Web, serve

ROOT = Path(__file__).resolve().parents[2]


def wheel(name: str, version: str, files: dict[str, bytes]) -> bytes:
    """A wheel that installs `files`."""
    info = f"{name}-{version}.dist-info"
    contents = dict(files)
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    for path, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(content)}\n"
    contents[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path, content in contents.items():
            zipped.writestr(path, content)
    return buffer.getvalue()


@dataclass
class Shop:
    """A package index on this computer that has a few small packages, and a place to install them."""

    web: Web
    home: Path
    folder: Path

    def offer(self, name: str, version: str, files: dict[str, bytes]) -> str:
        """Put a package on the index; return its line for a lock file."""
        content = wheel(name, version, files)
        file = f"{name}-{version}-py3-none-any.whl"
        digest = hashlib.sha256(content).hexdigest()
        self.web.files[f"/files/{file}"] = content
        page = self.web.files.get(f"/simple/{name}/", b"<!DOCTYPE html><html><body>\n")
        self.web.files[f"/simple/{name}/"] = page + f'<a href="/files/{file}#sha256={digest}">{file}</a>\n'.encode()
        return f"{name}=={version} --hash=sha256:{digest}\n"

    def plan(self, *lines: str, proof: str = "import tiny; assert tiny.number == 7", **changes: object) -> Plan:
        """A plan for packages of this index; without lines, for the package `tiny`."""
        lines = lines or (self.offer("tiny", "1.0", {"tiny/__init__.py": b"number = 7\n"}),)
        text = "".join(lines)
        lock = self.folder / f"lock-{hashlib.sha256(text.encode()).hexdigest()[:8]}.txt"
        lock.write_text(text)
        values: dict[str, object] = {
            "level": Level.CORE,
            "lock": lock,
            "pins": None,
            "torch_build": TorchBuild.REGISTRY,
            "interpreter": Path(sys.executable).resolve(),
            "root": ROOT,
            "proof": ("-c", proof),
            "unpacked_bytes": 1000,
        }
        return Plan(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def unpacked_installer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installer that the product carries, fetched as its packaging fetches it, unpacked as it unpacks it."""
    command = [sys.executable, str(ROOT / "wheels" / "fetch.py"), platform_name()]
    subprocess.run(command, check=True, capture_output=True)
    return find_installer(ROOT, tmp_path_factory.mktemp("installer"))


@pytest.fixture
def shop(tmp_path: Path, unpacked_installer: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """An empty index that the installer is led to, and nothing else. The installer is unpacked already."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with serve() as web:
        monkeypatch.setenv("PIP_INDEX_URL", f"{web.address}/simple")
        unpacked = tmp_path / "home" / "tools" / unpacked_installer.parent.name
        unpacked.mkdir(parents=True)
        os.link(unpacked_installer, unpacked / unpacked_installer.name)
        yield Shop(web, tmp_path / "home", tmp_path)
