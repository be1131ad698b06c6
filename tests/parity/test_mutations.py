"""Each known mistake makes the end-to-end check fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from .cases import Case, over_tolerance, table
from .end_to_end import run_of
from .mutations import MUTATIONS

UNMODIFIED = "unmodified upstream"


def known_results() -> Mapping[str, Mapping[str, float]]:
    """How far each mistake, made in the published code, takes the frames of the folder's end-to-end case."""
    known: Any = table("mutation_check.json")
    return {} if known is None else known["results"]


def test_every_known_mistake_can_be_made_here() -> None:
    assert set(known_results()) - {UNMODIFIED} <= set(MUTATIONS)


@pytest.mark.parametrize("mistake", MUTATIONS)
def test_a_mistake_fails_the_end_to_end_check(
    mistake: str, end_to_end_case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = end_to_end_case
    run, unmodified = run_of(case), run_of(case)
    MUTATIONS[mistake](run, monkeypatch, case)
    if (run.sampling, run.middle_pass) == (unmodified.sampling, unmodified.middle_pass) and "instead" in mistake:
        pytest.skip("the case is run with these settings anyway")
    golden = case.output("frames")
    frames = run.frames()

    excess = over_tolerance(frames, golden, case.info["rtol"], case.info["atol"])
    known = known_results().get(mistake, {}).get("over_tolerance_x")
    print(f"| {mistake} | {float((frames - golden).abs().max()):.4g} | {excess:.4g} | {known:.4g} |")
    if known == 0:
        assert excess <= 1, "this mistake has no effect on this case"
    else:
        assert excess > 1
