"""The slices of a version's traffic: which rows of its calls have the values that its profile names."""

import numpy as np
from numpy.typing import NDArray

from gateway.observe.watched import Watched
from gnomon.stats.binner import Binner
from gnomon.stats.profile import Profile
from gnomon.stats.slices import text_of

Part = tuple[str, NDArray[np.bool_]]  # a slice's name, and (calls, rows of a call): which are of it


class Parts:
    """Of one profile with slices. A slice of a column that no monitor is of is never seen."""

    def __init__(self, profile: Profile) -> None:
        self.binner = Binner(profile.coarse())
        self.slots = self.binner.profile.slots
        places = {monitor.name: place for place, monitor in enumerate(profile.monitors)}
        self._wanted: dict[int, dict[str, str]] = {}  # by monitor: value → slice
        for each in profile.slices:
            if each.column in places:
                self._wanted.setdefault(places[each.column], {})[each.value] = each.name

    def of(self, watched: Watched) -> list[Part]:
        """Of a column that the calls do not have there are none."""
        return [part for monitor, wanted in self._wanted.items() for part in _parts(watched, monitor, wanted)]


def _parts(watched: Watched, monitor: int, wanted: dict[str, str]) -> list[Part]:
    column = watched.values(monitor)
    if column is None:
        return []
    values, labels = column
    if labels is not None:
        codes = {str(label): code for code, label in enumerate(labels)}
        return [(name, values == codes[value]) for value, name in wanted.items() if value in codes]
    distinct, inverse = np.unique(values, return_inverse=True)
    places = {text_of(number): place for place, number in enumerate(distinct.tolist())}
    inverse = inverse.reshape(values.shape)
    return [(name, inverse == places[value]) for value, name in wanted.items() if value in places]
