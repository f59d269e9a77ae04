"""Which journaled calls a shadow is to see: pure, the same for every reader of a journal."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import ANSWERED
from gateway.journal.walk import Batch
from gateway.sampling import mix_of, sampled
from gnomon.domain import Arm


class Offer(NamedTuple):
    """Calls of one epoch that one of its shadow arms is offered."""

    arm: Arm
    rows: NDArray[np.intp]  # of the batch, ascending


def offers(journal: str, batch: Batch, only: tuple[str, int] | None = None) -> list[Offer]:
    """What the batch offers, epoch by epoch, to every shadow or to that of `only` a model and version.

    A call that was pinned to the shadow's own version is no pair.
    """
    found = []
    headers = batch.headers
    for epoch in np.unique(headers["epoch"]).tolist():
        route = batch.routes.get(epoch)
        if route is None:
            continue
        for arm in route.shadows:
            if only is not None and only != (route.model, arm.version):
                continue
            rows = np.flatnonzero(_eligible(headers, epoch, arm))
            rows = rows[sampled(mix_of(journal, arm.version), headers["sequence"][rows], arm.weight_bp)]
            if len(rows):
                found.append(Offer(arm, rows))
    return found


def _eligible(headers: NDArray[Any], epoch: int, arm: Arm) -> NDArray[np.bool_]:
    answered: NDArray[np.bool_] = headers["status"] == ANSWERED
    eligible: NDArray[np.bool_] = answered & (headers["epoch"] == epoch) & (headers["version"] != arm.version)
    return eligible
