"""Pairs: what a shadow and the live arm made of the same row, compared score by score."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.columns import Group
from gateway.observe import sparse
from gateway.observe.arms import EPOCHS_KEPT, forget_epochs
from gateway.observe.scores import live_scores, scores_of_live
from gnomon.domain import Route
from gnomon.evidence import PairStats
from gnomon.stats.latency import Histogram

THRESHOLD = 0.5  # a flip is a score on the other side of it
DEFAULT_TOLERANCE = 0.1  # that of Route, should an epoch's route be unreadable


class PairKey(NamedTuple):
    """A shadow version beside a live one in one epoch."""

    model: str
    epoch: int
    version: int
    live_version: int


@dataclass
class Pair:
    """Counts of pairs, one a row. A pair with a score that is not a number disagrees, and is in no sum.

    Sums of floats are those of the journal's order: two observers of one journal agree to the last bit only if they
    read in the same batches.
    """

    pairs: int = 0
    disagreements: int = 0
    flips_up: int = 0
    flips_down: int = 0
    delta: Histogram = field(default_factory=Histogram)
    sums: list[float] = field(default_factory=lambda: [0.0] * 5)  # live, shadow, live², shadow², live · shadow
    run: Histogram = field(default_factory=Histogram)

    def update(self, live: NDArray[np.float32], shadow: NDArray[np.float32], tolerance: float) -> None:
        """Counts rows (n,) of both."""
        finite = np.isfinite(live) & np.isfinite(shadow)
        a, b = live[finite].astype(np.float64), shadow[finite].astype(np.float64)
        delta = np.abs(a - b)
        self.pairs += len(live)
        self.disagreements += int((delta > tolerance).sum()) + len(live) - len(a)
        self.flips_up += int(((a < THRESHOLD) & (b >= THRESHOLD)).sum())
        self.flips_down += int(((a >= THRESHOLD) & (b < THRESHOLD)).sum())
        self.delta.update(delta * 1e6)
        added = (a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), (a * b).sum())
        self.sums = [old + float(new) for old, new in zip(self.sums, added, strict=True)]

    def stats(self, key: PairKey) -> PairStats:
        live, shadow, live_squared, shadow_squared, product = self.sums
        return PairStats(
            model=key.model, epoch=key.epoch, version=key.version, live_version=key.live_version, pairs=self.pairs,
            disagreements=self.disagreements, flips_up=self.flips_up, flips_down=self.flips_down,
            delta=sparse.evidence_of(self.delta), sum_live=live, sum_shadow=shadow, sum_live_squared=live_squared,
            sum_shadow_squared=shadow_squared, sum_product=product, run=sparse.evidence_of(self.run),
        )  # fmt: skip

    def state(self) -> list[Any]:
        counts = [self.pairs, self.disagreements, self.flips_up, self.flips_down]
        return [*counts, sparse.state(self.delta), self.sums, sparse.state(self.run)]

    @classmethod
    def of(cls, state: list[Any]) -> "Pair":
        pairs, disagreements, up, down, delta, sums, run = state
        return cls(pairs, disagreements, up, down, sparse.histogram(delta), sums, sparse.histogram(run))


class Pairs:
    """All pairs seen. Written by: the observer."""

    def __init__(self) -> None:
        self.pairs: dict[PairKey, Pair] = {}
        self.totals: dict[tuple[str, int, int], list[int]] = {}  # (model, version, live version) → pairs, disagreements

    def update(self, group: Group, routes: dict[int, Route]) -> None:
        """Counts frames of a shadow's journal. Frames without both scores count as runs only."""
        live, shadow = scores_of_live(group), live_scores(group)
        live_version = int(group.schema.get("live_version", 0))
        for epoch, version in set(zip(group.headers["epoch"].tolist(), group.headers["version"].tolist(), strict=True)):
            mask = (group.headers["epoch"] == epoch) & (group.headers["version"] == version)
            key = PairKey(group.model, epoch, version, live_version)
            pair = self.pairs.setdefault(key, Pair())
            _update_run(pair, group.headers[mask])
            if live is not None and shadow is not None and live.shape == shadow.shape:
                before = (pair.pairs, pair.disagreements)
                route = routes.get(epoch)
                tolerance = DEFAULT_TOLERANCE if route is None else route.disagreement_tolerance
                pair.update(live[mask].ravel(), shadow[mask].ravel(), tolerance)
                self._add_totals(key, pair.pairs - before[0], pair.disagreements - before[1])

    def forget(self, kept: int = EPOCHS_KEPT) -> None:
        """Drops the detail of all but the newest epochs of each model."""
        forget_epochs(self.pairs, kept)

    def stats(self) -> tuple[PairStats, ...]:
        return tuple(pair.stats(key) for key, pair in sorted(self.pairs.items()))

    def state(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "pairs": [[*key, pair.state()] for key, pair in self.pairs.items()],
            "totals": [[*key, *counts] for key, counts in self.totals.items()],
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Pairs":
        pairs = cls()
        pairs.pairs = {PairKey(*key): Pair.of(counts) for *key, counts in state.get("pairs", [])}
        pairs.totals = {(model, version, live): counts for model, version, live, *counts in state.get("totals", [])}
        return pairs

    def _add_totals(self, key: PairKey, pairs: int, disagreements: int) -> None:
        total = self.totals.setdefault((key.model, key.version, key.live_version), [0, 0])
        total[0] += pairs
        total[1] += disagreements


def _update_run(pair: Pair, headers: NDArray[Any]) -> None:
    """Run times of the calls that ran alone; those that shared a batch have none."""
    timed = headers["run_ns"][headers["run_ns"] > 0]
    pair.run.update(timed / 1e3)
