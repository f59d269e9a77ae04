"""What a worker has done for each version since it started, as the protocol's statistics extension reports it.

Times are nanoseconds, summed. Known weakness: these are one worker's; a gateway of several answers with those of the
worker that the connection reached. The gateway's own metrics add them up.
"""

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class VersionCounters:
    """Counts of one version. Written by: the worker's event loop."""

    answered: int = 0
    answered_ns: int = 0
    failed: int = 0
    failed_ns: int = 0
    decode_ns: int = 0  # of answered calls, as the three below
    queue_ns: int = 0
    run_ns: int = 0
    encode_ns: int = 0
    rows: int = 0
    runs: int = 0
    last_unix_ms: int = 0
    run_sizes: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))  # rows → [runs, ns]

    def ran(self, rows: int, run_ns: int) -> None:
        """One run of the model, for one call or several together."""
        self.runs += 1
        size = self.run_sizes[rows]
        size[0] += 1
        size[1] += run_ns

    def answer(self, *, rows: int, decode_ns: int, queue_ns: int, run_ns: int, total_ns: int, unix_ms: int) -> None:
        """One answered call."""
        self.answered += 1
        self.answered_ns += total_ns
        self.decode_ns += decode_ns
        self.queue_ns += queue_ns
        self.run_ns += run_ns
        self.encode_ns += total_ns - decode_ns - queue_ns - run_ns
        self.rows += rows
        self.last_unix_ms = unix_ms

    def fail(self, total_ns: int) -> None:
        """One call that got no answer."""
        self.failed += 1
        self.failed_ns += total_ns


class Counters:
    """Counters by model and version, which outlive an unloading. Written by: the worker's event loop."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, int], VersionCounters] = defaultdict(VersionCounters)

    def of(self, model: str, version: int) -> VersionCounters:
        return self._versions[model, version]
