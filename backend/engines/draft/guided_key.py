"""What a guide stands for: several attempts at its picture, and the one whose lines lie closest to the guide's.

The unguided picture, as it is and bent onto the guide's lines, is good where little has to change. The keys,
posed after the guide region by region, also reach what is far from both: their parts are led through that pose,
or each posed key becomes a picture, alone and with what the other adds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

import cv2
import numpy as np

from ...machine.lasting_threads import LastingThreads
from .bending import MOST_FOLDED, ROUGH_SHARE, bend, enlarged, folded, resample
from .between import WORKING_SIDE_PIXELS, Between
from .colour import Gray, Premultiplied
from .crumbs import without_crumbs
from .filling import fill_areas
from .led_paths import led_through
from .line_sets import LineSet
from .lines import drawn_lines, share_near, strokes
from .posed_keys import bend_posed, compose_posed, expected_field, pose_keys
from .posed_parts import led_in_parts
from .settling import settled
from .wholeness import Wholeness

#: The gate: the least share of the guide's lines that the picture's must lie on.
LEAST_MET = 0.7
#: An unguided picture that meets so much of the guide, no further off than so much, needs none.
_MET, _MET_MISFIT = 0.98, 0.08
#: What is not closer to the guide than this share of the unguided picture's misfit is not worth leaving that.
_WORTH_IT = 0.9
#: Where that meets the guide anyway, and before a backdrop, more of which is uncovered, it must gain more.
_WORTH_TOUCHING, _WORTH_UNCOVERING = 0.8, 0.5
_FEWEST_POINTS = 20
#: How far (share of the diagonal) the unguided picture's lines may be from the guide's to be bent onto them.
_FAR = 0.09
#: Bending a segment onto a guide ends about so many pixels beside its lines: of the rest it says nothing.
_TOUCH_PIXELS = 30.0
#: What attempts of each kind must be better by (share of the reach) than the simpler ones to be preferred.
_BENT, _POSED, _GRAFTED = 0.008, 0.05, 0.056
#: What a pose costs that parts all regions from one another; half as much when these are led themselves.
_PARTED = 0.1
#: What leads the parts themselves through the guide is preferred: it needs no picture in between.
_LED = -0.04
#: What it costs to be torn into twice as many areas as the keys have, and to lack all that both keys have.
_TORN, _LOST = 0.3, 0.5
#: So many of the best attempts that lead parts are bent as well.
_MOST_BENT = 2
#: Lines that the guide does not have weigh this much against lines of the guide that are missed.
_EXTRA = 0.5


@dataclass(frozen=True)
class Attempt:
    """A picture that the guide might stand for.

    met: share of the guide's lines that its lines lie on. misfit: how far apart its lines and the guide's are, both
    ways. handicap: by how much it must be better than the simpler ones. damage: what it costs that it is torn.
    draw: makes it, at canvas size. led: the segment on paths that lead through it, if there are any.
    """

    met: float
    misfit: float
    handicap: float
    damage: float
    draw: Callable[[], Premultiplied]
    led: Between | None = None

    @property
    def cost(self) -> float:
        """What decides between attempts; less is better."""
        return self.misfit + self.handicap + self.damage


class TooFarError(Exception):
    """No attempt comes close to the guide."""


@dataclass(frozen=True)
class _Aim:
    """What to reach at a time (0..1): a guide's lines; strength (0..1): how far to go there.

    keys: both, of working size like the guide. drawn: their lines.
    """

    time: float
    guide: LineSet
    strength: float
    keys: tuple[Premultiplied, Premultiplied]
    drawn: tuple[LineSet, LineSet]
    wholeness: Wholeness

    @property
    def complete(self) -> bool:
        """Whether the guide has about as many lines as the keys."""
        return len(self.guide.centres) >= ROUGH_SHARE * min(len(lines.centres) for lines in self.drawn)

    def shown(self, picture: Premultiplied) -> Premultiplied:
        """Return a picture at working size."""
        return cv2.resize(picture, self.guide.strokes.shape[::-1], interpolation=cv2.INTER_AREA)


def follow_guide(
    whole: Between, time: float, guide: Gray, strength: float, *, anew: bool = True
) -> Between | Premultiplied:
    """Return the segment with its paths led through a guide (0 = line, uint8, canvas size), or a key to go through.

    The key is the picture that the guide stands for. What meets the guide anyway is returned as it is.

    whole: how the segment is drawn without the guide. strength: 0..1, how far to go from there to the guide.
    anew: whether parts may be found anew, which go through no other guide then.
    Raises TooFarError when it cannot be told what the guide means.
    """
    height, width = guide.shape
    scale = min(1.0, WORKING_SIDE_PIXELS / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    lines = LineSet(strokes(cv2.resize(guide, size, interpolation=cv2.INTER_AREA)))
    if len(lines.points) < _FEWEST_POINTS:
        raise TooFarError
    first, second = (cv2.resize(key, size, interpolation=cv2.INTER_AREA) for key in (whole.start, whole.end))
    drawn = LineSet(drawn_lines(first)), LineSet(drawn_lines(second))
    aim = _Aim(time, lines, strength, (first, second), drawn, Wholeness.of((first, second)))
    attempts = _predicted(whole, aim)
    if attempts[0].met > _MET and attempts[0].misfit < _MET_MISFIT:
        touched = min(attempts, key=lambda attempt: attempt.misfit)
        return touched.led or whole if touched.misfit < _WORTH_TOUCHING * attempts[0].misfit else whole
    if whole.method == "flow":
        attempts += _bent_keys(whole, aim)
    plain = attempts[0]
    most = (_WORTH_UNCOVERING if whole.opaque else _WORTH_IT) * plain.misfit
    if not whole.opaque or whole.method == "regions":
        attempts += _posed(whole, aim, most, anew=anew)
    best = min([plain, *(one for one in attempts if one.misfit < most)], key=lambda attempt: attempt.cost)
    if best.met < LEAST_MET:
        raise TooFarError
    if best.led is not None:
        return best.led
    picture = best.draw()
    return picture if whole.specks is None else without_crumbs(picture, whole.specks.without_limbs())


def _predicted(whole: Between, aim: _Aim) -> list[Attempt]:
    """Return the unguided picture first, and the same moved and bent onto the guide unless that would fold it."""
    plain = _led_attempt(whole, aim, 0.0)
    attempts = [plain]
    if (moved := settled(whole, aim.time, aim.drawn, aim.guide, aim.strength)) is not None:
        attempts.append(_led_attempt(moved, aim, 0.0))
    if whole.opaque and whole.method == "regions":  # its backdrop is where it belongs, and would be bent as well
        return attempts
    nearest = min(attempts, key=lambda attempt: attempt.misfit)
    assert nearest.led is not None
    bent = _touched_up(nearest.led, aim)
    return attempts if bent is None else [*attempts, _led_attempt(bent, aim, _BENT)]


def _led_attempt(between: Between, aim: _Aim, handicap: float) -> Attempt:
    picture = between.draw(aim.time)
    return _attempt(aim.shown(picture), aim, lambda: picture, handicap, led=between)


def _touched_up(between: Between, aim: _Aim) -> Between | None:
    """Return the segment bent onto the guide; None when that would fold it."""
    field = bend(aim.shown(between.draw(aim.time)), aim.guide, _FAR * float(np.hypot(*aim.guide.strokes.shape)))
    if not field.any() or folded(field) > MOST_FOLDED:
        return None
    away = cv2.distanceTransform((~aim.guide.strokes).astype(np.uint8), cv2.DIST_L2, 5)
    near = np.exp(-((away / _TOUCH_PIXELS) ** 2)) * np.float32(aim.strength)
    return between.touched_up(aim.time, field * near[..., None])


def _bent_keys(whole: Between, aim: _Aim) -> list[Attempt]:
    """Return each key bent as a whole, from where it is expected onto the guide: cloth has no parts to pose."""
    shape = aim.guide.strokes.shape
    attempts = []
    for side, (key, small) in enumerate(zip((whole.start, whole.end), aim.keys, strict=True)):
        expected = expected_field(whole, side, aim.time, shape)
        field = bend(small, aim.guide, _FAR * float(np.hypot(*shape)), start=expected)
        if folded(field) <= MOST_FOLDED:
            whole_field = enlarged(expected + (field - expected) * np.float32(aim.strength), key.shape[:2])
            draw = partial(resample, key, whole_field)
            attempts.append(_attempt(resample(small, field), aim, draw, _BENT))
    return attempts


def _posed(whole: Between, aim: _Aim, most: float, *, anew: bool) -> list[Attempt]:
    """Return the segment led through both keys' poses, and where that is not better anyway, each posed key.

    Posed keys come alone and with what the other adds. most: the misfit beyond which an attempt is of no use.
    anew: whether parts may be found anew.
    """
    small, guide = aim.keys, aim.guide
    with LastingThreads() as pool:
        posed = pose_keys(whole, small, aim.time, guide, pool)
        parted = [_PARTED * side.pose.parted for side in posed]
        attempts = [
            _settled_attempt(between, aim, _LED)
            for between in led_through(whole, aim.time, posed, guide, aim.strength)
        ]
        in_parts = led_in_parts(whole, aim.time, posed, aim.strength) if anew else None
        if in_parts is not None:
            attempts.append(_settled_attempt(in_parts, aim, _LED + min(parted) / 2))
        if aim.complete and not whole.opaque:
            for attempt in sorted(attempts, key=lambda one: one.cost)[:_MOST_BENT]:
                assert attempt.led is not None
                if (bent := _touched_up(attempt.led, aim)) is not None:
                    attempts.append(_led_attempt(bent, aim, attempt.handicap + _BENT))
        reached = min((one.cost for one in attempts if one.misfit < most), default=np.inf)
        wanted = [side for side in (0, 1) if posed[side].pose.understood and _POSED + parted[side] < reached]
        if not wanted:
            return attempts
        sides = list(pool.map(lambda side: bend_posed(posed, small, side, guide, opaque=whole.opaque), (0, 1)))
    softened = [side.softened(aim.strength) for side in sides]
    for side, graft in product(wanted, (False, True)):
        shown = compose_posed(sides, small, side, opaque=whole.opaque, graft=graft)
        draw = partial(compose_posed, softened, (whole.start, whole.end), side, opaque=whole.opaque, graft=graft)
        if not whole.opaque:
            shown, draw = fill_areas(shown, guide), partial(_filled, draw, guide)
        attempts.append(_attempt(shown, aim, draw, (_GRAFTED if graft else _POSED) + parted[side]))
    return attempts


def _settled_attempt(between: Between, aim: _Aim, handicap: float) -> Attempt:
    """Return a led segment, moved onto the guide if that is better."""
    best = _led_attempt(between, aim, handicap)
    moved = settled(between, aim.time, aim.drawn, aim.guide, aim.strength)
    if moved is not None and (nearer := _led_attempt(moved, aim, handicap)).cost < best.cost:
        return nearer
    return best


def _filled(draw: Callable[[], Premultiplied], guide: LineSet) -> Premultiplied:
    return fill_areas(draw(), guide)


def _attempt(
    picture: Premultiplied, aim: _Aim, draw: Callable[[], Premultiplied], handicap: float,
    led: Between | None = None,
) -> Attempt:  # fmt: skip
    """Measure a picture of working size against the guide."""
    drawn = LineSet(drawn_lines(picture))
    missed, extra = float(drawn.off(aim.guide.centres).mean()), float(aim.guide.off(drawn.centres).mean())
    met = share_near(aim.guide.strokes, drawn.strokes)
    damage = _TORN * aim.wholeness.torn(picture) + _LOST * aim.wholeness.lost(picture)
    return Attempt(met, missed + _EXTRA * extra, handicap, damage, draw, led)
