"""Encoder: the lookup tables of a categorical monitor, which slot each value falls in."""

import numpy as np
from numpy.typing import NDArray

from gnomon.stats import lookup
from gnomon.stats.categories import Categories, present
from gnomon.stats.columns import Column, Labels


class Encoder:
    """Finds the slots of categories: tables made once. Immutable, so threads may share it."""

    __slots__ = ("_numbers", "_slot_of", "_slots", "_unknown")

    def __init__(self, categories: Categories) -> None:
        self._slots = categories.slots
        self._unknown = categories.other if categories.open else categories.unseen
        self._slot_of = {value: slot for slot, value in enumerate(categories.values)}
        self._slot_of |= dict.fromkeys(categories.others, categories.other)
        whole = {int(value): slot for value, slot in self._slot_of.items() if isinstance(value, int)}
        self._numbers = lookup.build(whole)

    def count(self, column: Column) -> NDArray[np.int64]:
        """Counts (slots,) of a column: labels by a table read a row, numbers by one and a compare, mostly.

        Numbers equal a category that is the same whole number; one with a fraction is unseen.
        """
        if isinstance(column, Labels):
            slots = [self._slot_of.get(label, self._unknown) for label in column.labels]
            table = np.array([*slots, self._slots - 1])  # what is missing has code -1
            return np.bincount(table[column.codes], minlength=self._slots).astype(np.int64)
        values = present(column)
        counts = np.zeros(self._slots, np.int64)
        counts[-1] = len(column) - len(values)
        if values.dtype.kind == "f":
            is_whole = (np.floor(values) == values) & (np.abs(values) < 2.0**63)
            counts[self._unknown] += np.count_nonzero(~is_whole)
            values = values[is_whole].astype(np.int64)
        lookup.count(values, self._numbers, self._unknown, counts)
        return counts
