"""A run: calls whose rows lie side by side, given to the model together."""

import ctypes
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gateway.lanes.block import Block
from gateway.native.blocks import CANCELLED, RUN, STREAM

if TYPE_CHECKING:
    from gateway.lanes.lane import Lane


class Dropped(Exception):
    """Nobody waits for the answer any more, so the model does not run."""


class Moved(Exception):
    """A breaker opened while the calls waited: Python takes them, to stable."""


class Run:
    """Written by: the event loop; `compute` may run in a thread."""

    __slots__ = (
        "calls",
        "ended_ns",
        "feeds",
        "lane",
        "late",
        "outputs",
        "places",
        "row",
        "rows",
        "started_ns",
        "starts",
    )

    def __init__(
        self, lane: "Lane", calls: NDArray[np.int64], starts: NDArray[np.int64], feeds: list[NDArray[Any]], rows: int,
        places: list[int] | None = None,
    ) -> None:  # fmt: skip
        """`calls` (n,) addresses of streams, `starts` (n,) their first rows as the lane counts them, `feeds` (rows, …)
        of each input; `places` the addresses of `calls` and of each of `feeds`, where they are known."""
        self.lane, self.calls, self.starts, self.feeds, self.rows = lane, calls, starts, feeds, rows
        self.places = [address_of(array) for array in (calls, *feeds)] if places is None else places
        self.row = int(starts[0])
        self.outputs: list[NDArray[Any]] | Exception = []
        self.started_ns = self.ended_ns = 0
        self.late = 0  # calls whose deadlines were seen to pass while it was computed

    def compute(self) -> "Run":
        """Runs the model; `outputs` are then what it gave, or what went wrong."""
        self.started_ns = time.perf_counter_ns()
        try:
            self.outputs = self.lane.compute(self.feeds, self.rows)
        except Exception as error:  # the runtime's exceptions share no base of their own; the calls answer with it
            self.outputs = error
        self.ended_ns = time.perf_counter_ns()
        return self

    def detached(self) -> "Run":
        """The same in memory of its own: the lane takes the next calls while this one waits."""
        return Run(self.lane, self.calls.copy(), self.starts.copy(), [feed.copy() for feed in self.feeds], self.rows)

    def singles(self) -> list["Run"]:
        """Its calls, each alone; those nobody waits for are dropped already."""
        ends = np.append(self.starts[1:], self.row + self.rows) - self.row
        now, runs = time.monotonic_ns(), []
        for index, (begin, end) in enumerate(zip(self.starts - self.row, ends, strict=True)):
            feeds = [feed[begin:end] for feed in self.feeds]
            single = Run(
                self.lane, self.calls[index : index + 1], self.starts[index : index + 1], feeds, int(end - begin)
            )
            if is_dead(int(self.calls[index]), now):
                single.outputs = Dropped()
                single.started_ns = single.ended_ns = time.perf_counter_ns()
            runs.append(single)
        return runs

    def describe(self, block: Block) -> None:
        """Fills what compiled code reads of it."""
        block[RUN.CALLS], block[RUN.FIRST], block[RUN.COUNT] = self.places[0], 0, len(self.calls)
        block[RUN.ROW], block[RUN.NO_ROOM] = self.row, 0
        block[RUN.STARTED_NS], block[RUN.ENDED_NS] = self.started_ns, self.ended_ns
        block.fill(RUN.INPUTS, self.places[1:])
        if isinstance(self.outputs, Exception):
            block[RUN.FAILED] = 1
        else:
            block[RUN.FAILED] = 0
            block.fill(RUN.OUTPUTS, [address_of(output) for output in self.outputs])


def address_of(array: NDArray[Any]) -> int:
    """Of contiguous memory. Ctypes says it in a fifth of numpy's time, of what is not empty and may be written."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return int(array.__array_interface__["data"][0])


def is_dead(stream: int, now_ns: int) -> bool:
    """Whether the caller has left, or its deadline has passed."""
    deadline = word_at(stream + STREAM.DEADLINE_NS)
    return word_at(stream + STREAM.STATE) == CANCELLED or 0 < deadline <= now_ns


def word_at(address: int) -> int:
    return ctypes.c_int64.from_address(address).value
