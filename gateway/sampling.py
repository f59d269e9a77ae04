"""Which calls a shadow arm wants: a fixed choice by place in the journal, the same for who answers and for who reads.

The finalizer of splitmix64 (Steele, Lea and Flood, 2014), so that the choice has nothing to do with the router's.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from gnomon.domain import ALL_BP, Route

_GOLDEN = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_MASK = (1 << 64) - 1


def journal_mix(journal: str) -> int:
    """What a journal's sequences are mixed with, so that no two journals choose alike."""
    return (zlib.crc32(journal.encode()) + 1) * _GOLDEN & _MASK


def sampled(journal: str, sequences: NDArray[np.uint64], share_bp: int) -> NDArray[np.bool_]:
    """(n,): whether each sequence of a journal falls in a share. Raising the share takes none away."""
    with np.errstate(over="ignore"):
        mixed = sequences + np.uint64(journal_mix(journal))
        for shift, factor in _MIX:
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed = mixed ^ (mixed >> np.uint64(31))
    chosen: NDArray[np.bool_] = mixed % np.uint64(ALL_BP) < np.uint64(share_bp)
    return chosen


def is_sampled(journal: str, sequence: int, share_bp: int) -> bool:
    """The same for one call, without an array."""
    if share_bp == ALL_BP:
        return True
    mixed = sequence + journal_mix(journal) & _MASK
    for shift, factor in _MIX:
        mixed = (mixed ^ mixed >> shift) * factor & _MASK
    return (mixed ^ mixed >> 31) % ALL_BP < share_bp


def shadow_share_bp(route: Route, version: int) -> int:
    """The share of the calls a version answers that the route's shadow arm sees; a version is no pair with itself."""
    arm = route.shadow
    return 0 if arm is None or version == arm.version else arm.weight_bp


def is_offered(route: Route, version: int, journal: str, sequence: int) -> bool:
    """Whether a call that `version` answered under `route` is for the shadow arm."""
    return is_sampled(journal, sequence, shadow_share_bp(route, version))
