"""Simulated months of a model that does not drift: counts in the bins of a profile, with a daily cycle.

A day has `SLOTS` sub-windows. A feature is normal with a mean that follows a sine of the day, each feature with its own
phase, and traffic has a cycle, too. Bins are quantiles of a reference of `reference_rows` rows that is as finite as a
real one: the true masses between its quantiles are Dirichlet. What is simulated is counts a sub-window, not rows:
Poisson in each bin, which is multinomial given the rows.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

BINS = 240
SLOTS = 8  # of three hours
SLOT_S = 86_400.0 / SLOTS
DAYS = 30
SWING = 0.4  # of a mean over the day, standard deviations
TRAFFIC_SWING = 0.8  # of rows an hour, of their mean
MISSING = 0.01
NIGHT = 0
_GRID = np.linspace(-9, 9, 4_001)

Counts = NDArray[Any]  # of integers
Numbers = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Shape of what is simulated."""

    features: int = 100
    rows_a_day: int = 8_000
    reference_rows: int = 50_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Month:
    """Counts of one model: `reference` (features, bins) over whole days and `by_slot` (SLOTS, features, bins) by the
    time of day; `windows` (looks, features, bins), a sub-window each; and the missing values of all of these.
    """

    reference: Counts
    by_slot: Counts
    windows: Counts
    missing: Counts
    missing_by_slot: Counts


def traffic() -> Numbers:
    """Rows of a sub-window (SLOTS,) as a share of the day's."""
    share = 1 + TRAFFIC_SWING * np.sin(2 * np.pi * (np.arange(SLOTS) / SLOTS - 0.25))
    normal: Numbers = share / share.sum()
    return normal


def month(
    world: World, rng: np.random.Generator, *, shift: float = 0.0, shifted_from: int = 0, share: float = 1.0
) -> Month:
    """A model's month. `shift` moves the mean of the first feature from a sub-window on, in standard deviations.

    With a `share` it is that of a slice with so many of the rows: the bins are those of the whole.
    """
    phases = rng.random(world.features)
    means = SWING * np.sin(2 * np.pi * (np.arange(SLOTS)[:, np.newaxis] / SLOTS - phases))
    edges = _edges(means, world, rng)
    rows = share * world.rows_a_day * traffic()[:, np.newaxis, np.newaxis]
    reference = share * world.reference_rows * traffic()[:, np.newaxis, np.newaxis]
    masses = _masses(edges, means)
    looks = np.arange(DAYS * SLOTS) % SLOTS
    rates = (rows * masses)[looks]
    if shift:
        moved = _masses(edges[:1], means[:, :1] + shift)
        rates[shifted_from:, :1] = (rows * moved)[looks[shifted_from:]]
    by_slot = rng.poisson(reference * masses)
    absent = (rows[:, :, 0] * MISSING)[looks] * np.ones(world.features)
    return Month(
        reference=_reference(world) if share == 1 else by_slot.sum(0),
        by_slot=by_slot,
        windows=rng.poisson(rates).astype(np.int32),
        missing=rng.poisson(absent),
        missing_by_slot=rng.poisson(reference[:, :, 0] * MISSING, (SLOTS, world.features)),
    )


def _reference(world: World) -> Counts:
    return np.full((world.features, BINS), world.reference_rows // BINS, np.int64)


def _edges(means: Numbers, world: World, rng: np.random.Generator) -> Numbers:
    """Inner edges (features, BINS - 1): quantiles of a finite sample of the whole day's mixture."""
    weight = np.full(BINS, world.reference_rows / BINS)
    reached = np.cumsum(rng.dirichlet(weight, world.features), axis=1)[:, :-1]
    day = np.einsum("s,sfg->fg", traffic(), special.ndtr(_GRID - means[:, :, np.newaxis]))
    return np.stack([np.interp(levels, curve, _GRID) for levels, curve in zip(reached, day, strict=True)])


def _masses(edges: Numbers, means: Numbers) -> Numbers:
    """True masses (SLOTS, features, BINS) of the bins at each time of day."""
    inner = special.ndtr(edges[np.newaxis] - means[:, :, np.newaxis])
    ends = np.zeros((*inner.shape[:2], 1))
    return np.diff(np.concatenate([ends, inner, ends + 1], axis=2), axis=2)
