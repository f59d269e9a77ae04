"""A block of memory that compiled code reads: words by their offset, and the bytes it points to."""

import ctypes
from collections.abc import Sequence


class Block:
    """Zero at first. It must live as long as compiled code may look at it."""

    __slots__ = ("_kept", "address", "words")

    def __init__(self, size_bytes: int) -> None:
        self.words = (ctypes.c_int64 * (size_bytes // 8))()
        self.address = ctypes.addressof(self.words)
        self._kept: list[object] = []

    def __getitem__(self, field: int) -> int:
        return self.words[field // 8]

    def __setitem__(self, field: int, value: int) -> None:
        self.words[field // 8] = value

    def fill(self, field: int, values: Sequence[int]) -> None:
        """The words from `field` on."""
        self.words[field // 8 : field // 8 + len(values)] = list(values)

    def point(self, data: bytes) -> int:
        """The address of a copy of `data`, kept with the block."""
        kept = ctypes.create_string_buffer(data, len(data))
        self._kept.append(kept)
        return ctypes.addressof(kept)

    def refer(self, field: int, other: "Block") -> None:
        """The address of another, kept as long as this one."""
        self._kept.append(other)
        self[field] = other.address

    def text(self, field: int, data: bytes) -> None:
        """An address, and in the next word how many bytes are there."""
        self[field] = self.point(data)
        self[field + 8] = len(data)


def signed(value: int) -> int:
    """The same 64 bits as a number with a sign."""
    return value - (1 << 64) if value >> 63 else value
