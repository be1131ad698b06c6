"""A browser, and the page in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.served_page import PATIENCE_SECONDS, ServedPage, serve_page


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the page go."""
    place = os.environ.get("TEST_BROWSER_OUT")
    return Path(place) if place else tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, without a window."""
    named = os.environ.get("TEST_BROWSER")
    if not named:
        pytest.skip("the page is tested in a browser by: python tasks.py browser")
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    with sync_api.sync_playwright() as playwright:
        # Inside a folder there is only root, for whom Chromium has no sandbox.
        chromium = playwright.chromium.launch(executable_path=named, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def served() -> Iterator[ServedPage]:
    with serve_page() as page:
        yield page


@pytest.fixture(scope="session")
def served_with_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPage]:
    """A page whose model is the tiny one: it draws noise, in the way of the large one."""
    pytest.importorskip("torch", reason="needs the extra `tooncrafter`")
    from backend.engines import DEVICE_VARIABLE, MODEL_VARIABLE
    from tests.end_to_end.tiny_weights import write_tiny_model

    weights = write_tiny_model(tmp_path_factory.mktemp("weights") / "model.safetensors")
    with serve_page(**{MODEL_VARIABLE: str(weights), DEVICE_VARIABLE: "cpu"}) as page:
        yield page


@pytest.fixture
def visit(browser: Any, served: ServedPage) -> Iterator[Callable[..., Any]]:
    """Somebody opens the page: a context of its own each time. Nothing may go wrong in it unseen."""
    contexts, faults, called, addresses = [], [], [], set()

    def open_page(width: int = 1280, height: int = 900, at: ServedPage = served, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: called.append(request.url))
        addresses.add(at.address)
        page.goto(at.address)
        page.get_by_role("button", name="Generate In-betweens").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults
    strangers = [url for url in called if not url.startswith((*addresses, "blob:", "data:"))]
    assert not strangers, "it calls nobody else"
