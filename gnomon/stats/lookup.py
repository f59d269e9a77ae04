"""Whole numbers to slots: an open-addressing table so empty that a number is mostly where it is looked for first."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gnomon.stats.compiled import njit

_PER_KEY = 4  # places a key: three of four searches end at the first, and those of strangers too
_GOLDEN = 0x9E37_79B9_7F4A_7C15  # 2^64 over the golden ratio: Knuth, The Art of Computer Programming 3, 6.4
_MASK = (1 << 64) - 1
_MULTIPLIER = np.uint64(_GOLDEN)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lookup:
    """`keys` (2^k,) int64 and their `slots` (2^k,) int64, -1 where no key is; `shift` is 64 - k."""

    keys: NDArray[np.int64]
    slots: NDArray[np.int64]
    shift: int


def build(slot_of: Mapping[int, int]) -> Lookup:
    """A lookup of whole numbers; those that int64 cannot hold are met nowhere, and left out."""
    bits = max(3, (_PER_KEY * max(1, len(slot_of)) - 1).bit_length())
    keys, slots, shift = np.zeros(1 << bits, np.int64), np.full(1 << bits, -1, np.int64), 64 - bits
    for key, slot in slot_of.items():
        if not -(1 << 63) <= key < 1 << 63:
            continue
        place = ((key & _MASK) * _GOLDEN & _MASK) >> shift
        while slots[place] >= 0:
            place = (place + 1) & ((1 << bits) - 1)
        keys[place], slots[place] = key, slot
    return Lookup(keys=keys, slots=slots, shift=shift)


def count(values: NDArray[np.int64], lookup: Lookup, unknown: int, counts: NDArray[np.int64]) -> None:
    """Add `values` (n,) to `counts`, those without a slot to the slot `unknown`."""
    _count(np.ascontiguousarray(values), lookup.keys, lookup.slots, np.uint64(lookup.shift), unknown, counts)


@njit(nogil=True)
def _count(
    values: NDArray[np.int64],
    keys: NDArray[np.int64],
    slots: NDArray[np.int64],
    shift: np.uint64,
    unknown: int,
    counts: NDArray[np.int64],
) -> None:
    last = np.uint64(len(keys) - 1)
    for i in range(len(values)):
        value = values[i]
        place = (np.uint64(value) * _MULTIPLIER) >> shift
        while keys[place] != value and slots[place] >= 0:
            place = (place + np.uint64(1)) & last
        slot = slots[place]
        counts[np.uint64(slot if slot >= 0 else unknown)] += 1
