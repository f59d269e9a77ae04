"""Calls as a shadow is asked them: those of one layout side by side, as many as it runs in a short while.

One call in ALONE_EVERY, and ALONE_MOST of a group, runs alone, in the shape it came in, and only those are timed: a
time per row of a large batch says little about what the version would take as a live arm
(docs/decisions/0005-shadow-run-time.md).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.columns import Group
from gateway.journal.format import INPUT, NUMPY_OF
from gateway.shadowing.messages import Feeds, Run
from gateway.tensors import array_of
from gnomon.errors import InvalidInput

ALONE_EVERY, ALONE_MOST = 16, 16
Numbers = NDArray[np.intp]


class Calls(NamedTuple):
    """A group's inputs. `feeds` are (n, *shape of a call) by name; BYTES are objects."""

    group: Group
    feeds: Feeds
    rows: int  # of each call; 0: they do not run together

    def run(self, chosen: Numbers) -> Run:
        """Some of the calls together, or one alone."""
        if len(chosen) == 1:
            return Run({name: np.asarray(array[chosen[0]]) for name, array in self.feeds.items()}, 1)
        merged = {name: _taken(array, chosen) for name, array in self.feeds.items()}
        return Run({name: array.reshape(-1, *array.shape[2:]) for name, array in merged.items()}, len(chosen))

    def portions(self, most_calls: Callable[[], int]) -> Iterator[list[Numbers]]:
        """Runs to be asked for at once: of all together `most_calls` at most, which may change on the way."""
        numbers = np.arange(len(self.group))
        alone = numbers[::ALONE_EVERY][:ALONE_MOST] if self.rows else numbers
        others = np.setdiff1d(numbers, alone, assume_unique=True)
        while len(alone):
            most = most_calls()
            yield [alone[at : at + 1] for at in range(min(most, len(alone)))]
            alone = alone[most:]
        while len(others):
            most = most_calls()
            yield [others[:most]]
            others = others[most:]


def calls_of(group: Group, inputs: Sequence[str], takes_any_rows: bool) -> Calls:
    """Raises: InvalidInput when the journal does not hold what the model needs, or not as it needs it."""
    names = [tensor["name"] for tensor in group.schema.get("inputs", [])]
    feeds: Feeds = {}
    for place in group.places:
        if place.direction == INPUT and names[place.index] in inputs:
            feeds[names[place.index]] = _values(group, place)
    missing = [name for name in inputs if name not in feeds]
    if missing:
        raise InvalidInput(f"inputs {missing} of the shadow were not journaled")
    counts = {array.shape[1] if array.ndim > 1 else 0 for array in feeds.values()}
    return Calls(group, feeds, counts.pop() if takes_any_rows and len(counts) == 1 else 0)


def _values(group: Group, place: Any) -> NDArray[Any]:
    if place.datatype in NUMPY_OF:
        return group.values(place)
    raw = group.raw(place)
    return np.stack([array_of(place.datatype, place.shape, call.data) for call in raw])


def _taken(array: NDArray[Any], chosen: Numbers) -> NDArray[Any]:
    """Rows of calls that stand side by side are not copied one by one."""
    side_by_side = len(chosen) == chosen[-1] - chosen[0] + 1
    return array[chosen[0] : chosen[-1] + 1] if side_by_side else array[chosen]
