"""Colours: what a decoder adds is taken away again, and what is even comes out even."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from backend.engines.tooncrafter.colour import correct
from backend.engines.tooncrafter.flat_areas import flatten
from backend.engines.tooncrafter.palette import palette_of

FRAMES = 16
Content = Callable[[float, int], np.ndarray]
Fault = Callable[[np.ndarray, float, float], np.ndarray]
COLOURS = np.array(
    [(0.98, 0.82, 0.70), (0.25, 0.35, 0.75), (0.12, 0.10, 0.14), (0.85, 0.25, 0.30), (0.95, 0.95, 0.9)], np.float32
)


def figure(time: float, seed: int, *, painted: bool = False) -> np.ndarray:
    """A figure of flat shapes with outlines that crosses a backdrop and turns while it goes, (160, 256, 3)."""
    random = np.random.default_rng(seed)
    if painted:
        small = random.random((6, 9, 3), dtype=np.float32)
        picture = cv2.resize(small, (256, 160), interpolation=cv2.INTER_CUBIC).clip(0.1, 0.9)
    else:
        picture = np.full((160, 256, 3), random.choice([0.55, 0.75, 0.9]), np.float32) * np.float32(
            [0.8, 0.95, 1.0]
        )
    x = 70 + time * 110
    for index in range(5):
        colour = COLOURS[(index + seed) % len(COLOURS)].tolist()
        angle = index * 1.3 + time * 0.9
        centre = (int(x + 30 * np.cos(angle)), int(80 + 34 * np.sin(angle)))
        axes = (14 + int(random.integers(0, 10)), 22)
        turn = np.degrees(angle)
        cv2.ellipse(picture, centre, axes, turn, 0, 360, colour, -1, cv2.LINE_8)
        cv2.ellipse(picture, centre, axes, turn, 0, 360, (0.1, 0.09, 0.12), 2, cv2.LINE_8)
    return picture


def faulty_decoder(truth: np.ndarray, seed: int) -> np.ndarray:
    """Add what is known of the model: tones that drift from key to key, and flashes near them."""
    random = np.random.default_rng(seed)
    drift = random.uniform(-0.07, 0.07, 3)
    base = random.uniform(-0.03, 0.03, 3)
    contrast = random.uniform(-0.08, 0.08, 3)
    flash = np.zeros(FRAMES)
    flash[[1, 2, -3, -2]] = np.array([1.0, 0.4, 0.5, 1.0]) * random.choice([-1, 1]) * random.uniform(0.06, 0.12)
    decoded = np.empty_like(truth)
    for index, frame in enumerate(truth):
        time = index / (FRAMES - 1)
        gain = 1 + contrast * time + 0.5 * flash[index]
        decoded[index] = frame * gain + base + drift * time + 0.6 * flash[index]
    return decoded + random.normal(0, 0.002, truth.shape).astype(np.float32)


@pytest.mark.parametrize("painted", [False, True], ids=["flat backdrop", "painted backdrop"])
@pytest.mark.parametrize("seed", range(8))
def test_drift_and_flash_are_gone(seed: int, painted: bool) -> None:
    truth = np.stack([figure(index / (FRAMES - 1), seed, painted=painted) for index in range(FRAMES)])
    decoded = faulty_decoder(truth, seed)
    before = np.abs(decoded - truth).mean(axis=(1, 2)).max() * 255
    assert before > 6, "the decoder's fault must be worth correcting"
    corrected = correct(decoded, truth[0], truth[-1])
    off = np.abs(corrected.mean(axis=(1, 2)) - truth.mean(axis=(1, 2))).max() * 255
    typical = np.median(np.abs(corrected - truth), axis=(1, 2)).max() * 255
    assert off <= 2, f"a frame's mean colour is {off:.1f} of 255 off ({before:.1f} before)"
    assert typical <= 2, f"a frame's typical pixel is {typical:.1f} of 255 off"


def lines(time: float, seed: int) -> np.ndarray:
    """Dark strokes on white paper that sweep to the right."""
    random = np.random.default_rng(seed)
    picture = np.ones((160, 256, 3), np.float32)
    for x, y, u, v in random.uniform(20, 140, (14, 4)):
        begin, end = (int(x * 0.8 + 90 * time), int(y)), (int(u + 80 * time), int(v + 20 * time))
        cv2.line(picture, begin, end, (0.05, 0.05, 0.08), 2, cv2.LINE_AA)
    return picture


def panned_painting(time: float, seed: int) -> np.ndarray:
    """A painted backdrop that passes by behind a figure."""
    small = np.random.default_rng(seed).random((7, 12, 3), dtype=np.float32)
    backdrop = cv2.resize(small, (416, 160), interpolation=cv2.INTER_CUBIC).clip(0.05, 0.95)
    left = int(40 + time * 70)
    picture = backdrop[:, left : left + 256].copy()
    cv2.circle(picture, (int(60 + 130 * time), 90), 40, (0.9, 0.7, 0.55), -1, cv2.LINE_AA)
    return picture


def dusk(time: float, seed: int) -> np.ndarray:
    """A figure while the light goes: the picture truly changes."""
    return figure(time, seed) * np.float32(1 - 0.25 * time)


def night(time: float, seed: int) -> np.ndarray:
    return figure(time, seed) * np.float32(0.3)


def bend(pixels: np.ndarray, time: float, flash: float) -> np.ndarray:
    return np.clip(pixels, 0, 1) ** np.exp(0.18 * time + flash)


def fade_colour(pixels: np.ndarray, time: float, flash: float) -> np.ndarray:
    grey = pixels.mean(axis=-1, keepdims=True)
    return grey + (pixels - grey) * (1 - 0.25 * time + flash)


def mix_channels(pixels: np.ndarray, time: float, flash: float) -> np.ndarray:
    mixing = np.float32([[0.05, -0.05, 0.02], [-0.04, 0.03, 0.05], [0.03, 0.04, -0.06]])
    return pixels + pixels @ mixing * time + 0.5 * flash


def swell(pixels: np.ndarray, time: float, flash: float) -> np.ndarray:
    return pixels + np.float32([0.08, -0.05, -0.09]) * np.sin(np.pi * time) + 0.6 * flash


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (lines, swell), (lines, bend), (panned_painting, mix_channels), (panned_painting, fade_colour),
        (dusk, swell), (dusk, mix_channels), (night, bend), (night, mix_channels), (figure, bend),
    ],
    ids=lambda value: value.__name__,
)  # fmt: skip
def test_other_faults_are_gone_from_other_pictures_too(content: Content, fault: Fault) -> None:
    truth = np.stack([content(index / (FRAMES - 1), 4) for index in range(FRAMES)])
    flashes = 0.1 * np.array([0, 1, 0.5, 0.1, *[0.0] * 8, -0.1, -0.4, -1, 0])
    decoded = np.stack(
        [fault(frame, index / (FRAMES - 1), flashes[index]) for index, frame in enumerate(truth)]
    ).astype(np.float32)
    corrected = correct(decoded, truth[0], truth[-1])
    off = np.abs(corrected - truth).mean(axis=(1, 2, 3)) * 255
    assert off.max() <= 2, f"frame {off.argmax()} is {off.max():.1f} of 255 off"


def test_the_keys_own_frames_come_out_as_the_keys() -> None:
    truth = np.stack([figure(index / (FRAMES - 1), 3) for index in range(FRAMES)])
    corrected = correct(faulty_decoder(truth, 3), truth[0], truth[-1])
    assert (corrected[0] == truth[0]).all() and (corrected[-1] == truth[-1]).all()


@pytest.mark.parametrize("painted", [False, True])
def test_a_faultless_decoder_is_left_alone(painted: bool) -> None:
    truth = np.stack([figure(index / (FRAMES - 1), 5, painted=painted) for index in range(FRAMES)])
    assert np.abs(correct(truth, truth[0], truth[-1]) - truth).max() * 255 < 1.5


def test_a_picture_that_truly_changes_keeps_its_change() -> None:
    truth = np.stack([figure(index / (FRAMES - 1), 2) for index in range(FRAMES)])
    truth[5:11, 20:70, 20:90] = (0.05, 0.75, 0.35)  # a thing that neither key shows comes and goes
    corrected = correct(truth, truth[0], truth[-1])
    assert np.abs(corrected - truth).max() * 255 < 4


@pytest.mark.parametrize("seed", range(3))
def test_colours_far_from_the_keys_bring_no_flicker(seed: int) -> None:
    truth = np.stack([figure(index / (FRAMES - 1), seed) for index in range(FRAMES)])
    random = np.random.default_rng(seed)
    blotches = random.normal(0, 0.12, (2, 10, 16, 3)).astype(np.float32)
    decoded = truth.copy()
    for index in range(1, FRAMES - 1):  # blotches that turn into others, as a model draws that has learned little
        share = index / (FRAMES - 1)
        wrong = blotches[0] * (1 - share) + blotches[1] * share + random.normal(0, 0.02, (10, 16, 3))
        decoded[index] += cv2.resize(wrong, (256, 160), interpolation=cv2.INTER_CUBIC)
    corrected = correct(decoded, truth[0], truth[-1])
    assert flicker(corrected) <= max(flicker(decoded), 1.0) + 1


def flicker(frames: np.ndarray) -> float:
    """The largest jump of an in-between's mean colour from one to the next, of 255."""
    return float(np.abs(np.diff(frames[1:-1].mean(axis=(1, 2)), axis=0)).max() * 255)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_pictures_of_one_colour_break_nothing(value: float) -> None:
    key = np.full((32, 48, 3), value, np.float32)
    frames = np.repeat(key[None], FRAMES, axis=0) + np.float32(0.05)
    assert np.abs(correct(frames, key, key) - key).max() * 255 < 2


