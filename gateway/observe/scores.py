"""The score of each row, out of frames: which tensor and column it is stands in their schema."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.journal.columns import Group, Place
from gateway.journal.format import LIVE_OUTPUT, NUMPY_OF, OUTPUT


def live_scores(group: Group) -> NDArray[np.float32] | None:
    """(n, rows of a call) of what the frame's own version answered; None where it has no score."""
    return _scores(group, OUTPUT, group.schema.get("score"))


def scores_of_live(group: Group) -> NDArray[np.float32] | None:
    """In a shadow's frames: (n, rows of a call) of what the live arm had answered."""
    return _scores(group, LIVE_OUTPUT, group.schema.get("live_score"))


def all_finite(group: Group) -> NDArray[np.bool_]:
    """(n,): whether every score of a call is a number; a call without scores has none that is not."""
    scores = live_scores(group)
    return np.ones(len(group), np.bool_) if scores is None else np.logical_and.reduce(np.isfinite(scores), axis=1)


def _scores(group: Group, direction: int, score: dict[str, Any] | None) -> NDArray[np.float32] | None:
    if score is None or score.get("output") is None:
        return None
    place = group.place(direction, int(score["output"]))
    table = None if place is None else table_of(group, place)
    return None if table is None else column_of(table, int(score["column"]))


def table_of(group: Group, place: Place) -> NDArray[Any] | None:
    """The tensor of every frame as (n, rows of a call, columns); None for one that is not of numbers, or is empty."""
    if place.datatype not in NUMPY_OF or not place.shape or 0 in place.shape:
        return None
    return group.values(place).reshape(len(group), place.shape[0], -1)


def column_of(table: NDArray[Any], column: int) -> NDArray[np.float32] | None:
    """(n, rows of a call) float32 of one column; None where there is no such column.

    What a float32 cannot hold becomes infinite.
    """
    if not -table.shape[2] <= column < table.shape[2]:
        return None
    with np.errstate(over="ignore"):
        return table[:, :, column].astype(np.float32)
