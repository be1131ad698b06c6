"""Trying very many inputs: each ends in success or in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.contract import messages
from backend.errors import UserError
from tests.faults.tally import note

long_timeout = pytest.mark.timeout(3600)


def count(few: int, many: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("examples", [few, pytest.param(many, marks=[pytest.mark.long, long_timeout])])


def try_all(
    examples: int, strategy: st.SearchStrategy[Any], check: Callable[[Any], bool], *, least_refused: float = 0.05
) -> None:
    """Check that many inputs; `check` tells whether the input was accepted. least_refused: a share of all."""
    verdicts = {True: 0, False: 0}

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(value: Any) -> None:
        verdicts[check(value)] += 1

    run()
    note(sum(verdicts.values()), f"{verdicts[True]} accepted, {verdicts[False]} refused in a sentence")
    assert sum(verdicts.values()) >= examples * 0.9, "hypothesis ran out of ideas"
    assert verdicts[False] >= examples * least_refused, "hostile input must be refused now and then"


def says_why(error: UserError, *names: str) -> None:
    """A refusal is a sentence with the file or field in it, and arrives whole on the other side."""
    assert error.code and error.sentence.strip() and "Traceback" not in error.sentence
    assert any(name in error.sentence for name in names), error.sentence
    event = messages.Failed("a", error.code, error.sentence, error.hint, error.bad_input)
    assert messages.parse_event(messages.event_line(event)) == event
