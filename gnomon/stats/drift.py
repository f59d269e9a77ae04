"""Has a window of traffic drifted from the training data, and materially so?

Two questions are kept apart. "Is there any drift?" has a p-value, and with enough rows the answer is always yes.
"Is it more than we tolerate?" is what an alarm asks: of the lower confidence bound of PSI, of a significant KS distance
above its tolerance, and of a significant change in the share of missing values. Names have no order and no KS: of
categories it is the share of values that the reference does not have.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gnomon.stats import nominal
from gnomon.stats.nominal import ShareResult
from gnomon.stats.profile import Monitor, Profile
from gnomon.stats.samples import NotEnoughSamples
from gnomon.stats.two_sample import KsResult, PsiResult, ks, missing, psi

__all__ = ["KsResult", "MonitorVerdict", "PsiResult", "judge", "ks", "missing", "psi"]

_MIN_ROWS = 50
_SHARE_TOLERANCE = 0.05
_NO_PSI = PsiResult(
    value=math.nan, corrected=math.nan, p_value=math.nan, tolerance_p_value=math.nan, lower=math.nan, n=0, groups=0
)
_NO_KS = KsResult(lo=math.nan, hi=math.nan, p_value=math.nan, n=0)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MonitorVerdict:
    """What a window says about one monitor; a statistic with too few values behind it is NaN.

    `rows` counts missing values too; shares of missing values are between 0 and 1. `reason` names the numbers.
    """

    name: str
    is_score: bool
    rows: int
    psi: float
    psi_corrected: float
    psi_p_value: float
    psi_lower: float
    ks_lo: float
    ks_hi: float
    ks_p_value: float
    missing_share: float
    missing_reference: float
    alarmed: bool
    reason: str


def judge(
    profile: Profile,
    counts: NDArray[np.int64],
    *,
    alpha: float = 1e-3,
    tolerance: float = 0.1,
    ks_tolerance: float = 0.1,
) -> list[MonitorVerdict]:
    """A verdict for each monitor on the flat `counts` (slots,) of one window.

    `alpha` bounds the chance that one window raises any false alarm: it is split over the monitors and the three
    statistics, which holds however they depend on each other. `tolerance` is the PSI that is still harmless.

    Known weakness: rows are taken as independent; many rows of one caller count for more than they are worth. Windows
    looked at again and again spend `alpha` each time.

    Raises:
        ValueError: counts of another profile, or alpha or a tolerance out of range.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    if not (tolerance >= 0 and ks_tolerance >= 0):
        raise ValueError(f"tolerances must not be negative, got {tolerance} and {ks_tolerance}")
    level = alpha / (3 * max(1, len(profile.monitors)))
    return [
        _judge_monitor(monitor, window, level, tolerance, ks_tolerance)
        for monitor, window in zip(profile.monitors, profile.split(counts), strict=True)
    ]


def _judge_monitor(
    monitor: Monitor, window: NDArray[np.int64], level: float, tolerance: float, ks_tolerance: float
) -> MonitorVerdict:
    rows = int(window.sum())
    psi_result = _psi_or_none(monitor, window, tolerance, level)
    ks_result = _ks_or_none(monitor, window)
    reasons = [
        *_psi_reasons(psi_result, level, tolerance),
        *_ks_reasons(ks_result, level, ks_tolerance),
        *_missing_reasons(monitor, window, level),
        *_new_reasons(monitor, window, level),
    ]
    alarmed = bool(reasons) and rows >= _MIN_ROWS
    return MonitorVerdict(
        name=monitor.name,
        is_score=monitor.is_score,
        rows=rows,
        psi=psi_result.value,
        psi_corrected=psi_result.corrected,
        psi_p_value=psi_result.p_value,
        psi_lower=psi_result.lower,
        ks_lo=ks_result.lo,
        ks_hi=ks_result.hi,
        ks_p_value=ks_result.p_value,
        missing_share=_missing_share(window),
        missing_reference=_missing_share(monitor.counts),
        alarmed=alarmed,
        reason="; ".join(reasons) if alarmed else _calm_reason(rows, psi_result, ks_result, tolerance, ks_tolerance),
    )


def _psi_or_none(monitor: Monitor, window: NDArray[np.int64], tolerance: float, level: float) -> PsiResult:
    try:
        return psi(monitor.counts[:-1], window[:-1], tolerance=tolerance, alpha=level)
    except NotEnoughSamples:
        return _NO_PSI


def _ks_or_none(monitor: Monitor, window: NDArray[np.int64]) -> KsResult:
    if monitor.kind == "categorical":  # names have no order
        return _NO_KS
    try:
        return ks(monitor.counts[:-1], window[:-1], monitor.singleton)
    except NotEnoughSamples:
        return _NO_KS


def _psi_reasons(result: PsiResult, level: float, tolerance: float) -> list[str]:
    if not result.lower > tolerance:
        return []
    return [f"PSI {result.value:.3f} is at least {result.lower:.3f} > {tolerance:g} at level {level:.1e}"]


def _ks_reasons(result: KsResult, level: float, tolerance: float) -> list[str]:
    if not (result.p_value < level and result.lo > tolerance):
        return []
    return [f"KS {result.lo:.3f} > {tolerance:g} with p = {result.p_value:.1e} < {level:.1e}"]


def _missing_reasons(monitor: Monitor, window: NDArray[np.int64], level: float) -> list[str]:
    return _share_reasons("missing values", nominal.missing_share, monitor, window, level)


def _new_reasons(monitor: Monitor, window: NDArray[np.int64], level: float) -> list[str]:
    if monitor.kind != "categorical":
        return []
    return _share_reasons("values not in the reference", nominal.new_share, monitor, window, level)


def _share_reasons(
    what: str,
    statistic: Callable[[Monitor, NDArray[np.int64]], ShareResult],
    monitor: Monitor,
    window: NDArray[np.int64],
    level: float,
) -> list[str]:
    try:
        found = statistic(monitor, window)
    except NotEnoughSamples:
        return []
    if not (abs(found.share - found.reference) > _SHARE_TOLERANCE and found.p_value < level):
        return []
    return [f"{what} {found.share:.1%}, {found.reference:.1%} in the reference, p = {found.p_value:.1e} < {level:.1e}"]


def _missing_share(counts: NDArray[np.int64]) -> float:
    rows = int(counts.sum())
    return int(counts[-1]) / rows if rows else math.nan


def _calm_reason(rows: int, psi_result: PsiResult, ks_result: KsResult, tolerance: float, ks_tolerance: float) -> str:
    if rows < _MIN_ROWS:
        return f"too few rows: {rows}, at least {_MIN_ROWS} needed"
    if math.isnan(psi_result.value):
        return f"too few values that are not missing among {rows} rows, or in the reference"
    calm = f"PSI {psi_result.value:.3f}, at least {psi_result.lower:.3f}, tolerated {tolerance:g}"
    if math.isnan(ks_result.lo):
        return calm
    return f"{calm}; KS {ks_result.lo:.3f} with p = {ks_result.p_value:.1e}, tolerated {ks_tolerance:g}"