@pytest.mark.parametrize("seed", range(4))
def test_noise_stays_finite(seed: int) -> None:
    random = np.random.default_rng(seed)
    frames = random.normal(0.5, 1.5, (FRAMES, 24, 40, 3)).astype(np.float32)
    keys = random.random((2, 24, 40, 3), dtype=np.float32)
    assert np.isfinite(correct(frames, keys[0], keys[1])).all()


@pytest.mark.parametrize("seed", range(4))
def test_even_areas_come_out_even(seed: int) -> None:
    keys = figure(0, seed), figure(1, seed)
    truth = figure(0.5, seed)
    palette = palette_of(keys)
    noisy = truth + np.random.default_rng(seed).normal(0, 0.015, truth.shape).astype(np.float32)
    flat = flatten(noisy, palette.flat)
    around = np.ones((9, 9), np.uint8)
    inside = (cv2.erode(truth, around) == cv2.dilate(truth, around)).all(axis=-1)
    assert inside.mean() > 0.3
    off = np.abs(flat - truth)[inside].max(axis=-1) * 255
    assert np.quantile(off, 0.99) <= 2


def test_a_painting_is_not_made_flat() -> None:
    rows, columns = np.mgrid[:96, :128].astype(np.float32)
    painting = np.dstack([rows / 96, columns / 128, 0.5 + 0.3 * np.sin(rows / 9)]).astype(np.float32)
    palette = palette_of([painting, painting])
    assert (flatten(painting, palette.flat) == painting).all()
