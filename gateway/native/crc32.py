"""CRC-32 as zlib has it, eight bytes at a time (Intel's slicing-by-8, Kounavis and Berry, 2005)."""

from gateway.native.memory import compiled, load1, load4, load8, shifted


@compiled
def crc32(table: int, at: int, size: int) -> int:
    value = 0xFFFFFFFF
    end = at + (size & -8)
    while at < end:
        both = load8(at) ^ value
        value = (
            load4(table + 7168 + 4 * (both & 255))
            ^ load4(table + 6144 + 4 * (both >> 8 & 255))
            ^ load4(table + 5120 + 4 * (both >> 16 & 255))
            ^ load4(table + 4096 + 4 * (both >> 24 & 255))
            ^ load4(table + 3072 + 4 * (both >> 32 & 255))
            ^ load4(table + 2048 + 4 * (both >> 40 & 255))
            ^ load4(table + 1024 + 4 * (both >> 48 & 255))
            ^ load4(table + 4 * shifted(both, 56))
        )
        at += 8
    end += size & 7
    while at < end:
        value = load4(table + 4 * ((value ^ load1(at)) & 255)) ^ value >> 8
        at += 1
    return value ^ 0xFFFFFFFF
