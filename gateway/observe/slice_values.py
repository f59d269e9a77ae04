"""Slices: the values of the input columns a route names, as the shadow runner left them beside its answers.

A column of an epoch has at most VALUES_KEPT values of its own, those that came first; the rest are OTHER together.
Weakness: a column of many numbers is nearly all OTHER; slices are for few values, as a country or a tenant.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.journal.columns import Group
from gateway.journal.format import NUMPY_OF, SLICE
from gateway.tensors import bytes_elements

VALUES_KEPT = 16
OTHER, MISSING = "other", "missing"
MOST_CHARACTERS = 100

Labels = NDArray[Any]


def slices_of(group: Group) -> dict[str, Labels]:
    """By column: (n · rows,) its value for each pair, as text."""
    found: dict[str, Labels] = {}
    for index, name in enumerate(group.schema.get("slices", [])):
        place = group.place(SLICE, index)
        if place is None:
            continue
        if place.datatype in NUMPY_OF:
            found[str(name)] = _texts(group.values(place).ravel())
        else:
            found[str(name)] = _strings(group.raw(place))
    return found


def _texts(values: NDArray[Any]) -> Labels:
    """Numbers as people write them; what is no number is missing."""
    distinct, inverse = np.unique(values, return_inverse=True)
    words = [MISSING if number != number else f"{number:g}" for number in distinct.tolist()]
    return np.array(words, object)[inverse.ravel()]


def _strings(raw: NDArray[np.uint8]) -> Labels:
    elements = [element for row in raw for element in bytes_elements(row.tobytes())]
    return np.array([element.decode("utf-8", "replace")[:MOST_CHARACTERS] or MISSING for element in elements], object)


class Values:
    """Which values of a column are told apart. Written by: the observer."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], set[str]] = {}

    def told_apart(self, key: tuple[Any, ...], labels: Labels) -> list[tuple[str, NDArray[np.bool_]]]:
        """(value, which rows have it); `key` is of one column in one comparison."""
        known = self._known.setdefault(key, set())
        distinct, inverse = np.unique(labels.astype(str), return_inverse=True)
        of: dict[str, list[int]] = {}
        for number, text in enumerate(distinct.tolist()):
            if text not in known and len(known) < VALUES_KEPT:
                known.add(text)
            of.setdefault(text if text in known else OTHER, []).append(number)
        return [(text, np.isin(inverse, numbers)) for text, numbers in of.items()]

    def know(self, key: tuple[Any, ...], value: str) -> None:
        """A value that was told apart before a restart."""
        if value != OTHER:
            self._known.setdefault(key, set()).add(value)

    def forget(self, keys: set[tuple[Any, ...]]) -> None:
        """All but these."""
        self._known = {key: known for key, known in self._known.items() if key in keys}
