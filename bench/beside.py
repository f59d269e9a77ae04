"""Windows of calls side by side in time, without something and with it: what it costs p99 under the same noise."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_TIMES = 1.05  # p99, times that of the quiet windows


@dataclass(kw_only=True)
class Beside:
    """Pair by pair of windows. Written by: the one thread that runs it."""

    quiet_p99_us: list[float] = field(default_factory=list)
    other_p99_us: list[float] = field(default_factory=list)
    calls: int = 0
    failed: int = 0

    def take(self, result: Mapping[str, Any]) -> float:
        """Counts the calls of a window; its p99."""
        self.calls += result["calls"]
        self.failed += result["failed"]
        return float(result["latency_us"]["p99"])

    def ratio(self) -> float:
        """p99 of the other windows over p99 of the quiet ones, each the median: a stall of the machine hits either."""
        return statistics.median(self.other_p99_us) / statistics.median(self.quiet_p99_us)

    def judged(self, name: str) -> dict[str, bool]:
        """What was wanted of it, in words, and whether it is so."""
        ratio, pairs = self.ratio(), len(self.quiet_p99_us)
        later = f"{name}: p99 {ratio:.2f} times quiet, medians of {pairs} windows each (at most {MOST_TIMES})"
        return {
            f"{name}: {self.failed} calls of {self.calls} failed": self.failed == 0,
            later: ratio <= MOST_TIMES,
        }


def told(verdicts: Mapping[str, bool]) -> int:
    """Prints what is met and what is missed; the exit code."""
    for name, met in verdicts.items():
        print(f"{'met   ' if met else 'missed'} {name}")
    return 0 if all(verdicts.values()) else 1
