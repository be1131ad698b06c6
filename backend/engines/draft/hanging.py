"""How regions of a pose hang together: what parting costs, and where a region can go that hangs on others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .affine import Affine, Points, about, fit_rigid, rotation, transform
from .contacts import Contact

#: What parting from a neighbour costs per border pixel.
PARTING = 0.6
#: How far (radians) limbs are tried to turn.
TURNS = np.deg2rad([-120, -95, -75, -55, -40, -25, -12, 12, 25, 40, 55, 75, 95, 120])


def apart(places: NDArray[Any], others: Points, slack: float) -> NDArray[Any]:
    """Return for (motions, points, 2) how far they are from (points, 2), 0 (together) .. 1 (parted: by `slack`)."""
    difference = places - others
    distance = np.sqrt(np.einsum("mpi,mpi->mp", difference, difference)) / slack
    return np.asarray(np.minimum(distance, 1).mean(axis=1))


def parted(contact: Contact, motions: list[Affine]) -> float:
    """Return how far (0..1) the border of two regions parts. motions: of all regions."""
    first, second = (transform(motions[k], contact.points) for k in (contact.first, contact.second))
    return float(apart(first[None], second, contact.slack)[0])


def share_parted(motions: list[Affine], contacts: list[Contact]) -> float:
    """Return the share of the borders between regions along which these part. motions: of all regions."""
    lengths = np.array([contact.length for contact in contacts])
    if not len(lengths):
        return 0.0
    return float(lengths @ [parted(contact, motions) for contact in contacts] / lengths.sum())


def hung(region: int, motions: list[Affine], beside: list[Contact]) -> list[Affine]:
    """Return where a region may be that goes with others: where it is, between them, and turned about each border.

    motions: of all regions. beside: the region's contacts.
    """
    middles = np.array([contact.middle for contact in beside])
    carried = [motions[contact.other(region)] for contact in beside]
    places = np.array([transform(motion, middle[None])[0] for motion, middle in zip(carried, middles, strict=True)])
    candidates = [motions[region]]
    if len(beside) > 1:
        candidates.append(fit_rigid(middles, places, np.array([contact.length for contact in beside])))
    for motion, middle, place in zip(carried, middles, places, strict=True):
        candidates += [about(rotation(turn) @ motion[:, :2], middle, place) for turn in (0.0, *TURNS)]
    return candidates


def border_parted(
    region: int, candidates: list[Affine], motions: list[Affine], beside: list[Contact]
) -> NDArray[Any]:
    """Return what it costs each candidate that the middles of the region's borders part from its neighbours'."""
    cost = np.zeros(len(candidates))
    stack = np.array(candidates)
    for contact in beside:
        middle = contact.middle
        place = transform(motions[contact.other(region)], middle[None])
        there = stack[:, :, :2] @ middle + stack[:, :, 2]
        cost += PARTING * contact.length * apart(there[:, None], place, contact.slack)
    return cost
