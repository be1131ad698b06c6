"""Which motion each region makes: the one under which it looks like the other key, and like its neighbours'.

Energy: sum of mismatches + 0.75 * border length * how far two neighbours' motions part (capped at 8 px),
minimised by iterated conditional modes (Besag 1986, "On the statistical analysis of dirty pictures").
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .affine import Affine, inverse
from .hypotheses import Hypotheses
from .mismatch import Border, Mismatch, Small, costs_of
from .sides import Side

SMOOTHNESS = 0.75
APART_PIXELS = 8.0
SWEEPS = 5
#: How much the other key's drawing of the same region says about its motion.
_AGREEING = 0.5
#: By how much (mean mismatch) a motion may explain both drawings of a region worse than each one's own best does.
_SAME_REGION = 0.2
#: What leaving all that it may hang on in its own key by so many pixels costs.
_COMING_LOOSE = 0.25
_LOOSE_PIXELS = 10.0
#: What one more motion costs, in pixels that match as badly as can be, and what each of its pixels adds to that.
MOTION_COST = 20.0
MOTION_COST_SHARE = 0.03
#: Further motions are looked for so many times: a hand hangs on a forearm, that on an arm.
_CHAIN = 2


@dataclass(frozen=True)
class Choice:
    """What labelling knows about one key before both keys agree on the motions to keep.

    chosen: (regions,) the motion of each region. costs: (regions, motions). area: (regions,). Costs and areas are
    in the pixels they were summed over. misfit: (regions,) the mean mismatch under the motion that explains most.
    """

    chosen: NDArray[Any]
    costs: NDArray[Any]
    area: NDArray[Any]
    misfit: NDArray[Any]
    camera: int


def choose_motions(
    sides: tuple[Side, Side], known: Hypotheses, pool: Executor, *, still_backdrop: bool,
    paired_again: Callable[[NDArray[Any]], Hypotheses | None],
    further: tuple[Callable[[NDArray[Any]], list[Affine]], ...],
) -> tuple[tuple[Choice, Choice], list[tuple[int, int]]]:  # fmt: skip
    """Choose a motion for every region of both keys; return these and which region is which.

    known: what is known of the motions so far. still_backdrop: the pictures were cut out of larger ones whose rest
    does not change. paired_again: what is known better, with further motions alone, when it is told what was chosen
    for each region of the start key. further: find more motions of either key (to the other) when they are told
    what was chosen for each of its regions.
    """
    pairs = known.pairs
    smalls = tuple(Small.of(side) for side in sides)
    seen = tuple(
        pool.map(lambda side, small: Mismatch.of(side, small, known.camera, still_backdrop), sides, smalls)
    )
    choices = _choose(sides, smalls, seen, pairs, pool)

    def chosen_with(motions: list[Affine]) -> tuple[Choice, Choice]:
        nonlocal smalls, seen
        for motion in motions:
            sides[0].add_motion(motion)
            sides[1].add_motion(inverse(motion))
        smalls = tuple(small.with_motions(side) for side, small in zip(sides, smalls, strict=True))
        seen = tuple(pool.map(Mismatch.extended, seen, sides, smalls))
        return _choose(sides, smalls, seen, pairs, pool)

    better = paired_again(choices[0].chosen)
    if better is not None:
        pairs = better.pairs
        sides[0].attachments[:] = better.attachments
        sides[1].attachments[:] = [attachment.reversed() for attachment in better.attachments]
        choices = chosen_with(better.motions)
    for _ in range(_CHAIN):
        turns = list(pool.map(lambda find, choice: find(choice.chosen), further, choices))
        motions = [*turns[0], *(inverse(motion) for motion in turns[1])]
        if not motions:
            break
        choices = chosen_with(motions)
    return choices, pairs


def _choose(
    sides: tuple[Side, Side], smalls: tuple[Small, ...], seen: tuple[Mismatch, ...],
    pairs: list[tuple[int, int]], pool: Executor,
) -> tuple[Choice, Choice]:  # fmt: skip
    """Choose among the motions whose mismatch is known."""
    first, second = (costs_of(*one) for one in zip(sides, smalls, seen, strict=True))
    areas = [one.area for one in seen]
    told = first.copy(), second.copy()
    for i, j in pairs:
        if _same_region(first[i] / areas[0][i], second[j] / areas[1][j]):
            told[0][i] += _AGREEING * second[j]
            told[1][j] += _AGREEING * first[i]

    def chosen(index: int) -> Choice:
        one = seen[index]
        best = _minimise(sides[index], one.area, smalls[index].borders, told[index])
        return Choice(best, (first, second)[index], one.area, one.total.min(axis=1) / one.area, one.camera)

    one, other = pool.map(chosen, (0, 1))
    return one, other


def _same_region(cost: NDArray[Any], other_cost: NDArray[Any]) -> bool:
    """Say whether two matched regions may be one: some motion explains both nearly as well as any explains each.

    cost, other_cost: (motions,) the mean mismatch of a pixel of each.
    """
    return bool((cost + other_cost).min() <= cost.min() + other_cost.min() + _SAME_REGION)


def simplified(sides: tuple[Choice, Choice]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the choice of both keys with as few different motions as explain nearly as much.

    One motion at a time is given up, the least missed first, as long as its regions lose little by going with
    another that is used anyway (a label cost: Delong et al. 2012, "Fast Approximate Energy Minimization with Label
    Costs"). Both keys give it up together, so that they tell the same story.
    """
    costs = np.concatenate([side.costs for side in sides])
    area = np.concatenate([side.area for side in sides])
    chosen = np.concatenate([side.chosen for side in sides])
    while True:
        used = np.unique(chosen)
        loss = costs[:, used] - costs[np.arange(len(chosen)), chosen][:, None]
        best: tuple[float, int, int] | None = None
        for motion in used:
            own = chosen == motion
            allowed = MOTION_COST + MOTION_COST_SHARE * area[own].sum()
            lost = loss[own].sum(axis=0)
            lost[used == motion] = np.inf
            heir = int(lost.argmin())
            if lost[heir] < allowed and (best is None or lost[heir] - allowed < best[0]):
                best = float(lost[heir] - allowed), int(motion), int(used[heir])
        if best is None:
            break
        chosen[chosen == best[1]] = best[2]
    first = len(sides[0].chosen)
    return chosen[:first], chosen[first:]


