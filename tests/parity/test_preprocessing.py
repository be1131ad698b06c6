"""Pictures and drawings reach the network with the golden numbers."""

from __future__ import annotations

import numpy as np
import torch

from backend.engines.tooncrafter.preprocessing import fit, fit_pixels, line_range, model_range, sketch_pixels

from .cases import Case


def numbered(case: Case, pattern: str) -> list[tuple[str, int, tuple[str, ...]]]:
    """(output's name, number of its picture, further groups of the pattern) of every matching output."""
    return [(match[1], int(match[2]), match.groups()[2:]) for match, _ in case.outputs(f"({pattern})")]


def test_pictures_are_fitted_as_in_the_published_application(preprocessing_case: Case) -> None:
    case = preprocessing_case
    names = numbered(case, r"app(\d+)_antialias([01])")
    assert names
    for name, index, (antialias,) in names:
        picture = model_range(case.input(f"image{index}").numpy())
        case.assert_equals(fit(picture, *case.info["resolution_hw"], antialias=antialias == "1"), name)


def test_pictures_are_fitted_as_on_the_published_command_line(preprocessing_case: Case) -> None:
    case = preprocessing_case
    names = numbered(case, r"cli(\d+)_u8")
    assert names
    for name, index, _ in names:
        fitted = fit_pixels(case.input(f"image{index}").numpy(), *case.info["resolution_hw"])
        assert np.array_equal(fitted.transpose(2, 0, 1), case.output(name).numpy())


def test_drawings_become_bright_lines_on_black(preprocessing_case: Case) -> None:
    case = preprocessing_case
    names = numbered(case, r"sketch(\d+)")
    assert names
    for name, index, _ in names:
        lines = line_range(case.input(f"image{index}").numpy())
        assert torch.equal(torch.from_numpy(lines), case.output(f"{name}_gray_inverted_u8"))
        case.assert_equals(sketch_pixels(lines, *case.info["resolution_hw"]), name)
