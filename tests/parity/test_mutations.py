"""Each known mistake makes the end-to-end check fail.

`python -m tests.parity.test_mutations` prints by how much.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from .cases import Case, all_cases, over_tolerance, table
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
    """The check looks at latents and frames; where the latents are off already, there is no need to decode."""
    case = end_to_end_case
    run = run_of(case)
    MUTATIONS[mistake](run, monkeypatch, case)
    latents, keys = run.sampled()
    excess = over_tolerance(latents, case.output("latent"), case.info["rtol"], case.info["atol"])
    if excess <= 1:
        excess = excess_of(case, run.decoded(latents, keys))
    if known_results().get(mistake, {}).get("max_diff") == 0:
        assert excess <= 1, "this mistake has no effect on this case"
    else:
        assert excess > 1


def excess_of(case: Case, frames: Tensor) -> float:
    """How many times the case's tolerance the frames are off."""
    return over_tolerance(frames, case.output("frames"), case.info["rtol"], case.info["atol"])


def print_table() -> None:
    """Print how far each mistake takes our frames, and the published code's, as a Markdown table."""
    torch.set_num_threads(1)
    known = known_results()
    print("| mistake | largest difference | times the tolerance | in the published code |\n|---|---|---|---|")
    for case in all_cases():
        if case.component != "end_to_end":
            continue
        for mistake, mutate in MUTATIONS.items():
            with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
                run = run_of(case)
                mutate(run, patch, case)
                frames = run.frames()
            difference = float((frames - case.output("frames")).abs().max())
            published = known.get(mistake, {}).get("over_tolerance_x", float("nan"))
            print(f"| {mistake} | {difference:.3g} | {excess_of(case, frames):,.0f} | {published:,.0f} |")


if __name__ == "__main__":
    print_table()
