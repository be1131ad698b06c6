"""What the draft engine promises for any two pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.contract.job import Settings
from backend.engines import Frame, Interval
from backend.engines.draft import DraftEngine
from backend.errors import Cancelled, UserError

TIMES = (0.25, 0.5, 0.8)


class Listener:
    """Keeps what the engine says; cancels when told to."""

    def __init__(self, cancel_at_step: int | None = None) -> None:
        self.notes: dict[str, object] = {}
        self.warnings: list[tuple[str, float | None]] = []
        self.steps: list[int] = []
        self.cancel_at_step = cancel_at_step

    def stage(self, name: str) -> None:
        pass

    def progress(self, step: int, of: int) -> None:
        self.steps.append(step)
        if self.cancel_at_step is not None and step >= self.cancel_at_step:
            raise Cancelled

    def warn(self, sentence: str, *, time: float | None = None) -> None:
        self.warnings.append((sentence, time))

    def note(self, key: str, value: object) -> None:
        self.notes[key] = value

    def preview(self, *_: object, **__: object) -> None:
        pass


def blank(height: int = 96, width: int = 128, colour: tuple[float, ...] = (0, 0, 0, 0)) -> np.ndarray:
    picture = np.zeros((height, width, 4), np.float32)
    picture[:] = colour
    return picture


def disc(x: float, y: float, radius: float = 20, height: int = 96, width: int = 128) -> np.ndarray:
    """A red disc with a dark outline on clear ground, anti-aliased."""
    rows, columns = np.mgrid[0:height, 0:width]
    distance = np.hypot(columns - x, rows - y)
    picture = np.zeros((height, width, 4), np.float32)
    picture[..., 0] = np.clip(radius - 2 - distance + 0.5, 0, 1) * 0.8
    picture[..., 3] = np.clip(radius - distance + 0.5, 0, 1)
    picture[picture[..., 3] == 0] = 0
    return picture


def run(start: np.ndarray, end: np.ndarray, guides=None, listener=None, times=TIMES, **chosen) -> list[Frame]:
    interval = Interval(start, end, times, guides or {})
    return list(DraftEngine().inbetween(interval, Settings(**chosen), listener or Listener()))


def noise(seed: int, height: int = 96, width: int = 128) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, 4), np.float32)


def opaque(picture: np.ndarray) -> np.ndarray:
    out = picture.copy()
    out[..., 3] = 1
    return out


def one_pixel(x: int, y: int) -> np.ndarray:
    picture = blank()
    picture[y, x] = (0, 0, 0, 1)
    return picture


PAIRS = {
    "identical": (disc(40, 40), disc(40, 40)),
    "start blank": (blank(), disc(40, 40)),
    "end blank": (disc(40, 40), blank()),
    "both blank": (blank(), blank()),
    "white to full": (blank(colour=(1, 1, 1, 1)), opaque(noise(1))),
    "unrelated noise": (opaque(noise(1)), opaque(noise(2))),
    "clear to opaque": (disc(40, 40), blank(colour=(0.2, 0.4, 0.6, 1))),
    "one pixel each": (one_pixel(20, 20), one_pixel(90, 70)),
    "half alpha": (disc(40, 40) * (1, 1, 1, 0.5), disc(80, 50) * (1, 1, 1, 0.5)),
    "swapped colours": (disc(40, 40), disc(40, 40)[..., [1, 0, 2, 3]]),
    "alpha noise": (noise(3), noise(4)),
    "single pixel canvas": (blank(1, 1, (1, 0, 0, 1)), blank(1, 1, (0, 0, 1, 1))),
    "sliver canvas": (noise(5, 3, 300), noise(6, 3, 300)),
    "square of the smallest size": (disc(15, 15, 9, 33, 33), disc(19, 18, 9, 33, 33)),
    "low and wide": (disc(500, 20, 14, 40, 1600), disc(620, 22, 14, 40, 1600)),
    "low and wide noise": (opaque(noise(7, 33, 640)), opaque(noise(8, 33, 640))),
    "high and narrow": (disc(20, 500, 14, 1600, 40), disc(22, 620, 14, 1600, 40)),
    "odd size": (disc(100, 100, 40, 319, 511), disc(300, 200, 50, 319, 511)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_every_odd_pair_gives_whole_frames_at_exactly_the_wanted_times(name: str) -> None:
    start, end = (key.astype(np.float32) for key in PAIRS[name])
    frames = run(start, end)
    assert [frame.time for frame in frames] == list(TIMES)
    for frame in frames:
        assert frame.picture.shape == start.shape
        assert frame.picture.dtype == np.float32
        assert np.isfinite(frame.picture).all()
        assert frame.picture.min() >= 0
        assert frame.picture.max() <= 1


def test_an_end_key_of_another_size_is_fitted_to_the_start_key() -> None:
    frames = run(disc(40, 40), disc(60, 60, 30, 150, 190))
    assert all(frame.picture.shape == (96, 128, 4) for frame in frames)


def test_the_same_keys_give_the_same_pixels_twice() -> None:
    start, end = disc(40, 40), disc(80, 55, 24)
    for first, second in zip(run(start, end), run(start, end), strict=True):
        np.testing.assert_array_equal(first.picture, second.picture)


def test_a_disc_moves_instead_of_fading() -> None:
    middle = run(disc(35, 40), disc(95, 56), times=(0.5,))[0].picture
    np.testing.assert_allclose(middle[..., 3], disc(65, 48)[..., 3], atol=0.35)
    assert float(np.abs(middle[..., 3] - disc(65, 48)[..., 3]).mean()) < 0.005


def test_flat_colours_stay_exactly_the_palette() -> None:
    middle = run(disc(35, 40), disc(95, 56), times=(0.5,))[0].picture
    inside = disc(65, 48, 14)[..., 3] == 1
    np.testing.assert_allclose(middle[inside], np.broadcast_to([0.8, 0, 0, 1], (inside.sum(), 4)), atol=1 / 255)


def test_what_stands_still_keeps_its_bits() -> None:
    backdrop = opaque(cv2.GaussianBlur(noise(9), (0, 0), 3))
    keys = []
    for x in (35, 60):
        figure = disc(x, 40, 16)
        key = backdrop * (1 - figure[..., 3:]) + figure * figure[..., 3:]
        key[..., 3] = 1
        keys.append(key.astype(np.float32))
    for frame in run(*keys):
        np.testing.assert_array_equal(frame.picture[:, 115:], keys[0][:, 115:])


def test_one_pixel_each_does_not_vanish() -> None:
    middle = run(one_pixel(20, 20), one_pixel(90, 70), times=(0.5,))[0].picture
    assert middle[..., 3].sum() == pytest.approx(1, abs=0.02)


def test_a_faint_wash_within_an_outline_moves_with_it() -> None:
    def washed(x: int) -> np.ndarray:
        picture = blank()
        picture[24:72, x : x + 48] = (0.1, 0.1, 0.1, 1)
        picture[28:68, x + 4 : x + 44] = (0.8, 0.2, 0.2, 0.3)
        return picture

    (middle,) = run(washed(10), washed(50), times=(0.5,))
    assert middle.picture[48, 54] == pytest.approx((0.8, 0.2, 0.2, 0.3), abs=0.01)
    assert not middle.picture[48, [20, 88]].any()


def test_clear_to_opaque_changes_step_by_step() -> None:
    corners = [f.picture[0, 0, 3] for f in run(disc(40, 40), blank(colour=(0.2, 0.4, 0.6, 1)))]
    np.testing.assert_allclose(corners, TIMES, atol=0.01)


def test_the_choice_of_the_self_check_is_noted() -> None:
    listener = Listener()
    run(disc(35, 40), disc(95, 56), listener=listener)
    assert listener.notes["method"] == "regions"


def test_a_canvas_beyond_the_limit_is_refused_in_a_sentence() -> None:
    huge = np.broadcast_to(np.zeros(4, np.float32), (3000, 6000, 4))
    with pytest.raises(UserError) as refusal:
        run(huge, huge)
    assert refusal.value.code == "picture-too-large"
    assert "6000 × 3000" in refusal.value.sentence


def test_cancelling_between_frames_ends_the_run() -> None:
    listener = Listener(cancel_at_step=2)
    frames = []
    with pytest.raises(Cancelled):
        for frame in DraftEngine().inbetween(Interval(disc(35, 40), disc(95, 56), TIMES), Settings(), listener):
            frames.append(frame)
    assert len(frames) == 1


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 99),
    kind=st.sampled_from(["clear", "opaque", "soft"]), time=st.floats(0.01, 0.99),
)  # fmt: skip
def test_any_size_alpha_and_time_give_a_valid_frame(
    height: int, width: int, seed: int, kind: str, time: float
) -> None:
    keys = [noise(seed + i, height, width) for i in range(2)]
    for key in keys:
        blob = cv2.GaussianBlur(key, (0, 0), 4)
        key[:] = np.round(blob * 6) / 6
        if kind == "opaque":
            key[..., 3] = 1
        elif kind == "clear":
            key[..., 3] = key[..., 0] > 0.5
    (frame,) = run(keys[0], keys[1], times=(time,))
    assert frame.picture.shape == keys[0].shape
    assert 0 <= frame.picture.min() <= frame.picture.max() <= 1


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    height=st.integers(33, 70), width=st.integers(33, 400), strokes=st.integers(0, 9), seed=st.integers(0, 99),
    backdrop=st.booleans(), arcs=st.booleans(), strength=st.floats(0, 1),
)  # fmt: skip
def test_any_guide_on_any_canvas_gives_valid_frames(
    height: int, width: int, strokes: int, seed: int, backdrop: bool, arcs: bool, strength: float
) -> None:
    random = np.random.default_rng(seed)
    places = random.uniform(0.3, 0.7, (2, 2)) * (width, height)
    keys = [disc(x, y, height / 4, height, width) for x, y in places]
    if backdrop:
        keys = [key + (1 - key[..., 3:]) * np.float32([0.4, 0.6, 0.8, 1]) for key in keys]
    guide = np.ones((height, width), np.float32)
    for _ in range(strokes):
        centre = [int(value) for value in random.uniform(0, 1, 2) * (width, height)]
        cv2.circle(guide, centre, int(height / 4), 0, 1)
    frames = run(keys[0], keys[1], {0.5: guide}, arcs=arcs, guide_strength=strength)
    assert [frame.time for frame in frames] == list(TIMES)
    for frame in frames:
        assert frame.picture.shape == keys[0].shape
        assert 0 <= frame.picture.min() <= frame.picture.max() <= 1
