"""A column of names, not quantities: a slot for each of its commonest values, one for the rest, the new, and none.

Slots, end to end: the commonest values of the reference, most frequent first; `other`, the reference's rarer values;
`unseen`, values the reference does not have; and at the very end, as with numbers, missing ones.
"""

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.stats.columns import Column, Label, Labels, Numbers

MOST = 238  # with other, unseen and missing the number of a slot fits 8 bits
_OTHERS = 4_096  # a column with more values than these is of ids, and what is new in it says nothing


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    """The values of a categorical column of the reference.

    Attributes:
        values: each with a slot of its own, most frequent first.
        others: the rarer ones, which share the slot `other`.
        open: there were more than can be kept, so what is not in `values` counts as `other` and never as unseen.
        once: how many values the reference has exactly once. once/rows estimates the share of rows that a clean window
            has with values not in the reference (Good 1953, "The population frequencies of species", with Turing).

    Raises:
        ValueError: a value is there twice.
    """

    values: tuple[Label, ...]
    others: tuple[Label, ...] = ()
    open: bool = False
    once: int = 0

    def __post_init__(self) -> None:
        together = self.values + self.others
        if len(set(together)) != len(together):
            twice = next(value for value, times in Counter(together).items() if times > 1)
            raise ValueError(f"category {twice!r} is there twice")

    @classmethod
    def fit(cls, column: Column) -> tuple["Categories", NDArray[np.int64]]:
        """The categories of a reference column, and its counts (slots,)."""
        times = Counter[Label]()
        if isinstance(column, Labels):
            counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.labels))
            for label, number in zip(column.labels, counts.tolist(), strict=True):
                times[label] += number
        else:
            values, numbers = np.unique(present(column), return_counts=True)
            times.update(dict(zip(map(_whole, values.tolist()), numbers.tolist(), strict=True)))
        ordered = sorted((-number, str(label), label) for label, number in times.items() if number)
        labels = tuple(label for _, _, label in ordered)
        too_many = len(labels) > MOST + _OTHERS
        found = cls(
            values=labels[:MOST],
            others=() if too_many else labels[MOST:],
            open=too_many,
            once=sum(number == -1 for number, _, _ in ordered),
        )
        heads, rest = ordered[:MOST], sum(-number for number, _, _ in ordered[MOST:])
        known = [*(-number for number, _, _ in heads), rest]
        return found, np.array([*known, 0, len(column) - sum(known)], np.int64)

    @property
    def slots(self) -> int:
        return len(self.values) + 3

    @property
    def other(self) -> int:
        """The slot of the reference's rarer values."""
        return len(self.values)

    @property
    def unseen(self) -> int:
        """The slot of values that the reference does not have."""
        return len(self.values) + 1


def present(column: Numbers) -> NDArray[Any]:
    """The values that are not missing."""
    values = column.values if column.missing is None else column.values[~column.missing]
    return values[~np.isnan(values)] if values.dtype.kind == "f" else values


def _whole(value: float) -> Label:
    return int(value) if value == value // 1 and abs(value) < 2.0**63 else value
