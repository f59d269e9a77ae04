"""Model runs of a shadow: calls put together into batches, and taken apart again.

One call in ALONE_EVERY runs alone, in the shape it came in, and only those are timed: a time per row of a large batch
says little about what the version would take as a live arm (docs/decisions/0005-shadow-run-time.md).
"""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import INPUT, OUTPUT
from gateway.journal.walk import Batch, TensorView
from gateway.servables import Servable
from gateway.tensors import array_of
from gnomon.errors import InvalidInput

log = logging.getLogger(__name__)

ALONE_EVERY = 16

Feeds = dict[str, NDArray[Any]]


class Item(NamedTuple):
    """One call to be run: what its model is fed, and what the live arm answered (views of the journal)."""

    row: int  # of the batch it came in
    feeds: Feeds
    live: tuple[TensorView, ...]

    @property
    def rows(self) -> int:
        """Rows of its inputs; 0 where they do not agree on that."""
        sizes = {array.shape[0] if array.ndim else 0 for array in self.feeds.values()}
        return sizes.pop() if len(sizes) == 1 else 0


class Ran(NamedTuple):
    """What a run gave for one call. None outputs: it failed. `run_ns` 0: it shared a run, which was not timed."""

    item: Item
    outputs: list[NDArray[Any]] | None
    run_ns: int


def item_of(batch: Batch, row: int, servable: Servable) -> Item:
    """Raises: InvalidInput when the journal does not hold what the model needs, or not as it needs it."""
    names = [tensor["name"] for tensor in batch.schemas.get(int(batch.headers["schema"][row]), {}).get("inputs", [])]
    feeds: Feeds = {}
    live = []
    for tensor in batch.tensors(row):
        if tensor.direction == INPUT and names[tensor.index] in servable.input_index:
            feeds[names[tensor.index]] = array_of(tensor.datatype, tensor.shape, tensor.data)
        elif tensor.direction == OUTPUT:
            live.append(tensor)
    missing = [name for name in servable.input_index if name not in feeds]
    if missing:
        raise InvalidInput(f"inputs {missing} of the shadow were not journaled")
    return Item(row, feeds, tuple(live))


def run_all(servable: Servable, items: Sequence[Item], batch_rows: int) -> Iterator[Ran]:
    """Runs every item: one in ALONE_EVERY alone, the others in batches of at most `batch_rows` rows where they fit."""
    alone = [[item] for item in items[::ALONE_EVERY]]
    others = [item for index, item in enumerate(items) if index % ALONE_EVERY]
    for chunk in (*alone, *_chunks(servable, others, batch_rows)):
        ran = _run_chunk(servable, chunk)
        if ran is None and len(chunk) > 1:
            for item in chunk:  # one of them is bad: the others shall not suffer
                yield from _run_chunk(servable, [item]) or [Ran(item, None, 0)]
        else:
            yield from ran or [Ran(chunk[0], None, 0)]


def _chunks(servable: Servable, items: Sequence[Item], batch_rows: int) -> Iterator[list[Item]]:
    alike: dict[object, list[Item]] = {}
    for item in items:
        alike.setdefault(_layout(servable, item), []).append(item)
    for layout, members in alike.items():
        chunk: list[Item] = []
        rows = 0
        for item in members:
            if chunk and (layout is None or rows + item.rows > batch_rows):
                yield chunk
                chunk, rows = [], 0
            chunk.append(item)
            rows += item.rows
        yield chunk


def _layout(servable: Servable, item: Item) -> object:
    """What must agree for calls to run together; None for a call that has to run alone."""
    if not item.rows or not servable.takes_any_rows:
        return None
    return tuple((name, array.dtype.str, array.shape[1:]) for name, array in sorted(item.feeds.items()))


def _run_chunk(servable: Servable, chunk: list[Item]) -> list[Ran] | None:
    """None when the run failed, or its outputs cannot be told apart."""
    if len(chunk) == 1:
        feeds = chunk[0].feeds
    else:
        feeds = {name: np.concatenate([item.feeds[name] for item in chunk]) for name in chunk[0].feeds}
    # The time this thread computed, not that on the clock: at the lowest priority it waits for others most of the time.
    began = time.thread_time_ns()
    try:
        outputs = servable.run(feeds)
    except Exception as error:  # the runtime's exceptions share no base of their own
        log.warning("shadow run of %d calls: %s", len(chunk), error)
        return None
    taken_ns = time.thread_time_ns() - began
    return [Ran(chunk[0], outputs, taken_ns)] if len(chunk) == 1 else _taken_apart(chunk, outputs)


def _taken_apart(chunk: list[Item], outputs: list[NDArray[Any]]) -> list[Ran] | None:
    total = sum(item.rows for item in chunk)
    if any(output.shape[:1] != (total,) for output in outputs):
        return None
    ran, at = [], 0
    for item in chunk:
        own = [output[at : at + item.rows] for output in outputs]
        ran.append(Ran(item, own, 0))
        at += item.rows
    return ran
