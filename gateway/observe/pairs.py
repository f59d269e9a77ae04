"""Pairs: what a shadow and the live arm made of the same row, compared score by score."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.columns import Group
from gateway.observe.arms import EPOCHS_KEPT, forget_epochs
from gateway.observe.compared import Compared, Rows
from gateway.observe.kept import Kept
from gateway.observe.score_bins import ScoreBins, fixed_bins, profile_bins
from gateway.observe.scores import live_scores, scores_of_live
from gateway.observe.slice_values import Values, slices_of
from gnomon.domain import DECISION_THRESHOLD, Route
from gnomon.evidence import PairStats
from gnomon.stats.profile import Profile

DEFAULT_TOLERANCE = 0.1  # that of Route, should an epoch's route be unreadable
SLICED_EPOCHS = 2  # of each model: a slice has as many counts as the whole

FindProfile = Callable[[str, int], Profile | None]


class PairKey(NamedTuple):
    """A shadow version beside a live one in one epoch; of all rows, or of those whose column has a value."""

    model: str
    epoch: int
    version: int
    live_version: int
    slice: str = ""
    value: str = ""

    @property
    def column(self) -> tuple[Any, ...]:
        """Without the value."""
        return self[:5]


class Pairs:
    """All pairs seen. Written by: the observer."""

    def __init__(self, profile: FindProfile) -> None:
        self.pairs: dict[PairKey, Compared] = {}
        self.totals: dict[tuple[str, int, int], list[int]] = {}  # (model, version, live version) → pairs, disagreements
        self.kept = Kept()
        self._values = Values()
        self._profile = profile
        self._bins: dict[tuple[str, int, str, int], ScoreBins] = {}

    def update(self, group: Group, routes: dict[int, Route]) -> None:
        """Counts frames of a shadow's journal. Frames without both scores count as runs only."""
        live, shadow = scores_of_live(group), live_scores(group)
        if live is not None and shadow is not None and live.shape != shadow.shape:
            live = None
        slices = slices_of(group) if live is not None else {}
        for key, mask in _keys(group):
            pair = self.pairs.setdefault(key, Compared())
            _update_run(pair, group.headers[mask])
            if live is None or shadow is None:
                continue
            rows = self._rows(group.schema, live[mask].ravel(), shadow[mask].ravel(), routes.get(key.epoch))
            before = (pair.counts["pairs"], pair.counts["disagreements"])
            self.kept.look(key.model, group.headers[mask], rows, pair.delta, routes.get(key.epoch))
            pair.update(rows)
            self._add_totals(key, pair.counts["pairs"] - before[0], pair.counts["disagreements"] - before[1])
            of_rows = np.repeat(mask, live.shape[1])
            self._update_slices(key, rows, {name: labels[of_rows] for name, labels in slices.items()})

    def _rows(
        self, schema: dict[str, Any], live: NDArray[np.float32], shadow: NDArray[np.float32], route: Route | None
    ) -> Rows:
        tolerance = DEFAULT_TOLERANCE if route is None else route.disagreement_tolerance
        threshold = DECISION_THRESHOLD if route is None else route.threshold
        return Rows(live, shadow, tolerance, threshold, self._bins_of(schema))

    def _bins_of(self, schema: dict[str, Any]) -> ScoreBins:
        """Those of the live version's score."""
        model, version, score = str(schema.get("model", "")), int(schema.get("live_version", 0)), schema["live_score"]
        tensor = str(schema["live_outputs"][int(score["output"])]["name"])
        key = (model, version, tensor, int(score["column"]))
        if key not in self._bins:
            profile = self._profile(model, version)
            name = f"{model}/{version}/{tensor}[{key[3]}]"
            of_profile = None if profile is None else profile_bins(profile, name, tensor, key[3])
            self._bins[key] = of_profile or fixed_bins()
        return self._bins[key]

    def _update_slices(self, key: PairKey, rows: Rows, slices: dict[str, NDArray[Any]]) -> None:
        for name, labels in slices.items():
            column = key._replace(slice=name)
            for value, mask in self._values.told_apart(column.column, labels):
                self.pairs.setdefault(column._replace(value=value), Compared()).update(rows.where(mask))

    def forget(self, kept: int = EPOCHS_KEPT) -> None:
        """Drops the detail of all but the newest epochs of each model; that of slices sooner."""
        forget_epochs(self.pairs, kept)
        sliced = {key: pair for key, pair in self.pairs.items() if key.slice}
        before = set(sliced)
        forget_epochs(sliced, SLICED_EPOCHS)
        for key in before - set(sliced):
            del self.pairs[key]
        self._values.forget({key.column for key in sliced})

    def stats(self) -> tuple[PairStats, ...]:
        return tuple(pair.stats(**key._asdict()) for key, pair in sorted(self.pairs.items()))

    def state(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "compared": [[*key, pair.state()] for key, pair in self.pairs.items()],
            "totals": [[*key, *counts] for key, counts in self.totals.items()],
            "kept": self.kept.state(),
        }

    @classmethod
    def of(cls, state: dict[str, Any], profile: FindProfile) -> "Pairs":
        pairs = cls(profile)
        pairs.pairs = {PairKey(*key): Compared.of(counts) for *key, counts in state.get("compared", [])}
        pairs.totals = {(model, version, live): counts for model, version, live, *counts in state.get("totals", [])}
        pairs.kept = Kept.of(state.get("kept", []))
        for key in pairs.pairs:
            if key.slice:
                pairs._values.know(key.column, key.value)
        return pairs

    def _add_totals(self, key: PairKey, pairs: int, disagreements: int) -> None:
        total = self.totals.setdefault((key.model, key.version, key.live_version), [0, 0])
        total[0] += pairs
        total[1] += disagreements


def _keys(group: Group) -> Iterator[tuple[PairKey, NDArray[np.bool_]]]:
    """Each epoch and version of a group, and which of its frames are of it."""
    headers, live_version = group.headers, int(group.schema.get("live_version", 0))
    for epoch, version in set(zip(headers["epoch"].tolist(), headers["version"].tolist(), strict=True)):
        yield (
            PairKey(group.model, epoch, version, live_version),
            (headers["epoch"] == epoch) & (headers["version"] == version),
        )


def _update_run(pair: Compared, headers: NDArray[Any]) -> None:
    """Run times of the calls that ran alone; those that shared a batch have none."""
    timed = headers["run_ns"][headers["run_ns"] > 0]
    pair.run.update(timed / 1e3)
