"""Disagreements worth a look: the rows whose two scores are further apart than nearly all others, to be labelled.

What is kept is who they were and what was said of them; the row itself is in the journal, and later in the exports, as
the model's log policy lets it (`gnomon trace`).
"""

from collections import deque
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import id_text
from gateway.observe.compared import MICRO, Rows
from gnomon.domain import Route
from gnomon.stats.latency import Histogram

MOST = 256  # of each shadow: the newest
LEAST_PAIRS = 100  # before a quantile means something


class Disagreement(NamedTuple):
    """One row of a call. `delta` is shadow less live; None stands for a score that is no number."""

    prediction_id: str  # of the live call
    shadow_id: str
    arrived_unix_ms: int
    row: int
    epoch: int
    live: float | None
    shadow: float | None


class Kept:
    """The newest of each (model, shadow version). Written by: the observer."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, int], deque[Disagreement]] = {}

    def look(self, model: str, headers: NDArray[Any], rows: Rows, seen: Histogram, route: Route | None) -> None:
        """Keeps of `rows`, those of the calls in `headers` (n,), what is beyond the route's quantile so far."""
        if route is None or not route.keep_quantile or seen.count < LEAST_PAIRS:
            return
        per_call = len(rows.live) // len(headers)
        for place in np.flatnonzero(rows.delta() > seen.quantile(route.keep_quantile) / MICRO)[-MOST:].tolist():
            call, row = divmod(place, per_call)
            header = headers[call]
            self.found.setdefault((model, int(header["version"])), deque(maxlen=MOST)).append(
                Disagreement(
                    id_text(bytes(header["parent_id"])), id_text(bytes(header["prediction_id"])),
                    int(header["arrived_unix_ns"]) // 1_000_000, row, int(header["epoch"]),
                    _number(rows.live[place]), _number(rows.shadow[place]),
                )
            )  # fmt: skip

    def state(self) -> list[list[Any]]:
        """As JSON takes it."""
        return [[model, version, [list(each) for each in kept]] for (model, version), kept in self.found.items()]

    @classmethod
    def of(cls, state: list[list[Any]]) -> "Kept":
        kept = cls()
        for model, version, found in state:
            kept.found[model, version] = deque((Disagreement(*each) for each in found), maxlen=MOST)
        return kept


def _number(score: Any) -> float | None:
    return float(score) if np.isfinite(score) else None
