"""What is told of shadows is what their pairs say, and the verdict is one that may be looked at often."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats as reference

from gnomon.evidence import Histogram, PairStats, ShadowBooks
from gnomon.stats.sequential import exceedance_log_e
from gnomon.stats.two_sample import ks, psi
from registry.shadow import FAIL, NEED_MORE, PASS, compare, failing, pearson, rank_correlation, report_of
from registry.stats import Stats
from tests.unit.registry.situations import pairs
from tests.unit.registry.test_stats import make, report

RANDOM = np.random.default_rng(5)


def sparse(counts: Any) -> Histogram:
    places = np.flatnonzero(counts)
    return Histogram(bucket=tuple(places.tolist()), count=tuple(np.asarray(counts)[places].tolist()))


def of_scores(live: Any, shadow: Any) -> PairStats:
    """As an observer sums them, with 20 bins in [0, 1] that are the groups, too."""
    a, b = np.minimum((20 * live).astype(int), 19), np.minimum((20 * shadow).astype(int), 19)
    return pairs(
        1, len(live), sum_live=live.sum(), sum_shadow=shadow.sum(), sum_live_squared=(live**2).sum(),
        sum_shadow_squared=(shadow**2).sum(), sum_product=(live * shadow).sum(), sum_delta=(shadow - live).sum(),
        bins="b", live_scores=sparse(np.bincount(a, minlength=20)), shadow_scores=sparse(np.bincount(b, minlength=20)),
        joint=sparse(np.bincount(20 * a + b, minlength=400)),
    )  # fmt: skip


def test_correlations_and_distances_are_those_of_the_scores() -> None:
    live = RANDOM.uniform(size=3_000)
    shadow = np.clip(live**2 + RANDOM.normal(0, 0.05, 3_000), 0, 1)
    pair = of_scores(live, shadow)
    assert pearson(pair) == pytest.approx(np.corrcoef(live, shadow)[0, 1])
    a, b = np.minimum((20 * live).astype(int), 19), np.minimum((20 * shadow).astype(int), 19)
    assert rank_correlation(pair) == pytest.approx(reference.spearmanr(a, b).statistic)
    found = compare(pair, 0.01, 0.05, fails=False)
    counts = [np.bincount(side, minlength=20) for side in (a, b)]
    assert found.psi == pytest.approx(psi(*counts).corrected)
    assert found.ks == pytest.approx(ks(*counts, np.zeros(20, bool)).lo)
    assert found.mean_shift == pytest.approx((shadow - live).mean())


def test_equal_distributions_may_hide_that_everything_differs() -> None:
    live = RANDOM.uniform(size=4_000)
    found = compare(of_scores(live, 1 - live), 0.01, 0.05, fails=False)
    assert found.psi < 0.01
    assert found.pearson == pytest.approx(-1)
    assert found.rank_correlation == pytest.approx(-1, abs=0.01)


def test_what_was_not_seen_is_not_a_number() -> None:
    nothing = compare(pairs(1, 0), 0.01, 0.05, fails=False)
    for name in ("delta_p50", "mean_shift", "pearson", "rank_correlation", "psi", "ks", "run_p50_us"):
        assert math.isnan(getattr(nothing, name))
    assert (nothing.verdict, nothing.need) == (NEED_MORE, 1)
    constant = of_scores(np.full(500, 0.3), RANDOM.uniform(size=500))
    assert math.isnan(pearson(constant))
    assert math.isnan(rank_correlation(constant))


def test_a_difference_below_a_millionth_is_none() -> None:
    assert compare(pairs(1, 9, delta=Histogram(bucket=(0,), count=(9,))), 0.01, 0.05, fails=False).delta_max == 0.0


def verdict(bad: int, seen: int, limit: float = 0.01) -> tuple[str, int]:
    found = report_of("m", [1], [pairs(1, seen, disagreements=bad)], [], limit=limit, alpha=0.05).comparisons[0]
    return found.verdict, found.need


def test_a_verdict_waits_for_evidence_and_says_for_how_much() -> None:
    assert verdict(0, 2_000) == (PASS, 0)
    assert verdict(100, 2_000) == (FAIL, 0)
    said, need = verdict(0, 100)
    assert said == NEED_MORE
    assert verdict(0, 100 + need) == (PASS, 0)
    assert verdict(0, 99 + need)[0] == NEED_MORE
    assert verdict(10, 1_000)[0] == NEED_MORE  # just the limit: neither


def test_a_shadow_within_its_limit_is_hardly_ever_failed_over_many_slices_and_looks() -> None:
    """20 slices at the limit itself, looked at 20 times: a false fail in 5 % of the runs at most."""
    failed = 0
    for _ in range(60):
        bad, seen = np.zeros(20, int), 0
        for _ in range(20):
            seen += 100
            bad += RANDOM.binomial(100, 0.02, 20)
            if any(failing([exceedance_log_e(int(each), seen, 0.02) for each in bad], 0.05)):
                failed += 1
                break
    assert failed <= 8  # 3 expected at most; 9 or more have a chance of under 1 %


def test_one_bad_slice_is_found_among_good_ones() -> None:
    found = [pairs(1, 2_000, disagreements=150 if n == 3 else 5, slice="s", value=str(n)) for n in range(10)]
    told = report_of("m", [1], found, [], limit=0.02, alpha=0.05)
    assert [item.value for item in told.comparisons if item.verdict == FAIL] == ["3"]


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ([], []),
        ([math.log(20)], [True]),
        ([math.log(19)], [False]),
        ([math.log(25), math.log(25)], [True, True]),  # 25 >= 2 / (2 · 0.05), though not 2 / 0.05
        ([math.log(39), 0.0], [False, False]),
        ([0.0, math.log(40)], [False, True]),
    ],
)
def test_fails_are_chosen_together(evidence: list[float], expected: list[bool]) -> None:
    assert failing(evidence, 0.05) == expected


def test_flips_one_way_are_told() -> None:
    one_way = compare(pairs(1, 500, flips_up=30, flips_down=2), 0.1, 0.05, fails=False)
    assert "30 of 32 flips go up" in one_way.reason
    assert "flips" not in compare(pairs(1, 500, flips_up=16, flips_down=16), 0.1, 0.05, fails=False).reason


def books(epoch: int, **ended: int) -> ShadowBooks:
    return ShadowBooks(model="m", epoch=epoch, version=2, **ended)


def test_gateways_and_epochs_are_added_and_slices_do_not_reach_the_gates() -> None:
    stats: Stats = make()
    for gateway in ("g1", "g2"):
        sent = report(
            gateway, pairs(1, 10, bins="b", joint=Histogram(bucket=(0,), count=(10,))),
            pairs(2, 5, bins="b", joint=Histogram(bucket=(0,), count=(5,))), pairs(1, 4, slice="s", value="a"),
            books(1, run=10, shed=1), books(2, run=5, failed=2),
        )  # fmt: skip
        stats.report(sent)
    assert [pair.pairs for pair in stats.pairs("m", [1])] == [20]
    assert stats.epochs("m") == (1, 2)
    found = [*stats.pairs("m", [1, 2]), *stats.slices("m", [1, 2])]
    told = report_of("m", [1, 2], found, stats.books("m", [1, 2]), limit=0.01, alpha=0.05)
    assert [(item.slice, item.value, item.pairs) for item in told.comparisons] == [("", "", 30), ("s", "a", 8)]
    (ended,) = told.books
    assert (ended.run, ended.shed, ended.failed, ended.offered) == (30, 2, 4, 36)


def test_scores_counted_in_other_bins_are_not_added() -> None:
    from registry.sums import sum_pairs

    one, other = (pairs(1, 3, bins=bins, live_scores=sparse([3])) for bins in ("b", "c"))
    total = sum_pairs([one, other, one])
    assert (total.pairs, total.bins, total.live_scores.count) == (9, "b", (6,))
