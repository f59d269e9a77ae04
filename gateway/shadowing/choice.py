"""Which journaled calls a shadow is to see: pure, the same for every reader of a journal."""

import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import ANSWERED
from gateway.journal.walk import Batch
from gnomon.domain import ALL_BP, Arm


class Offer(NamedTuple):
    """Calls of one epoch that its shadow arm is offered."""

    arm: Arm
    rows: NDArray[np.intp]  # of the batch, ascending


def sampled(journal: str, sequences: NDArray[np.uint64], share_bp: int) -> NDArray[np.bool_]:
    """(n,): whether each sequence of a journal falls in a share. Raising the share takes none away.

    The finalizer of splitmix64 (Steele, Lea and Flood, 2014), so that the choice has nothing to do with the router's.
    """
    with np.errstate(over="ignore"):
        mixed = sequences + np.uint64(zlib.crc32(journal.encode()) + 1) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed = mixed ^ (mixed >> np.uint64(31))
    chosen: NDArray[np.bool_] = mixed % np.uint64(ALL_BP) < np.uint64(share_bp)
    return chosen


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
