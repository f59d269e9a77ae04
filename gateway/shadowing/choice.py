"""Which journaled calls a shadow is to see: pure, the same for every reader of a journal."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import ANSWERED
from gateway.journal.walk import Batch
from gateway.sampling import sampled
from gnomon.domain import Arm


class Offer(NamedTuple):
    """Calls of one epoch that its shadow arm is offered."""

    arm: Arm
    rows: NDArray[np.intp]  # of the batch, ascending


def offers(journal: str, batch: Batch) -> list[Offer]:
    """What the batch offers, epoch by epoch. A call that was pinned to the shadow's own version is no pair."""
    found = []
    headers = batch.headers
    for epoch in np.unique(headers["epoch"]).tolist():
        route = batch.routes.get(epoch)
        if route is None or route.shadow is None:
            continue
        rows = np.flatnonzero(_eligible(headers, epoch, route.shadow))
        rows = rows[sampled(journal, headers["sequence"][rows], route.shadow.weight_bp)]
        if len(rows):
            found.append(Offer(route.shadow, rows))
    return found


def _eligible(headers: NDArray[Any], epoch: int, arm: Arm) -> NDArray[np.bool_]:
    answered: NDArray[np.bool_] = headers["status"] == ANSWERED
    eligible: NDArray[np.bool_] = answered & (headers["epoch"] == epoch) & (headers["version"] != arm.version)
    return eligible
