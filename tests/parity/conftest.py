"""A test with an argument called after a component, ending in `_case`, runs for every case of that component."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from .cases import COMPONENTS, all_cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for component in COMPONENTS:
        argument = f"{component}_case"
        if argument in metafunc.fixturenames:
            cases = [case for case in all_cases() if case.component == component]
            metafunc.parametrize(argument, cases, ids=[case.path.stem for case in cases])


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield
