"""Ledger: every call of a run with its status and its time, from when it was meant to be sent until it was answered.

A closed loop means to send when it sends. An open loop means to send when the schedule says: where the server stalls,
or the generator itself is late, the wait is in the latency ("coordinated omission" is leaving it out). Times are taken
raw, 8 bytes a call, and put into an HDR histogram (3 digits, 1 µs to 10 min) when the run is over.
"""

from array import array
from collections import Counter
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

OK = "OK"
NOT_SENT = "NOT_SENT"
LARGEST_US = 600_000_000
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}


class Ledger:
    """The calls of one run. Written by: the generator's one loop."""

    def __init__(self, end_ns: int) -> None:
        self._end_ns = end_ns
        self._answered_ns = array("q")
        self._refused_ns = array("q")
        self._late_ns = array("q")
        self.statuses: Counter[str] = Counter()
        self.in_time = 0  # answered OK before the end of the run: what a rate is made of

    def record(self, intended_ns: int, done_ns: int, status: str) -> None:
        """A call that was answered, well or not."""
        self.statuses[status] += 1
        if status == OK:
            self._answered_ns.append(done_ns - intended_ns)
            self.in_time += done_ns <= self._end_ns
        else:
            self._refused_ns.append(done_ns - intended_ns)

    def sent(self, intended_ns: int, now_ns: int) -> None:
        """An open loop's call: how late the generator was is kept, so that it can be told from the server."""
        self._late_ns.append(now_ns - intended_ns)

    def lose(self, status: str, calls: int = 1) -> None:
        """Calls that were never answered, or never sent."""
        if calls:
            self.statuses[status] += calls

    def summary(self) -> dict[str, Any]:
        calls = self.statuses.total()
        return {
            "calls": calls,
            "ok": self.statuses[OK],
            "failed": calls - self.statuses[OK],
            "statuses": dict(self.statuses),
            "latency_us": percentiles(self._answered_ns),
            "refused_us": percentiles(self._refused_ns),
            "late_us": percentiles(self._late_ns),
        }


def percentiles(times_ns: "array[int]") -> dict[str, float]:
    """p50 to p99.9, the mean and the largest, in microseconds; empty where there is no call."""
    if not times_ns:
        return {}
    histogram = HdrHistogram(1, LARGEST_US, 3)
    whole_us = np.clip(np.frombuffer(times_ns, np.int64) // 1_000, 1, LARGEST_US)
    for value, count in zip(*np.unique(whole_us, return_counts=True), strict=True):
        histogram.record_value(int(value), int(count))
    found = {name: float(histogram.get_value_at_percentile(at)) for name, at in PERCENTILES.items()}
    return found | {"mean": float(whole_us.mean()), "max": float(whole_us.max())}
