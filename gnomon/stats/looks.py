"""One look at a window: effects, evidence, and on which side of the bar each monitor is.

Above it: there is evidence (p below the level) of an effect above its tolerance: the lower confidence bound of PSI or
of KS, a share of missing values that moved by more, or that of new names, which have no KS. Below it: the effects
without their bias are under a part of the tolerances. Between them, and where there are too few rows, an alarm stays as
it is: silence neither raises nor clears.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from gnomon.stats import deviance
from gnomon.stats.alarms import STATISTICS, Bar, Tolerance
from gnomon.stats.bins import coarsen
from gnomon.stats.categories import Categories
from gnomon.stats.nominal import expected_new
from gnomon.stats.profile import Monitor, Profile
from gnomon.stats.two_sample import MANY_ROWS, missing

MIN_ROWS = 200


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What PSI and KS have to reach before a window of these sizes is above the bar, at a level."""

    level: float
    psi: float
    ks: float


def thresholds(
    n: int, m: int, groups: int, level: float, tolerance: Tolerance, design_effect: float = 1.0
) -> Thresholds:
    """For `n` rows of a window against `m` of the reference, PSI over `groups`; computed, never quoted.

    Raises:
        ValueError: no rows, or a level out of range.
    """
    if min(n, m) < 1 or not 0 < level < 1:
        raise ValueError(f"rows and a level between 0 and 1 expected, got {n}, {m} and {level}")
    k, rows = 1 / float(deviance.effective(m, n, design_effect)), float(deviance.effective(m, n, design_effect))
    psi = max(k * special.chdtri(groups - 1, level), k * deviance.quantile(groups - 1, tolerance.psi / k, level))
    ks = tolerance.ks + deviance.ks_margin(rows, level)
    return Thresholds(level=level, psi=psi, ks=ks)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One look at one monitor: effects, evidence, and where it stands. What too few rows cannot tell is NaN.

    `new_share` is of names that the reference does not have, `new_reference` what a clean window has of them.
    `psi` and `ks` are biased upwards by chance, `psi_corrected` and `ks_corrected` are not, `psi_lower` and `ks_lower`
    are lower confidence bounds at the level of the test. `p_value` is that of no drift at all, over all statistics.
    """

    name: str
    is_score: bool
    rows: int
    bar: Bar
    p_value: float = math.nan
    psi: float = math.nan
    psi_corrected: float = math.nan
    psi_lower: float = math.nan
    ks: float = math.nan
    ks_corrected: float = math.nan
    ks_lower: float = math.nan
    missing_share: float = math.nan
    missing_reference: float = math.nan
    new_share: float = math.nan
    new_reference: float = math.nan
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a look is held against. `clear` is the part of the tolerances below which an alarm may end."""

    level: float
    tolerance: Tolerance = dataclasses.field(default_factory=Tolerance)
    clear: float = 0.5
    design_effect: float = 1.0
    min_rows: int = MIN_ROWS

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level must be between 0 and 1, got {self.level}")
        if not 0 <= self.clear <= 1:
            raise ValueError(f"clear must be between 0 and 1, got {self.clear}")
        if not 1 <= self.design_effect < math.inf:
            raise ValueError(f"design_effect must be 1 or more, got {self.design_effect}")


def look(
    profile: Profile,
    counts: NDArray[np.int64],
    rule: Rule,
    design_effects: NDArray[np.float64] | None = None,
) -> list[Finding]:
    """A finding for each monitor on the flat `counts` (slots,) of one window.

    `design_effects` (n_monitors,) replace the rule's one for all.

    Raises:
        ValueError: counts of another profile, or not an effect for each monitor.
    """
    effects = [rule.design_effect] * len(profile.monitors) if design_effects is None else design_effects.tolist()
    return [
        look_at(monitor, window, dataclasses.replace(rule, design_effect=effect))
        for monitor, window, effect in zip(profile.monitors, profile.split(counts), effects, strict=True)
    ]


def look_at(monitor: Monitor, window: NDArray[np.int64], rule: Rule) -> Finding:
    """One monitor's `window` (slots,): its bins, and missing values last."""
    rows = int(window.sum())
    if rows < rule.min_rows or not monitor.counts.sum():
        few = f"{rows} rows, {rule.min_rows} needed"
        return Finding(name=monitor.name, is_score=monitor.is_score, rows=rows, bar=Bar.UNKNOWN, reason=few)
    shares = _missing(monitor, window, rows, rule)
    there = int(window[:-1].sum())
    if min(there, int(monitor.counts[:-1].sum())) < rule.min_rows:
        return _finding(monitor, rows, rule, shares)
    return _finding(monitor, rows, rule, shares | _distances(monitor, window[:-1], there, rule))


def _missing(monitor: Monitor, window: NDArray[np.int64], rows: int, rule: Rule) -> dict[str, Any]:
    return _share("missing", (int(monitor.counts[-1]), int(monitor.counts.sum())), (int(window[-1]), rows), rule)


def _share(what: str, reference: tuple[int, int], window: tuple[int, int], rule: Rule) -> dict[str, Any]:
    """Of (marked, rows) of each side."""
    marked, rows = (round(each / rule.design_effect) for each in window)
    return {
        f"{what}_share": window[0] / window[1],
        f"{what}_reference": reference[0] / reference[1],
        f"p_{what}": missing(reference, (min(marked, max(1, rows)), max(1, rows))),
    }


