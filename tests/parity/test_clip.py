"""Prompts and pictures become the golden context."""

from __future__ import annotations

import re

import pytest
import torch

from backend.engines.tooncrafter.preprocessing import clip_pixels, model_range
from backend.engines.tooncrafter.tokenizer import tokenize

from .cases import Case, table
from .models import whole_model


def test_prompts_become_the_golden_token_numbers() -> None:
    known = table("tokens.json")
    if known is None:
        pytest.skip("the folder of cases has no tokens")
    prompts = [case["prompt"] for case in known["cases"]]
    for case, row in zip(known["cases"], tokenize(prompts, 77).tolist(), strict=True):
        assert row == case["ids"] + [0] * (77 - len(case["ids"])), case["prompt"]


def test_a_text_becomes_the_golden_embedding(clip_case: Case) -> None:
    case = clip_case
    tower = whole_model(case).text_tower
    tokens = tokenize(case.info["prompts"], tower.positional_embedding.shape[0])
    assert torch.equal(tokens, case.input("tokens").long())
    case.assert_equals(tower(tokens), "text")


def test_a_picture_is_prepared_as_the_vision_tower_was_trained(clip_case: Case) -> None:
    case = clip_case
    size = whole_model(case).vision_tower.image_size
    stride = re.search(r"\[::(\d+), ::(\d+)\]", case.info["meaning"]["out.preN"])
    crop = re.search(r"rows (\d+)\.\.(\d+), cols (\d+)\.\.(\d+)", case.info["meaning"]["out.preN_crop"])
    assert stride and crop
    top, bottom, left, right = map(int, crop.groups())
    indices = [int(match[1]) for match, _ in case.outputs(r"pre(\d+)")]
    assert indices
    for index in indices:
        pixels = clip_pixels(model_range(case.input(f"image{index}").numpy()), size)
        case.assert_equals(pixels[:, :: int(stride[1]), :: int(stride[2])], f"pre{index}")
        case.assert_equals(pixels[:, top : bottom + 1, left : right + 1], f"pre{index}_crop")
        case.assert_equals(pixels.mean(dim=(1, 2)), f"pre{index}_mean")


def test_a_picture_becomes_the_golden_tokens(clip_case: Case) -> None:
    case = clip_case
    model = whole_model(case)
    indices = [int(match[1]) for match, _ in case.outputs(r"vis(\d+)")]
    assert indices
    for index in indices:
        picture = model_range(case.input(f"image{index}").numpy())
        tokens = model.vision_tower(clip_pixels(picture, model.vision_tower.image_size)[None])
        case.assert_equals(tokens, f"vis{index}")
        if f"out.img_tokens{index}" in case.tensors:
            case.assert_equals(model.image_projector(tokens), f"img_tokens{index}")


def test_no_picture_is_mid_grey_of_any_size(clip_case: Case) -> None:
    case = clip_case
    model = whole_model(case)
    for match, _ in case.outputs(r"(vis_zero.*)"):
        said = re.search(r"zeros 3x(\d+)x(\d+)", case.info["meaning"][f"out.{match[1]}"])
        assert said
        picture = torch.zeros(3, int(said[1]), int(said[2]))
        tokens = model.vision_tower(clip_pixels(picture, model.vision_tower.image_size)[None])
        case.assert_equals(tokens, match[1])
    case.assert_equals(model.image_projector(tokens), "img_tokens_zero")
