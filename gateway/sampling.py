"""Which calls a shadow arm wants: a fixed choice by place in the journal, the same for who answers and for who reads.

The finalizer of splitmix64 (Steele, Lea and Flood, 2014), so that the choice has nothing to do with the router's. The
version is mixed in: each arm chooses as if there were no other, whichever else a route has.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from gnomon.domain import ALL_BP, Arm, Route

_GOLDEN = 0x9E3779B97F4A7C15
_VERSION = 0xD1B54A32D192ED03
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_MASK = (1 << 64) - 1


def mix_of(journal: str, version: int = 0) -> int:
    """What a journal's sequences are mixed with for a shadow, so that no two of either choose alike."""
    return ((zlib.crc32(journal.encode()) + 1) * _GOLDEN + version * _VERSION) & _MASK


def sampled(mix: int, sequences: NDArray[np.uint64], share_bp: int) -> NDArray[np.bool_]:
    """(n,): whether each sequence falls in a share. Raising the share takes none away."""
    with np.errstate(over="ignore"):
        mixed = sequences + np.uint64(mix)
        for shift, factor in _MIX:
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed = mixed ^ (mixed >> np.uint64(31))
    chosen: NDArray[np.bool_] = mixed % np.uint64(ALL_BP) < np.uint64(share_bp)
    return chosen


def is_sampled(journal: str, sequence: int, arm: Arm) -> bool:
    """The same for one call, without an array."""
    if arm.weight_bp == ALL_BP:
        return True
    mixed = sequence + mix_of(journal, arm.version) & _MASK
    for shift, factor in _MIX:
        mixed = (mixed ^ mixed >> shift) * factor & _MASK
    return (mixed ^ mixed >> 31) % ALL_BP < arm.weight_bp


def watching(route: Route, version: int) -> tuple[Arm, ...]:
    """The shadows that see calls which `version` answers; a version is no pair with itself."""
    return tuple(arm for arm in route.shadows if arm.version != version and arm.weight_bp)


def offered_to(route: Route, version: int, journal: str, sequence: int) -> tuple[Arm, ...]:
    """The shadows that want a call which `version` answered under `route`."""
    return tuple(arm for arm in watching(route, version) if is_sampled(journal, sequence, arm))
