"""What an observer counts of calls, as columns of their own: of a header's 144 bytes only 47 are looked at."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import ANSWERED, RULE_CODES
from gnomon.domain import Role


class Calls(NamedTuple):
    """Columns (n,) of calls of one model."""

    epoch: NDArray[Any]
    version: NDArray[Any]
    role: NDArray[Any]
    rule: NDArray[Any]
    status: NDArray[Any]
    decode_ns: NDArray[Any]
    queue_ns: NDArray[Any]
    run_ns: NDArray[Any]
    total_ns: NDArray[Any]
    finite: NDArray[Any]  # whether every score is a number

    @classmethod
    def of(cls, headers: NDArray[Any], finite: NDArray[np.bool_]) -> "Calls":
        return cls._make([*(np.ascontiguousarray(headers[name]) for name in cls._fields[:-1]), finite])

    def where(self, mask: NDArray[np.bool_]) -> "Calls":
        return self if mask.all() else Calls._make([column[mask] for column in self])

    def by_arm(self) -> Iterator[tuple[int, int, int, "Calls"]]:
        """(epoch, version, role, calls) of each arm: one, nearly always."""
        left = self
        while len(left.epoch):
            epoch, version, role = int(left.epoch[0]), int(left.version[0]), int(left.role[0])
            same = (left.epoch == epoch) & (left.version == version) & (left.role == role)
            yield epoch, version, role, left.where(same)
            if same.all():
                return
            left = left.where(~same)

    def drawn(self) -> "Calls":
        """Without those that a rule or the caller sent to a version: they are not like what another arm gets."""
        return self.where((self.rule != RULE_CODES["pinned"]) & (self.rule != RULE_CODES["rule"]))

    def answered(self) -> "Calls":
        return self.where(self.status == ANSWERED)

    def timed(self) -> "Calls":
        """Without a shadow's calls that shared a run, which has no time of its own."""
        return self.where((self.role != Role.SHADOW) | (self.run_ns != 0))