def _distances(monitor: Monitor, window: NDArray[np.int64], n: int, rule: Rule) -> dict[str, Any]:
    reference = monitor.counts[:-1]
    if monitor.categories is not None:
        return _of_names(monitor, monitor.categories, window, rule)
    m = int(reference.sum())
    rows = float(deviance.effective(m, n, rule.design_effect))
    labels = coarsen(reference, _groups(n, rule))
    old, new = (np.bincount(labels, counts).astype(np.int64) for counts in (reference, window))
    distances = _groups_apart(old, new, rule)
    ks = float(deviance.ks(reference, window))
    return distances | {
        "ks": ks,
        "ks_corrected": max(0.0, ks - deviance.MEAN_OF_KOLMOGOROV / math.sqrt(rows)),
        "ks_lower": max(0.0, ks - deviance.ks_margin(rows, rule.level)),
        "p_ks": float(deviance.ks_p_value(ks, rows)),
    }


def _of_names(monitor: Monitor, categories: Categories, window: NDArray[np.int64], rule: Rule) -> dict[str, Any]:
    """Names have no order, and no KS, but may be new.

    Groups go by the alphabet, and are of names alone that have a slot: which have one, and their order, was chosen by
    the counts of the reference, so the commonest would be too many in it.
    """
    m, n = int(monitor.counts[:-1].sum()), int(window.sum())
    new = _share("new", (expected_new(monitor), m), (int(window[categories.unseen]), n), rule)
    order = np.argsort([str(value) for value in categories.values], kind="stable")
    reference, seen = monitor.counts[order], window[order]
    if min(reference.sum(), seen.sum()) < rule.min_rows:
        return new
    labels = coarsen(reference, _groups(int(seen.sum()), rule))
    old, now = (np.bincount(labels, counts).astype(np.int64) for counts in (reference, seen))
    return new | _groups_apart(old, now, rule)


def _groups(n: int, rule: Rule) -> int:
    return 20 if n / rule.design_effect >= MANY_ROWS else 10


def _groups_apart(old: NDArray[np.int64], new: NDArray[np.int64], rule: Rule) -> dict[str, Any]:
    psi, degrees = float(deviance.psi(old, new)), len(old) - 1
    rows = float(deviance.effective(int(old.sum()), int(new.sum()), rule.design_effect))
    return {
        "psi": psi,
        "psi_corrected": psi - degrees / rows,
        "psi_lower": deviance.noncentrality(psi * rows, degrees, rule.level) / rows,
        "p_psi": float(deviance.deviance_p_value(old, new, rule.design_effect)),
    }


def _finding(monitor: Monitor, rows: int, rule: Rule, numbers: dict[str, Any]) -> Finding:
    p_values = {name: numbers.pop(f"p_{name}", 1.0) for name in ("psi", "ks", "missing", "new")}
    found = Finding(
        name=monitor.name,
        is_score=monitor.is_score,
        rows=rows,
        bar=Bar.BETWEEN,
        p_value=min(1.0, STATISTICS * min(p_values.values())),
        **numbers,
    )
    reasons = _reasons(found, rule, p_values)
    bar = Bar.ABOVE if reasons else Bar.BELOW if _is_calm(found, rule) else Bar.BETWEEN
    return dataclasses.replace(found, bar=bar, reason="; ".join(reasons) or _calm_reason(found, rule))


def _reasons(found: Finding, rule: Rule, p_values: dict[str, float]) -> list[str]:
    tolerance, reasons = rule.tolerance, []
    p_psi, p_ks, p_missing, p_new = p_values.values()
    if p_psi < rule.level and found.psi_lower > tolerance.psi:
        reasons.append(f"PSI {found.psi:.3f}, at least {found.psi_lower:.3f} > {tolerance.psi:g} (p = {p_psi:.1e})")
    if p_ks < rule.level and found.ks_lower > tolerance.ks:
        reasons.append(f"KS {found.ks:.3f}, at least {found.ks_lower:.3f} > {tolerance.ks:g} (p = {p_ks:.1e})")
    moved = abs(found.missing_share - found.missing_reference)
    if p_missing < rule.level and moved > tolerance.missing:
        shares = f"{found.missing_share:.1%} missing against {found.missing_reference:.1%}"
        reasons.append(f"{shares}, {moved:.3f} > {tolerance.missing:g} (p = {p_missing:.1e})")
    more = found.new_share - found.new_reference
    if p_new < rule.level and more > tolerance.missing:
        shares = f"{found.new_share:.1%} new values against {found.new_reference:.1%}"
        reasons.append(f"{shares}, {more:.3f} > {tolerance.missing:g} (p = {p_new:.1e})")
    return reasons


def _is_calm(found: Finding, rule: Rule) -> bool:
    """Under the lower bar with all that is known; a column that is missing altogether has no distance to be over."""
    part, tolerance = rule.clear, rule.tolerance
    moved = abs(found.missing_share - found.missing_reference) > part * tolerance.missing
    more = found.new_share - found.new_reference > part * tolerance.missing
    apart = found.psi_corrected > part * tolerance.psi or found.ks_corrected > part * tolerance.ks
    return not (apart or moved or more)


def _calm_reason(found: Finding, rule: Rule) -> str:
    if math.isnan(found.psi):
        return f"{found.missing_share:.1%} missing: too few values are left to compare"
    ks = "" if math.isnan(found.ks) else f" KS {found.ks:.3f};"
    return f"PSI {found.psi:.3f}, at least {found.psi_lower:.3f};{ks} p = {found.p_value:.1e}"
