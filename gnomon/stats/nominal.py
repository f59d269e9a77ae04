"""Tests of shares: categories against categories, and how many values are missing, or new."""

import dataclasses

import numpy as np
from scipy import special

from gnomon.stats.monitor import Monitor
from gnomon.stats.samples import NotEnoughSamples
from gnomon.stats.two_sample import Counts, missing

ROWS = 50
_EXPECTED = 5.0  # values a cell, below which cells are taken together


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChiSquareResult:
    """Pearson's chi-square of two samples of categories.

    Attributes:
        value: the statistic; p_value: of no drift at all; degrees: of freedom.
        distance: the largest difference of a share, between 0 and 1: how much, where p_value says whether.
        n: values of the window.
    """

    value: float
    p_value: float
    degrees: int
    distance: float
    n: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShareResult:
    """A share of the window's rows, the reference's, and the two-sided p-value of their being the same; n rows."""

    share: float
    reference: float
    p_value: float
    n: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutsideResult:
    """Shares of a window's values below and above all of the reference; n values. Clean windows have about 1/m each."""

    below: float
    above: float
    n: int


def chi_square(reference_counts: Counts, window_counts: Counts) -> ChiSquareResult:
    """Of (n_cells,) counts of the same categories, without missing values.

    Cells with fewer than 5 values expected on either side are one cell together, so the p-value can be believed.

    Raises:
        NotEnoughSamples: fewer than 50 values on either side.
        ValueError: shapes differ.
    """
    if reference_counts.ndim != 1 or reference_counts.shape != window_counts.shape:
        raise ValueError(f"counts must be of the same cells, got {reference_counts.shape} and {window_counts.shape}")
    m, n = int(reference_counts.sum()), int(window_counts.sum())
    if min(n, m) < ROWS:
        raise NotEnoughSamples(min(n, m), ROWS)
    both = np.stack([reference_counts, window_counts]).astype(np.float64)
    rare = both.sum(axis=0) * min(n, m) / (n + m) < _EXPECTED
    cells = np.column_stack([both[:, ~rare], both[:, rare].sum(axis=1)])
    cells = cells[:, cells.sum(axis=0) > 0]
    expected = cells.sum(axis=1, keepdims=True) * cells.sum(axis=0) / (n + m)
    value, degrees = float(((cells - expected) ** 2 / expected).sum()), cells.shape[1] - 1
    return ChiSquareResult(
        value=value,
        p_value=float(special.chdtrc(degrees, value)) if degrees else 1.0,
        degrees=degrees,
        distance=float(np.abs(reference_counts / m - window_counts / n).max()),
        n=n,
    )


def missing_share(monitor: Monitor, window: Counts) -> ShareResult:
    """Of missing values among a monitor's `window` counts (slots,). Raises: NotEnoughSamples: no rows on a side."""
    return _share((int(monitor.counts[-1]), int(monitor.counts.sum())), (int(window[-1]), int(window.sum())))


def new_share(monitor: Monitor, window: Counts) -> ShareResult:
    """Of values that the reference does not have, among the values of a categorical monitor's `window` (slots,).

    What a clean window has of them is estimated by Good and Turing: as many as there are values the reference has once.
    In a part of the reference, an hour's or a slice's, that is too many: what is new there is found later.

    Raises:
        NotEnoughSamples: no values on a side.
        ValueError: not a categorical monitor.
    """
    if monitor.categories is None:
        raise ValueError(f"monitor {monitor.name!r} is of numbers: its values outside the reference are below or above")
    new, rows = int(window[monitor.categories.unseen]), int(monitor.counts[:-1].sum())
    return _share((expected_new(monitor), rows), (new, int(window[:-1].sum())))


def expected_new(monitor: Monitor) -> int:
    """How many of the reference's rows stand for values that are new: those it counted, where it was recounted."""
    assert monitor.categories is not None
    counted = int(monitor.counts[monitor.categories.unseen])
    return counted or min(monitor.categories.once, int(monitor.counts[:-1].sum()))


def outside(monitor: Monitor, window: Counts) -> OutsideResult:
    """Of a monitor of numbers, from its `window` counts (slots,). Raises: NotEnoughSamples: no values."""
    n = int(window[:-1].sum())
    if n == 0:
        raise NotEnoughSamples(0, 1)
    return OutsideResult(below=int(window[monitor.below].sum()) / n, above=int(window[monitor.above].sum()) / n, n=n)


def _share(reference: tuple[int, int], window: tuple[int, int]) -> ShareResult:
    p_value = missing(reference, window)
    return ShareResult(share=window[0] / window[1], reference=reference[0] / reference[1], p_value=p_value, n=window[1])
