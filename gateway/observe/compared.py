"""One comparison: what is counted of the rows that a live version and a shadow both scored."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.observe import sparse
from gateway.observe.score_bins import GROUPS, ScoreBins
from gnomon.evidence import PairStats
from gnomon.stats.latency import Histogram

COUNTS = ("pairs", "disagreements", "flips_up", "flips_down", "equal", "not_finite")
# of live, shadow, live², shadow², live · shadow, shadow - live, and its square
SUMS = (
    "sum_live", "sum_shadow", "sum_live_squared", "sum_shadow_squared", "sum_product", "sum_delta",
    "sum_delta_squared",
)  # fmt: skip
MICRO = 1e6  # differences are counted in millionths

Floats = NDArray[np.float32]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Scores of both sides, (n,) each; what they are compared by."""

    live: Floats
    shadow: Floats
    tolerance: float
    threshold: float
    bins: ScoreBins

    def where(self, mask: NDArray[np.bool_]) -> "Rows":
        return Rows(self.live[mask], self.shadow[mask], self.tolerance, self.threshold, self.bins)

    def delta(self) -> NDArray[np.float64]:
        """(n,) how far apart; infinite where a score is no number."""
        with np.errstate(invalid="ignore", over="ignore"):
            delta = np.abs(self.shadow.astype(np.float64) - self.live.astype(np.float64))
        return np.where(np.isfinite(delta), delta, np.inf)


@dataclass
class Compared:
    """Counts of pairs, one a row. A pair with a score that is not a number disagrees, and is in no sum.

    Sums of floats are those of the journal's order: two observers of one journal agree to the last bit only if they
    read in the same batches.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    sums: list[float] = field(default_factory=lambda: [0.0] * len(SUMS))
    delta: Histogram = field(default_factory=Histogram)
    run: Histogram = field(default_factory=Histogram)
    bins: str = ""  # by which the counts below are; empty: none yet
    live_scores: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    shadow_scores: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    joint: Counts = field(default_factory=lambda: np.zeros(GROUPS * GROUPS, np.int64))

    def update(self, rows: Rows) -> None:
        """Counts rows of both."""
        finite = np.isfinite(rows.live) & np.isfinite(rows.shadow)
        live, shadow = rows.live[finite], rows.shadow[finite]
        a, b = live.astype(np.float64), shadow.astype(np.float64)
        apart = np.abs(b - a)
        self._add(
            pairs=len(finite),
            disagreements=int((apart > rows.tolerance).sum()) + len(finite) - len(a),
            flips_up=int(((a < rows.threshold) & (b >= rows.threshold)).sum()),
            flips_down=int(((a >= rows.threshold) & (b < rows.threshold)).sum()),
            equal=int((live == shadow).sum()),
            not_finite=len(finite) - len(a),
        )
        self.delta.update(apart * MICRO)
        added = (a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), (a * b).sum(), (b - a).sum(), (apart * apart).sum())
        self.sums = [old + float(new) for old, new in zip(self.sums, added, strict=True)]
        self._update_scores(live, shadow, rows.bins)

    def _add(self, **counts: int) -> None:
        for name, count in counts.items():
            self.counts[name] += count

    def _update_scores(self, live: Floats, shadow: Floats, bins: ScoreBins) -> None:
        """Counts of other bins than before are not added to those: the first ones stay."""
        size = len(bins.edges) + 1
        if not self.bins:
            self.bins = bins.name
            self.live_scores, self.shadow_scores = np.zeros(size, np.int64), np.zeros(size, np.int64)
        if self.bins != bins.name or len(self.live_scores) != size:
            return
        of_live, of_shadow = bins.bins_of(live), bins.bins_of(shadow)
        self.live_scores += np.bincount(of_live, minlength=size)
        self.shadow_scores += np.bincount(of_shadow, minlength=size)
        self.joint += np.bincount(bins.groups[of_live] * GROUPS + bins.groups[of_shadow], minlength=len(self.joint))

    def stats(self, **key: Any) -> PairStats:
        counts: dict[str, Any] = self.counts | dict(zip(SUMS, self.sums, strict=True))
        return PairStats(
            **key, **counts, delta=sparse.evidence_of(self.delta),
            run=sparse.evidence_of(self.run), bins=self.bins, live_scores=sparse.counts_of(self.live_scores),
            shadow_scores=sparse.counts_of(self.shadow_scores), joint=sparse.counts_of(self.joint),
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "counts": self.counts, "sums": self.sums, "delta": sparse.state(self.delta), "run": sparse.state(self.run),
            "bins": [self.bins, len(self.live_scores)],
            "scores": [sparse.pairs(counts) for counts in (self.live_scores, self.shadow_scores, self.joint)],
        }  # fmt: skip

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Compared":
        name, size = state["bins"]
        live, shadow, joint = (
            sparse.dense(counts, length)
            for counts, length in zip(state["scores"], (size, size, GROUPS * GROUPS), strict=True)
        )
        delta, run = sparse.histogram(state["delta"]), sparse.histogram(state["run"])
        return cls(state["counts"], state["sums"], delta, run, name, live, shadow, joint)
