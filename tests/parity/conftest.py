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
def _inference_on_one_thread() -> Iterator[None]:
    """The networks are tiny: more threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(threads)
