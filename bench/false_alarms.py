"""False alarms and detection of drift rules on simulated model-months, beside the folk thresholds.

    python -m bench.false_alarms [--quick]

300 months without drift, 100 features with daily cycles, a look every three hours. A false alarm is a feature that goes
above its bar; the budget is one a month over all features. Then one feature in 100 moves by a quarter of a standard
deviation. Seeds are fixed; the same command prints the same table.
"""

import argparse
import dataclasses
import functools
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from bench.model_months import DAYS, NIGHT, SLOT_S, SLOTS, Counts, Month, World, month
from gnomon.stats import Budget, Tolerance, deviance, slices, thresholds
from gnomon.stats.alarms import STATISTICS
from gnomon.stats.looks import MIN_ROWS
from gnomon.stats.shares import share_p_value
from gnomon.stats.two_sample import MANY_ROWS

FEATURES = 100
SHIFT = 0.25
SHARES = (0.4, 0.3, 0.2, 0.1)  # of the rows, of each slice
BUDGET = Budget()
MINUTE_S = 60.0

Above = NDArray[np.bool_]  # (looks, features)
Look = Callable[[Month], "Views"]
Judge = Callable[["Views"], Above]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Views:
    """Windows (..., features, bins) and what they are held against: counts that broadcast to them."""

    windows: Counts
    reference: Counts
    missing: Counts
    missing_reference: Counts

    @functools.cached_property
    def n(self) -> Counts:
        rows: Counts = self.windows.sum(-1, dtype=np.int64)
        return rows

    @functools.cached_property
    def m(self) -> Counts:
        return np.broadcast_to(self.reference.sum(-1), self.n.shape)

    @functools.cached_property
    def groups(self) -> int:
        return 20 if self.n.min() >= MANY_ROWS else 10

    @functools.cached_property
    def psi(self) -> NDArray[np.float64]:
        return deviance.psi(self._grouped(self.reference), self._grouped(self.windows))

    @functools.cached_property
    def ks(self) -> NDArray[np.float64]:
        """As `deviance.ks`, in place and in float32, which holds these counts exactly: it is most of the work here."""
        apart = np.cumsum(self.windows, axis=-1, dtype=np.float32)
        apart /= np.maximum(self.n, 1)[..., np.newaxis].astype(np.float32)
        apart -= (np.cumsum(self.reference, axis=-1) / self.reference.sum(-1)[..., np.newaxis]).astype(np.float32)
        largest: NDArray[np.float32] = np.abs(apart, out=apart).max(-1)
        return largest.astype(np.float64)

    @functools.cached_property
    def ks_p_value(self) -> NDArray[np.float64]:
        return deviance.ks_p_value(self.ks, deviance.effective(self.m.astype(np.float64), self.n))

    @functools.cached_property
    def deviance_p_value(self) -> NDArray[np.float64]:
        return deviance.deviance_p_value(self._grouped(self.reference), self._grouped(self.windows))

    @functools.cached_property
    def missing_p_value(self) -> NDArray[np.float64]:
        absent = np.broadcast_to(self.missing_reference, self.n.shape)
        return share_p_value(self.missing, self.missing + self.n, absent, absent + self.m)

    def _grouped(self, counts: Counts) -> Counts:
        return joined(counts, self.groups)


