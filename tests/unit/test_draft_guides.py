"""What the draft engine promises about guides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from .test_draft_engine import Listener, disc, run

SIZE = {"height": 160, "width": 256}


def drawing(x: float, y: float, wide: float = 1.0) -> np.ndarray:
    """An outlined ellipse with an inner ring, on clear ground."""
    large = np.zeros((SIZE["height"] * 4, SIZE["width"] * 4, 4), np.uint8)
    centre = round(x * 4), round(y * 4)
    cv2.ellipse(large, centre, (round(120 * wide), round(120 / wide)), 0, 0, 360, (60, 120, 200, 255), -1)
    cv2.ellipse(large, centre, (round(120 * wide), round(120 / wide)), 0, 0, 360, (20, 10, 20, 255), 10)
    cv2.circle(large, centre, 40, (220, 180, 40, 255), -1)
    cv2.circle(large, centre, 40, (20, 10, 20, 255), 8)
    return cv2.resize(large, (SIZE["width"], SIZE["height"]), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def lines_of(picture: np.ndarray) -> np.ndarray:
    dark = (picture[..., :3].sum(axis=-1) < 0.5) & (picture[..., 3] > 0.5)
    return 1 - dark.astype(np.float32)


def test_a_figure_goes_where_the_guide_says() -> None:
    truth = drawing(128, 110)
    start, end = drawing(60, 50), drawing(196, 50)
    plain = run(start, end, times=(0.5,))[0].picture
    listener = Listener()
    guided = run(start, end, {0.5: lines_of(truth)}, listener, times=(0.5,))[0].picture
    assert not listener.warnings
    assert np.abs(guided - truth).mean() < 0.25 * np.abs(plain - truth).mean()


def test_neighbours_of_a_guided_frame_follow_too() -> None:
    start, end = drawing(60, 50), drawing(196, 50)
    guided = run(start, end, {0.5: lines_of(drawing(128, 110))}, times=(0.3,))[0].picture
    rows, _ = np.nonzero(guided[..., 3] > 0.5)
    assert rows.mean() > 65


def test_a_guide_that_means_something_else_is_refused_and_changes_nothing() -> None:
    start, end = drawing(60, 50), drawing(196, 50)
    scribble = np.ones((SIZE["height"], SIZE["width"]), np.float32)
    rng = np.random.default_rng(4)
    for _ in range(30):
        a, b = (tuple(int(v) for v in rng.integers(5, 150, 2)) for _ in range(2))
        cv2.line(scribble, a, b, 0, 1)
    listener = Listener()
    guided = run(start, end, {0.5: scribble}, listener)
    assert [time for _, time in listener.warnings] == [0.5]
    for with_guide, without in zip(guided, run(start, end), strict=True):
        np.testing.assert_array_equal(with_guide.picture, without.picture)


def test_an_empty_guide_is_ignored_and_reported() -> None:
    listener = Listener()
    run(disc(40, 40), disc(80, 50), {0.5: np.ones((96, 128), np.float32)}, listener)
    assert [time for _, time in listener.warnings] == [0.5]


def test_strength_zero_ignores_guides_silently() -> None:
    start, end = drawing(60, 50), drawing(196, 50)
    listener = Listener()
    guided = run(start, end, {0.5: lines_of(drawing(128, 110))}, listener, guide_strength=0.0)
    assert not listener.warnings
    for with_guide, without in zip(guided, run(start, end), strict=True):
        np.testing.assert_array_equal(with_guide.picture, without.picture)


@pytest.mark.parametrize("times", [(0.2, 0.6), (0.6, 0.2)])
def test_several_guides_are_met_whatever_their_order(times: tuple[float, float]) -> None:
    places = {0.2: (90, 100), 0.6: (150, 100)}
    guides = {time: lines_of(drawing(*places[time])) for time in times}
    frames = run(drawing(60, 50), drawing(196, 50), guides, times=(0.2, 0.6))
    for frame in frames:
        assert np.abs(frame.picture - drawing(*places[frame.time])).mean() < 0.02


def figure(x: float, y: float, arm: float, turn: float = 0.0, *, only: str = "") -> np.ndarray:
    """A body with an eye and an arm that is raised by degrees; the whole figure turned by degrees about its middle.

    only: draw "arm" or "body" alone.
    """
    large = np.zeros((SIZE["height"] * 4, SIZE["width"] * 4, 4), np.uint8)
    ink = (20, 10, 20, 255)

    def at(points: np.ndarray) -> np.ndarray:
        cosine, sine = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
        placed = points @ np.array([[cosine, sine], [-sine, cosine]]) + (x * 4, y * 4)
        return np.rint(placed).astype(np.int32)

    around = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.column_stack([np.cos(around), np.sin(around)])
    raised = np.deg2rad(arm)
    along = np.array([np.cos(raised), -np.sin(raised)])
    across = np.array([-along[1], along[0]])
    limb = np.outer(circle[:, 0] * 90 + 90, along) + np.outer(circle[:, 1] * 28, across) + (70, -40)
    shapes = [(circle * (90, 150), (60, 120, 200, 255), "body"), (limb, (220, 90, 60, 255), "arm")]
    shapes.insert(1, (circle * 26 + (-10, -80), (240, 220, 90, 255), "body"))
    for outline, colour, name in shapes:
        if only in ("", name):
            cv2.fillPoly(large, [at(outline)], colour)
            cv2.polylines(large, [at(outline)], True, ink, 9, cv2.LINE_AA)
    return cv2.resize(large, (SIZE["width"], SIZE["height"]), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def roughened(guide: np.ndarray, seed: int) -> np.ndarray:
    """The same lines off by a few pixels, wobbling, and with gaps."""
    rng = np.random.default_rng(seed)
    shape = guide.shape

    def noise(width: float) -> np.ndarray:
        grain = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), width)
        return grain / grain.std()

    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    wobbling = cv2.remap(
        guide, x + 1.5 * noise(12) + 2, y + 1.5 * noise(12) - 1, cv2.INTER_LINEAR, borderValue=(1.0,)
    )
    gaps = noise(5)
    return np.where(gaps > np.quantile(gaps, 0.88), 1.0, wobbling).astype(np.float32)


def test_a_pose_far_from_both_keys_is_reached() -> None:
    start, end, truth = figure(60, 60, 10), figure(190, 60, 10), figure(130, 100, 60, turn=70)
    listener = Listener()
    (made,) = run(start, end, {0.5: lines_of(truth)}, listener, times=(0.5,))
    assert not listener.warnings
    assert np.abs(made.picture - truth).mean() < 0.015


def test_parts_found_anew_for_one_guide_still_go_through_the_others() -> None:
    truths = {0.3: figure(100, 100, 60, turn=40), 0.7: figure(150, 90, -20, turn=-20)}
    guides = {time: lines_of(truth) for time, truth in truths.items()}
    for frame in run(figure(60, 60, 10), figure(190, 60, 10), guides, times=(0.3, 0.7)):
        assert np.abs(frame.picture - truths[frame.time]).mean() < 0.004


def test_a_figure_lies_exactly_on_the_lines_of_its_guide() -> None:
    start, end, truth = figure(60, 60, 10), figure(190, 60, 10), figure(130, 72, 10, turn=9)
    (made,) = run(start, end, {0.5: lines_of(truth)}, times=(0.5,))
    assert np.abs(made.picture - truth).mean() < 0.001  # half a pixel beside them it is 0.0013


def test_a_rough_guide_is_followed_in_clean_shapes() -> None:
    start, end, truth = figure(60, 60, -20), figure(190, 60, -20), figure(130, 100, 50, turn=30)
    listener = Listener()
    (made,) = run(start, end, {0.5: roughened(lines_of(truth), 3)}, listener, times=(0.5,))
    assert not listener.warnings
    assert np.abs(made.picture - truth).mean() < 0.03
    pieces, _ = cv2.connectedComponents((made.picture[..., 3] > 0.5).astype(np.uint8))
    assert pieces == 2  # the ground and one figure


def test_a_guide_of_one_limb_moves_that_limb_only() -> None:
    start, end = figure(100, 80, -40), figure(104, 80, -40)
    truth = figure(102, 80, 40)
    (made,) = run(start, end, {0.5: lines_of(figure(102, 80, 40, only="arm"))}, times=(0.5,))
    (plain,) = run(start, end, times=(0.5,))
    error, before = (np.abs(frame.picture - truth).mean() for frame in (made, plain))
    assert error < 0.7 * before
    body = figure(102, 80, 40, only="body")[..., 3] > 0.9
    body[:, 105:] = False
    assert np.abs(made.picture - plain.picture)[body].mean() < 0.01


def test_a_guide_of_the_outline_alone_takes_the_details_along() -> None:
    truth = drawing(128, 110, 1.15)
    outline = np.full((SIZE["height"], SIZE["width"]), 255, np.uint8)
    contours, _ = cv2.findContours((truth[..., 3] > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(outline, contours, -1, 0, 2)
    listener = Listener()
    guides = {0.5: (outline / 255).astype(np.float32)}
    (made,) = run(drawing(60, 50), drawing(196, 50), guides, listener, times=(0.5,))
    assert not listener.warnings
    yellow = (made.picture[..., 0] > 0.7) & (made.picture[..., 2] < 0.4) & (made.picture[..., 3] > 0.5)
    rows, columns = np.nonzero(yellow)
    assert (columns.mean(), rows.mean()) == pytest.approx((128, 110), abs=4)


def test_a_shape_elsewhere_in_the_guide_does_not_take_a_feature_out_of_its_place() -> None:
    start, end, truth = figure(60, 60, 10), figure(190, 60, 10), figure(130, 100, 10, turn=20)
    contours, _ = cv2.findContours((truth[..., 3] > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    guide = np.ones((SIZE["height"], SIZE["width"]), np.float32)
    cv2.drawContours(guide, contours, -1, 0, 2)
    cv2.circle(guide, (130, 118), 7, 0, 2)  # a pocket, as large as the eye, which is not drawn
    (made,) = run(start, end, {0.5: guide}, times=(0.5,))

    def eye(picture: np.ndarray) -> np.ndarray:
        return np.argwhere(np.abs(picture[..., :3] - np.array([240, 220, 90]) / 255).max(axis=-1) < 0.05)

    assert np.linalg.norm(eye(made.picture).mean(axis=0) - eye(truth).mean(axis=0)) < 6
    assert len(eye(made.picture)) > 0.6 * len(eye(truth))


def test_frames_beside_a_guided_one_are_as_clean_as_without_a_guide() -> None:
    start, end = drawing(60, 50), drawing(196, 50)
    guide = lines_of(drawing(128, 110))
    for frame in run(start, end, {0.5: guide}, times=(0.25, 0.5, 0.75)):
        rows, columns = np.nonzero(frame.picture[..., 3] > 0.5)
        place = (columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2
        assert np.abs(frame.picture - drawing(*place)).mean() < 0.004


def test_with_arcs_the_way_through_a_guide_has_no_kink() -> None:
    start, end = drawing(60, 50), drawing(196, 50)
    guides = {0.5: lines_of(drawing(128, 110))}

    def heights(*, arcs: bool) -> list[float]:
        times = (0.4, 0.45, 0.5, 0.55, 0.6)
        frames = run(start, end, guides, times=times, arcs=arcs)
        return [float(np.nonzero(frame.picture[..., 3] > 0.5)[0].mean()) for frame in frames]

    bent, straight = np.diff(heights(arcs=True), 2), np.diff(heights(arcs=False), 2)
    assert abs(straight[1]) > 8
    assert np.abs(bent).max() < 4


def walker(step: float, arm: float, x: float = 128) -> np.ndarray:
    """A figure with two legs of one colour, apart by degrees, and an arm before its body, raised by degrees."""
    large = np.zeros((SIZE["height"] * 4, SIZE["width"] * 4, 4), np.uint8)

    def limb(at: tuple[float, float], turn: float, length: float, colour: tuple[int, int, int]) -> None:
        along = np.array([np.sin(np.deg2rad(turn)), np.cos(np.deg2rad(turn))])
        across = np.array([along[1], -along[0]])
        around = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        outline = (
            np.outer(np.cos(around) * length / 2 + length / 2, along) + np.outer(np.sin(around) * 7, across) + at
        )
        points = [np.rint(outline * 4).astype(np.int32)]
        cv2.fillPoly(large, points, (*colour, 255))
        cv2.polylines(large, points, True, (20, 10, 20, 255), 9, cv2.LINE_AA)

    limb((x - 4, 84), step, 60, (70, 60, 150))
    limb((x + 4, 84), -step, 60, (70, 60, 150))
    cv2.ellipse(large, (round(x * 4), 264), (72, 108), 0, 0, 360, (240, 200, 60, 255), -1)
    cv2.ellipse(large, (round(x * 4), 264), (72, 108), 0, 0, 360, (20, 10, 20, 255), 9)
    limb((x, 50), arm, 44, (230, 150, 110))
    return cv2.resize(large, (SIZE["width"], SIZE["height"]), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def test_limbs_that_no_key_shows_moving_are_led_by_their_lines() -> None:
    start, end, truth = walker(28, -20, 90), walker(-28, 150, 166), walker(10, 80)
    listener = Listener()
    made = run(start, end, {0.5: lines_of(truth)}, listener, times=(0.4, 0.5))
    plain = run(start, end, times=(0.5,))[0].picture
    assert not listener.warnings
    assert np.abs(made[1].picture - truth).mean() < 0.4 * np.abs(plain - truth).mean()
    apart = []
    for picture in (made[1].picture, truth):
        legs = (np.abs(picture[..., :3] - np.array([70, 60, 150]) / 255) < 0.05).all(axis=-1)
        apart.append(float(np.ptp(np.flatnonzero(legs[125:].any(axis=0)))))
    assert apart[0] == pytest.approx(apart[1], abs=3), "each leg on lines of its own"
    skin = [
        int((np.abs(picture[..., :3] - np.array([230, 150, 110]) / 255) < 0.05).all(axis=-1).sum())
        for picture in (made[0].picture, end)
    ]
    assert skin[0] > 0.85 * skin[1], "the arm is whole before the guide, too"


def test_an_arm_that_the_guide_raises_does_not_bend_the_path_of_the_body() -> None:
    start, end, truth = walker(28, -20, 90), walker(-28, -20, 166), walker(10, 130)

    def side_that_no_arm_covers(picture: np.ndarray) -> int:
        below_the_arm = picture[68:]
        yellow = np.abs(below_the_arm[..., :3] - np.array([240, 200, 60]) / 255).max(axis=-1) < 0.06
        return int(np.nonzero(yellow & (below_the_arm[..., 3] > 0.9))[1].max())

    for frame in run(start, end, {0.5: lines_of(truth)}, times=(0.25, 0.75), arcs=True):
        expected = side_that_no_arm_covers(start) + 76 * frame.time
        assert side_that_no_arm_covers(frame.picture) == pytest.approx(expected, abs=2)


def waving(phase: float) -> np.ndarray:
    """A flag of two stripes whose waves have that phase."""
    large = np.zeros((SIZE["height"] * 4, SIZE["width"] * 4, 4), np.uint8)
    x = np.linspace(50, 210, 80)
    for top, colour in ((40, (200, 60, 60, 255)), (80, (60, 90, 200, 255))):
        edges = [at + 14 * np.sin(x / 22 - phase) for at in (top, top + 40)]
        outline = np.concatenate([np.column_stack([x, edges[0]]), np.column_stack([x, edges[1]])[::-1]])
        cv2.fillPoly(large, [np.rint(outline * 4).astype(np.int32)], colour)
        cv2.polylines(large, [np.rint(outline * 4).astype(np.int32)], True, (20, 10, 20, 255), 9, cv2.LINE_AA)
    return cv2.resize(large, (SIZE["width"], SIZE["height"]), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def test_cloth_is_bent_onto_the_guide_in_one_piece() -> None:
    start, end, truth = waving(0), waving(1.6), waving(0.9)
    listener = Listener()
    (made,) = run(start, end, {0.5: lines_of(truth)}, listener, times=(0.5,))
    assert not listener.warnings
    assert np.abs(made.picture - truth).mean() < 0.012
    assert cv2.connectedComponents((made.picture[..., 3] > 0.5).astype(np.uint8))[0] == 2


def head(yaw: float) -> np.ndarray:
    """A face that turns by radians: its features slide over it."""
    large = np.zeros((SIZE["height"] * 4, SIZE["width"] * 4, 4), np.uint8)
    ink = (20, 10, 20, 255)

    def oval(x: float, y: float, wide: float, high: float, colour: tuple[int, ...]) -> None:
        shape = (round(x * 4), round(y * 4)), (round(wide * 4), round(high * 4)), 0, 0, 360
        cv2.ellipse(large, *shape, colour, -1)
        cv2.ellipse(large, *shape, ink, 9)

    oval(128 - 5 * np.sin(yaw), 76, 62, 66, (92, 50, 36, 255))
    oval(128 + 3 * np.sin(yaw), 86, 54, 56, (250, 204, 168, 255))
    for side in (-0.42, 0.42):
        deep = float(np.cos(side + yaw))
        x = 128 + 52 * np.sin(side + yaw)
        oval(x, 80, 10 * deep, 11, (255, 255, 255, 255))
        oval(x, 80, 4 * deep, 5, (40, 60, 110, 255))
    return cv2.resize(large, (SIZE["width"], SIZE["height"]), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def eyes(picture: np.ndarray) -> list[float]:
    """Where (columns) the whites of the eyes are, from left to right."""
    white = ((picture[..., :3] > 0.9).all(axis=-1) & (picture[..., 3] > 0.9)).astype(np.uint8)
    joined = cv2.morphologyEx(white, cv2.MORPH_CLOSE, np.ones((13, 13), np.uint8))
    _, _, stats, centres = cv2.connectedComponentsWithStats(joined)
    return sorted(
        float(x) for x, size in zip(centres[1:, 0], stats[1:, cv2.CC_STAT_AREA], strict=True) if size > 40
    )


def test_eyes_slide_over_a_head_that_turns_and_go_where_the_guide_draws_them() -> None:
    start, end = head(-0.6), head(0.6)
    (plain,) = run(start, end, times=(0.5,))
    assert eyes(plain.picture) == pytest.approx(eyes(head(0)), abs=9)
    listener = Listener()
    (made,) = run(start, end, {0.5: lines_of(head(0))}, listener, times=(0.5,))
    assert not listener.warnings
    assert eyes(made.picture) == pytest.approx(eyes(head(0)), abs=3)
