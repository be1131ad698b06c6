"""The walls of the house: who may import what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: What Blender may import of the backend: the contract, and what sets the backend up.
SHARED = [f"contract.{path.stem}" for path in sorted((ROOT / "backend/contract").glob("[!_]*.py"))]
SHARED += ["errors", "environment", "weights", "weights_download", "doctor"]


def imports(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every absolute import in every module below `folder`, also inside functions, by its top-level name."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name.partition(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield path, node.module.partition(".")[0]


def test_the_addon_needs_nothing_that_blender_does_not_bring() -> None:
    allowed = set(sys.stdlib_module_names) | {
        "bpy",
        "mathutils",
        "numpy",
        "addon_utils",
        "blf",
        "bl_operators",
        "bl_ui",
        "gpu",
        "rna_keymap_ui",
        "bpy_extras",
    }
    assert {
        (path.name, name) for path, name in imports(ROOT / "tooncrafter_blender") if name not in allowed
    } == set()


def test_the_backend_never_imports_blender() -> None:
    blender = {"bpy", "mathutils", "gpu", "blf", "bpy_extras", "tooncrafter_blender"}
    assert {(path.name, name) for path, name in imports(ROOT / "backend") if name in blender} == set()


@pytest.mark.parametrize("module", SHARED)
def test_what_blender_imports_needs_only_the_standard_library(module: str) -> None:
    script = f"""
import sys
before = set(sys.modules)
import backend.{module}
new = {{name.partition('.')[0] for name in set(sys.modules) - before}}
print(sorted(new - set(sys.stdlib_module_names) - {{'backend'}}))
"""
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_lock_files_hold_no_addresses() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text and "--find-links" not in text and "--index" not in text, lock.name


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))


@pytest.mark.parametrize("half", ["backend", "tooncrafter_blender"])
def test_nothing_runs_through_a_shell_and_no_text_becomes_code(half: str) -> None:
    for path in (ROOT / half).rglob("*.py"):
        for call in calls(path):
            name = ast.unparse(call.func)
            assert name not in {"eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads"}, path
            assert not any(word.arg == "shell" for word in call.keywords), path
            if name.endswith("torch.load"):
                weights_only = {word.arg: ast.unparse(word.value) for word in call.keywords}.get("weights_only")
                assert weights_only == "True", path


@pytest.mark.parametrize("half", ["backend", "tooncrafter_blender"])
def test_nothing_but_the_page_listens_on_a_port(half: str) -> None:
    servers = {"socketserver", "xmlrpc", "wsgiref", "asyncio"}
    assert {(path.name, name) for path, name in imports(ROOT / half) if name in servers} == set()
    for path in (ROOT / half).rglob("*.py"):
        assert "http.server" not in path.read_text(encoding="utf-8"), path
        opened = {ast.unparse(call.func).rpartition(".")[2] for call in calls(path)}
        if path != ROOT / "backend" / "web" / "serving.py":  # the page that a person starts
            assert not opened & {"bind", "bind_socket", "create_server", "start_server"}, path