def joined(counts: Counts, groups: int) -> Counts:
    """Counts (..., groups) of neighbouring bins."""
    sums: Counts = counts.reshape(*counts.shape[:-1], groups, counts.shape[-1] // groups).sum(-1)
    return sums


def days(simulated: Month) -> Views:
    """A day's window at every look, against a reference that covers the day."""
    return Views(
        windows=_sliding(simulated.windows),
        reference=simulated.reference,
        missing=_sliding(simulated.missing),
        missing_reference=simulated.missing_by_slot.sum(0),
    )


def by_time_of_day(simulated: Month) -> Views:
    """A window of three hours, against the reference of these hours."""
    return Views(
        windows=simulated.windows.reshape(DAYS, *simulated.by_slot.shape),
        reference=simulated.by_slot,
        missing=simulated.missing.reshape(DAYS, *simulated.missing_by_slot.shape),
        missing_reference=simulated.missing_by_slot,
    )


def hours_against_days(simulated: Month) -> Views:
    """A window of three hours, against a reference of whole days: drift by construction."""
    return Views(
        windows=simulated.windows,
        reference=simulated.reference,
        missing=simulated.missing,
        missing_reference=simulated.missing_by_slot.sum(0),
    )


def days_against_a_night(simulated: Month) -> Views:
    """A day's window against a reference collected in one night: drift by construction."""
    one_night = {"reference": simulated.by_slot[NIGHT], "missing_reference": simulated.missing_by_slot[NIGHT]}
    return dataclasses.replace(days(simulated), **one_night)


def days_of_a_slice(simulated: Month) -> Views:
    """As `days`, in the bins of slices."""
    whole = days(simulated)
    return dataclasses.replace(
        whole, windows=joined(whole.windows, slices.BINS), reference=joined(whole.reference, slices.BINS)
    )


def _sliding(counts: Counts) -> Counts:
    """Sums (looks - SLOTS + 1, …) of as many neighbouring sub-windows as a day has."""
    total = counts[: len(counts) - SLOTS + 1].copy()
    for later in range(1, SLOTS):
        total += counts[later : len(counts) - SLOTS + 1 + later]
    return total


def budgeted(tolerance: Tolerance, look_s: float = SLOT_S, monitors: int = FEATURES) -> Judge:
    """Our rule: evidence at the level of the budget, and a lower bound of the effect above its tolerance."""
    level = BUDGET.level(STATISTICS * monitors, look_s)

    def judge(views: Views) -> Above:
        candidates = (views.deviance_p_value < level) | (views.ks_p_value < level)
        above = (views.missing_p_value < level) & (_moved(views) > tolerance.missing)
        for at in zip(*np.nonzero(candidates), strict=True):
            bars = _thresholds(_rounded(views.n[at]), _rounded(views.m[at]), views.groups, level, tolerance)
            by_psi = views.deviance_p_value[at] < level and views.psi[at] > bars.psi
            above[at] |= by_psi or (views.ks_p_value[at] < level and views.ks[at] > bars.ks)
        return above & (views.n >= MIN_ROWS)

    return judge


_thresholds = functools.lru_cache(maxsize=10_000)(thresholds)


def _rounded(rows: int) -> int:
    """Down to two digits: fewer rows have higher thresholds."""
    step = 10 ** max(0, len(str(rows)) - 2)
    return int(max(1, int(rows) // step * step))


def _moved(views: Views) -> NDArray[np.float64]:
    share: NDArray[np.float64] = views.missing / np.maximum(views.missing + views.n, 1)
    reference: NDArray[np.float64] = views.missing_reference / (views.missing_reference + views.m)
    moved: NDArray[np.float64] = np.abs(share - reference)
    return moved


BUDGETED = {
    "budget, evidence alone": Tolerance(psi=0, ks=0, missing=0),
    "budget, evidence and effect": Tolerance(),
}
EVIDENCE, ALARM = map(budgeted, BUDGETED.values())
RULES: dict[str, Judge] = {
    "PSI > 0.1": lambda views: views.psi > 0.1,
    "PSI > 0.2": lambda views: views.psi > 0.2,
    "KS p < 0.05": lambda views: views.ks_p_value < 0.05,
    **dict(zip(BUDGETED, (EVIDENCE, ALARM), strict=True)),
}
VIEWS: dict[str, Look] = {"a day, of whole days": days, "3 hours, of these hours": by_time_of_day}
NAIVE: dict[str, Look] = {"3 hours, of whole days": hours_against_days, "a day, of one night": days_against_a_night}


def alarms(above: Above) -> int:
    """Times that a feature went above its bar, from (looks or days and times of day, features)."""
    above = above.reshape(-1, above.shape[-1])
    return int(above[0].sum() + (above[1:] & ~above[:-1]).sum())


def count(world: World, views: dict[str, Look], seed: int) -> Counts:
    """False alarms (views, rules) in one month."""
    simulated = month(world, np.random.default_rng(seed))
    looked = [view(simulated) for view in views.values()]
    return np.array([[alarms(rule(look)) for rule in RULES.values()] for look in looked])


def count_sliced(world: World, seed: int) -> Counts:
    """False alarms (1, rules) in one month of a model and its slices, which share the budget. They are drawn each by
    itself: how alike they are changes no mean."""
    rng = np.random.default_rng(seed)
    looked = [days(month(world, rng)), *(days_of_a_slice(month(world, rng, share=share)) for share in SHARES)]
    monitors = FEATURES * len(looked)
    rules = RULES | {name: budgeted(tolerance, monitors=monitors) for name, tolerance in BUDGETED.items()}
    return np.array([[sum(alarms(rule(look)) for look in looked) for rule in rules.values()]])


def rows_until_found(world: World, seed: int) -> tuple[float, float]:
    """Rows after a shift of one feature until its alarm, with a look every three hours, and at the level of a look a
    minute; infinite where it never came. The shift begins after ten days.
    """
    start = 10 * SLOTS
    simulated = month(world, np.random.default_rng(seed), shift=SHIFT, shifted_from=start)
    look = days(simulated)
    look = Views(
        windows=look.windows[:, :1], reference=look.reference[:1], missing=look.missing[:, :1],
        missing_reference=look.missing_reference[:1],
    )  # fmt: skip
    arrived = np.cumsum(simulated.windows[start:, 0].sum(-1))
    found = []
    for look_s in (SLOT_S, MINUTE_S):
        above = budgeted(Tolerance(), look_s)(look)[start - SLOTS + 1 :, 0]
        found.append(float(arrived[np.argmax(above)]) if above.any() else np.inf)
    return found[0], found[1]


def _months(counted: Callable[[int], Counts], seeds: range) -> Counts:
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="months") as pool:
        return np.stack(list(pool.map(counted, seeds)))


def _print(title: str, views: Sequence[str], counts: Counts) -> None:
    print(f"\n{title}: false alarms a month over {FEATURES} features, mean (largest month)\n")
    print("| rule | " + " | ".join(views) + " |\n|---|" + "---|" * len(views))
    for index, rule in enumerate(RULES):
        cells = [f"{of.mean():.3g} ({of.max()})" for of in counts[:, :, index].T]
        print(f"| {rule} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.false_alarms", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the months")
    months = 30 if parser.parse_args().quick else 300
    began_s = time.perf_counter()
    world = World(features=FEATURES)
    print(f"{DAYS} days a month, a look every {SLOT_S / 3600:g} hours; level {BUDGET.level(300, SLOT_S):.1e}")
    counted = _months(functools.partial(count, world, VIEWS), range(months))
    _print(f"{world.rows_a_day} rows a day, {months} months", list(VIEWS), counted)
    for rows in (200, 1_000):
        small = dataclasses.replace(world, rows_a_day=rows)
        some = range(1_000, 1_000 + months // 5)
        counted = _months(functools.partial(count, small, _first(VIEWS)), some)
        _print(f"{rows} rows a day, {len(some)} months", list(VIEWS)[:1], counted)
    few = range(2_000, 2_000 + max(1, months // 60))
    counted = _months(functools.partial(count, world, NAIVE), few)
    _print(f"references that do not fit, {len(few)} months", list(NAIVE), counted)
    some = range(4_000, 4_000 + months // 5)
    sliced = _months(functools.partial(count_sliced, world), some)
    _print(f"with slices of {', '.join(f'{each:.0%}' for each in SHARES)}, {len(some)} months", list(VIEWS)[:1], sliced)
    one = dataclasses.replace(world, features=1)
    found = np.array([rows_until_found(one, seed) for seed in range(3_000, 3_000 + months)])
    print(
        f"\n{SHIFT} standard deviations in 1 feature of {FEATURES}, a day's window, {months} runs: rows to the alarm\n"
    )
    print("| level of a look | median | largest | within 20,000 |\n|---|---|---|---|")
    for name, rows in zip(("every 3 hours", "every minute"), found.T, strict=True):
        print(f"| {name} | {np.median(rows):,.0f} | {rows.max():,.0f} | {(rows <= 20_000).mean():.1%} |")
    print(f"\n{time.perf_counter() - began_s:.0f} s")


def _first(views: dict[str, Look]) -> dict[str, Look]:
    name = next(iter(views))
    return {name: views[name]}


if __name__ == "__main__":
    main()
