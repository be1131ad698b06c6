"""What was done, how often, and whether it held: the table at the end of `python tasks.py faults`.

Each test stands for one time unless it notes how often it did what its name says. A plugin of pytest; tests that
note something work without it, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

_noted: list[tuple[int, str]] = []


def note(times: int, remark: str) -> None:
    """Note within a test how often it did it, and what is worth telling about that."""
    print(remark)
    _noted.append((times, remark))


@dataclass
class _Row:
    """What one test did, in all of its cases."""

    times: int = 0
    failed: int = 0
    skipped: int = 0
    remarks: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        if self.failed:
            return "FAILED"
        return "held" if self.times else "not possible here"


#: Rows by file and sentence, in the order in which they were run.
_rows: dict[tuple[str, str], _Row] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[Any]:
    """Attach to each test what it has noted."""
    _noted.clear()
    try:
        return (yield)
    finally:
        item.user_properties.extend(("tally", noted) for noted in _noted)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count it."""
    if report.when != "call" and report.passed:
        return
    file, _, name = report.nodeid.partition("::")
    sentence = re.sub(r"\[.*", "", name).removeprefix("test_").replace("_", " ")
    row = _rows.setdefault((file, sentence), _Row())
    noted = [value for key, value in report.user_properties if key == "tally"]
    row.remarks += [remark for _, remark in noted]
    row.failed += report.failed
    row.skipped += report.skipped
    if report.passed:
        row.times += sum(times for times, _ in noted) or 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the table."""
    terminalreporter.section("what was done, how often, and whether it held")
    before = ""
    for (file, sentence), row in _rows.items():
        if file != before:
            terminalreporter.write_line(f"\n{file}")
            before = file
        terminalreporter.write_line(f"{row.times:7d}  {row.outcome:<18}{sentence}")
        for remark in row.remarks:
            terminalreporter.write_line(f"{'':27}{remark}")
