"""The small trained model of tests/data/nano through the real engine: weights that have learned to in-between.

Clips of seeds that its training never saw; `benchmarks/nano.py measure` compares many more of them.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `tooncrafter`")

from benchmarks import nano  # noqa: E402
from benchmarks.nano_clips import make_clip  # noqa: E402

SEEDS = range(nano.MEASURED_FROM + 500, nano.MEASURED_FROM + 503)


@pytest.fixture(scope="module")
def engine() -> nano.ToonCrafterEngine:
    return nano.open_engine(nano.KEPT)


def test_what_it_draws_is_clearly_nearer_to_the_truth_than_a_cross_fade_and_than_a_key(
    engine: nano.ToonCrafterEngine,
) -> None:
    middle = list(nano.MIDDLE)
    rows = []
    for kind in ("turn", "cross"):
        for seed in SEEDS:
            clip = make_clip(kind, "cartoon", seed)
            truth = nano.unit(clip.frames)[middle]
            ways = nano.draw(engine, clip), nano.cross_fade(clip), nano.nearest_key(clip)
            rows.append([nano.psnr(way[middle], truth) for way in ways])
    drawn, faded, key = np.mean(rows, axis=0)
    assert drawn > faded + 2
    assert drawn > key + 3


def test_the_same_seed_draws_the_same_and_the_keys_are_the_artists(engine: nano.ToonCrafterEngine) -> None:
    clip = make_clip("turn", "cartoon", SEEDS[0])
    once, again = nano.draw(engine, clip), nano.draw(engine, clip)
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(once[[0, -1]], nano.unit(clip.frames)[[0, -1]])


def test_a_guide_takes_away_most_of_the_error_where_keys_do_not_tell_the_way(
    engine: nano.ToonCrafterEngine,
) -> None:
    clips = [make_clip("arc", "cartoon", seed) for seed in SEEDS]
    alone = [nano.error_at_guide(clip, nano.draw(engine, clip)) for clip in clips]
    led = [nano.error_at_guide(clip, nano.draw(engine, clip, (nano.GUIDED,))) for clip in clips]
    assert np.mean(led) < np.mean(alone) / 2, (led, alone)
