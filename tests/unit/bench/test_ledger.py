"""Times and statuses of calls."""

from array import array

import numpy as np
import pytest

from bench.ledger import OK, Ledger, percentiles

MS = 1_000_000


def test_percentiles_agree_with_the_sorted_times_to_three_digits() -> None:
    times_us = np.sort(np.random.default_rng(1).lognormal(6, 1, 20_000).astype(np.int64) + 1)
    found = percentiles(array("q", (times_us * 1_000).tolist()))
    for name, at in (("p50", 50), ("p90", 90), ("p99", 99), ("p999", 99.9)):
        assert found[name] == pytest.approx(times_us[round(200 * at) - 1], rel=0.002)
    assert found["max"] == times_us.max()
    assert found["mean"] == pytest.approx(times_us.mean())


def test_no_call_gives_no_percentile_instead_of_zeros() -> None:
    assert percentiles(array("q")) == {}


def test_refused_calls_do_not_make_the_latency_of_answered_ones_look_better() -> None:
    ledger = Ledger(end_ns=10**12)
    ledger.record(0, 50 * MS, OK)
    for _ in range(100):
        ledger.record(0, MS, "UNAVAILABLE")
    summary = ledger.summary()
    assert summary["latency_us"]["p50"] == pytest.approx(50_000, rel=0.001)
    assert summary["refused_us"]["p50"] == pytest.approx(1_000, rel=0.001)
    assert (summary["calls"], summary["ok"], summary["failed"]) == (101, 1, 100)
    assert summary["statuses"] == {"OK": 1, "UNAVAILABLE": 100}
