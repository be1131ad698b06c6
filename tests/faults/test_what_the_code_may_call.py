"""No shell, no code out of data, no connection but in the named places: looked up in every line that ships."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from tests.end_to_end.driving import ROOT

#: What runs on people's machines.
SHIPPED = ("backend", "tooncrafter_blender", "farm", "examples", "wheels", "release")
#: Calls that start a shell or run what data says.
NEVER = {
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("eval", "exec", "pickle.load", "pickle.loads", "marshal.loads", "yaml.load", "yaml.unsafe_load"),
}
#: Modules that reach out or listen -> the files that may use them: each asks for permission first, or stays here.
REACHING = {
    "socket": {"backend/web/serving.py"},  # the page listens
    "http.client": {"backend/weights_download.py"},
    "http.server": set(),
    "socketserver": set(),
    "urllib.request": {"backend/weights_download.py"},
    "requests": set(),
    "httpx": set(),
    "gradio": {"backend/web/page.py", "backend/web/panel.py", "backend/web/serving.py"},
    "distributed": {"backend/jobs/farm.py"},
}


@cache
def shipped() -> list[tuple[str, ast.Module]]:
    paths = [path for folder in SHIPPED for path in sorted((ROOT / folder).rglob("*.py"))]
    return [(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def name_of(node: ast.expr) -> str:
    """The dotted name that is called, "" for what has none."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_nothing_starts_a_shell_or_runs_what_data_says() -> None:
    found = []
    for file, tree in shipped():
        for call in calls(tree):
            shell = any(key.arg == "shell" and getattr(key.value, "value", True) for key in call.keywords)
            unsafe = any(
                key.arg == "weights_only" and not getattr(key.value, "value", False) for key in call.keywords
            )
            if shell or unsafe or name_of(call.func) in NEVER:
                found.append(f"{file}:{call.lineno} {name_of(call.func)}")
    assert found == []


def test_torch_opens_pickles_with_its_restricted_reader_alone() -> None:
    found = [
        f"{file}:{call.lineno}"
        for file, tree in shipped()
        for call in calls(tree)
        if name_of(call.func) == "torch.load" and not any(key.arg == "weights_only" for key in call.keywords)
    ]
    assert found == []


def test_only_the_named_files_reach_out_or_listen() -> None:
    found: dict[str, set[str]] = {module: set() for module in REACHING}
    for file, tree in shipped():
        for name in imported(tree):
            for module in REACHING:
                if name == module or name.startswith(f"{module}."):
                    found[module].add(file)
    assert found == REACHING


def test_the_page_in_the_browser_is_handed_to_no_service_of_others() -> None:
    # Gradio's own way of serving can do that; the page is served without it.
    launches = [call for _, tree in shipped() for call in calls(tree) if name_of(call.func).endswith("launch")]
    assert launches == []


def test_the_scan_finds_what_it_looks_for() -> None:
    tree = ast.parse("import urllib.request\nimport os\nos.system('x')\nsubprocess.run('x', shell=True)")
    assert "urllib.request" in set(imported(tree))
    assert {name_of(call.func) for call in calls(tree)} == {"os.system", "subprocess.run"}