def _minimise(side: Side, area: NDArray[Any], borders: list[Border], costs: NDArray[Any]) -> NDArray[Any]:
    """Return the motion (from 0) of each region."""
    count = side.regions.count
    neighbours: list[list[tuple[int, float, NDArray[Any]]]] = [[] for _ in range(count)]
    motions = np.array(side.motions)
    for i, j, length, middle in borders:
        there = motions @ np.array([*middle, 1.0])
        neighbours[i - 1].append((j - 1, length, there))
        neighbours[j - 1].append((i - 1, length, there))
    packed = [
        (
            np.array([other for other, _, _ in near]),
            np.array([length for _, length, _ in near]),
            np.array([there for _, _, there in near]),
        )
        for near in neighbours
    ]
    held: list[list[tuple[int, NDArray[Any]]]] = [[] for _ in range(count)]
    linear = motions[:, :, :2].transpose(0, 2, 1)
    for region, carrier, contact in side.joints:
        held[region].append((carrier, contact.points @ linear + motions[:, None, :, 2]))
    chosen = np.asarray(costs.argmin(axis=1))
    order = np.argsort(-area, kind="stable")
    for _ in range(SWEEPS):
        before = chosen.copy()
        for region in order:
            others, lengths, there = packed[region]
            energy = costs[region]
            if len(others):
                anchored = there[np.arange(len(others)), chosen[others]]
                apart = np.linalg.norm(there - anchored[:, None], axis=-1) / APART_PIXELS
                energy = energy + SMOOTHNESS * lengths @ np.minimum(apart, 1)
            if held[region]:
                apart = [
                    np.linalg.norm(there - there[chosen[carrier]], axis=2).min(axis=1)
                    for carrier, there in held[region]
                ]
                loose = np.minimum(np.min(apart, axis=0) / _LOOSE_PIXELS, 1)
                energy = energy + _COMING_LOOSE * area[region] * loose
            chosen[region] = energy.argmin()
        if (chosen == before).all():
            break
    return chosen
