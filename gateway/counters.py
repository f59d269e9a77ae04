"""What a worker has done for each version since it started, as the protocol's statistics extension reports it.

Times are nanoseconds, summed. Known weakness: these are one worker's; a gateway of several answers with those of the
worker that the connection reached. The gateway's own metrics add them up.
"""

import ctypes
from collections import defaultdict
from dataclasses import dataclass, field


class Sums(ctypes.Structure):
    """Of a version's calls. Compiled code adds to them too: COUNTS in gateway.native.blocks."""

    _fields_ = [
        (name, ctypes.c_int64)
        for name in (
            "answered", "answered_ns", "decode_ns", "queue_ns", "run_ns", "rows", "last_unix_ms", "failed", "failed_ns",
        )
    ]  # fmt: skip


@dataclass(slots=True)
class VersionCounters:
    """Counts of one version. Written by: the worker's event loop."""

    sums: Sums = field(default_factory=Sums)
    runs: int = 0
    run_sizes: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))  # rows → [runs, ns]

    @property
    def address(self) -> int:
        return ctypes.addressof(self.sums)

    @property
    def encode_ns(self) -> int:
        """Of answered calls: all that is not decoding, waiting and running."""
        sums = self.sums
        return sums.answered_ns - sums.decode_ns - sums.queue_ns - sums.run_ns  # type: ignore[no-any-return]

    def ran(self, rows: int, run_ns: int) -> None:
        """One run of the model, for one call or several together."""
        self.runs += 1
        size = self.run_sizes[rows]
        size[0] += 1
        size[1] += run_ns

    def answer(self, *, rows: int, decode_ns: int, queue_ns: int, run_ns: int, total_ns: int, unix_ms: int) -> None:
        """One answered call."""
        sums = self.sums
        sums.answered += 1
        sums.answered_ns += total_ns
        sums.decode_ns += decode_ns
        sums.queue_ns += queue_ns
        sums.run_ns += run_ns
        sums.rows += rows
        sums.last_unix_ms = unix_ms

    def fail(self, total_ns: int) -> None:
        """One call that got no answer."""
        self.sums.failed += 1
        self.sums.failed_ns += total_ns


class Counters:
    """Counters by model and version, which outlive an unloading. Written by: the worker's event loop."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, int], VersionCounters] = defaultdict(VersionCounters)

    def of(self, model: str, version: int) -> VersionCounters:
        return self._versions[model, version]
