"""A lane: where calls of one version wait, their rows side by side in memory. Compiled code puts them in."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import NUMPY_OF
from gateway.lanes.block import Block
from gateway.lanes.run import Run, address_of
from gateway.native.blocks import LANE
from gateway.servables import Servable, Shapes

BUFFER_BYTES = 8 << 20  # of all inputs together at most: pages are taken as they are used
MOST_ROWS = 65_536
RUNS_A_LESSON = 16
WEIGHT = 0.05  # of a run in the average of how long runs really take
OUTLIER = 4.0  # a run that took more times that average counts as that: somebody else had the core


class Lane:
    """Written by: the event loop, in which compiled code runs."""

    def __init__(
        self, servable: Servable, shapes: Shapes, output_bytes: list[int], *, number: int, most_calls: int,
        pinned: bool = False,
    ) -> None:  # fmt: skip
        """`shapes` are of a row of each input, `output_bytes` of a row of each output; `pinned`: calls that name the
        version, which breakers leave alone."""
        self.servable, self.output_bytes, self.pinned = servable, output_bytes, pinned
        self.key = servable.version.model, servable.version.version
        dtypes = {spec.name: NUMPY_OF[spec.datatype] for spec in servable.inputs}
        input_bytes = [dtype.itemsize * math.prod(shapes[name]) for name, dtype in dtypes.items()]
        rows = max(1, min(MOST_ROWS, BUFFER_BYTES // max(1, sum(input_bytes))))
        self._names, self._runs, self._sizes = list(dtypes), 0, 0
        self.row_ns = 0
        self._stretch = 1.0
        self._taken = 0  # rows of runs that have not ended
        self._widths = [8, *input_bytes]
        shaped = [((rows, *shapes[name]), dtype) for name, dtype in dtypes.items()]
        self._filled, self._spare = Hall(shaped, most_calls), Hall(shaped, most_calls)
        block = self.block = Block(LANE.SIZE)
        block[LANE.NUMBER] = number
        block[LANE.MOST_ROWS], block[LANE.MOST_CALLS] = rows, most_calls
        self._open(self._filled)
        block.fill(LANE.INPUT_BYTES, input_bytes)
        block.fill(LANE.OUTPUT_BYTES, output_bytes)

    def _open(self, hall: "Hall") -> None:
        """Calls go into this one from here on."""
        self.block[LANE.CALL_LIST], self.block[LANE.ROW_LIST] = hall.places[0], address_of(hall.starts)
        self.block.fill(LANE.BUFFER, hall.places[1:])

    def take(self, batch_run_us: float) -> Iterator[Run]:
        """All that waits, in runs that are expected to stay within `batch_run_us`; the lane is empty with the first.

        The rows stay where they are until the lane is taken from once more. A run is made when it is its turn: of
        hundreds that wait, all at once would keep the sockets waiting, too.
        """
        self._filled, self._spare = self._spare, self._filled
        self._open(self._filled)
        count, rows = self.block[LANE.CALLS], self.block[LANE.ROWS]
        self._taken += rows
        self.block[LANE.CALLS] = self.block[LANE.ROWS] = self.block[LANE.IS_READY] = 0
        bound = self.servable.cost.rows_within(batch_run_us) if self.servable.merges else 1
        if rows <= bound or count == 1:
            yield self._run(0, count, 0, rows)
            return
        ends = [*self._spare.starts[1:count].tolist(), rows]
        first, begin = 0, 0
        while first < count:
            last = max(first + 1, bisect_right(ends, begin + bound))
            end = ends[last - 1]
            yield self._run(first, last, begin, end)
            first, begin = last, end

    def compute(self, feeds: list[NDArray[Any]], rows: int) -> list[NDArray[Any]]:
        """What the model answers, checked to be as compiled code will read it: row by row, of the sizes it knows.

        Raises: ValueError, and whatever the runtime raises.
        """
        outputs = self.servable.run(dict(zip(self._names, feeds, strict=True)))
        for output, size in zip(outputs, self.output_bytes, strict=True):
            if len(output) != rows or output.nbytes != rows * size or not output.flags.c_contiguous:
                raise ValueError(f"an output of shape {output.shape}, unlike those of the calls before")
        return outputs

    def _run(self, first: int, last: int, begin: int, end: int) -> Run:
        hall = self._spare
        feeds = [buffer[begin:end] for buffer in hall.buffers]
        at = [first, *[begin] * len(feeds)]
        places = [place + width * index for place, width, index in zip(hall.places, self._widths, at, strict=True)]
        return Run(self, hall.calls[first:last], hall.starts[first:last], feeds, end - begin, places)

    def paced(self, rows: int, busy_ns: int) -> None:
        """A run of a busy turn: the time from the end of the one before to its own. Reading, answering and refusing
        are not for nothing, and a machine is not always as fast as it was."""
        known_ns = rows * self.servable.cost.row_ns()
        if known_ns:
            ratio = min(busy_ns / known_ns, OUTLIER * self._stretch)
            self._stretch += WEIGHT * (ratio - self._stretch)

    def learn(self) -> int:
        """A run of the version has ended: now and then, and when its size was not known, compiled code is told what a
        row is expected to take, with all that is done beside. How much longer, then, what waits here is to take."""
        self._runs += 1
        cost, before_ns = self.servable.cost, self.row_ns
        if self._runs % RUNS_A_LESSON != 1 and cost.sizes == self._sizes:
            return 0
        self._sizes = cost.sizes
        self.row_ns = self.block[LANE.ROW_NS] = int(cost.row_ns() * self._stretch)
        return (self.row_ns - before_ns) * (self._taken + self.block[LANE.ROWS])

    def ended(self, rows: int) -> int:
        """So many rows were run, or will not be: the time that was expected of them."""
        self._taken -= rows
        return rows * self.row_ns


class Hall:
    """Where calls wait: there are two in a lane, so that calls can come in while those before them are run."""

    def __init__(self, shaped: list[tuple[tuple[int, ...], np.dtype[Any]]], most_calls: int) -> None:
        self.buffers = [np.empty(shape, dtype) for shape, dtype in shaped]
        self.calls: NDArray[np.int64] = np.zeros(most_calls, np.int64)
        self.starts: NDArray[np.int64] = np.zeros(most_calls, np.int64)  # first row of each call
        self.places = [address_of(array) for array in (self.calls, *self.buffers)]
