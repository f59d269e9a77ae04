"""The tables that gateway.native.crc32 looks into."""

POLYNOMIAL = 0xEDB88320


def tables() -> bytes:
    """Eight tables of 256 numbers of 4 bytes: of a byte, and of one with zero bytes behind it."""
    first = list(range(256))
    for _ in range(8):
        first = [value >> 1 ^ (POLYNOMIAL if value & 1 else 0) for value in first]
    rows = [first]
    for _ in range(7):
        rows.append([first[before & 255] ^ before >> 8 for before in rows[-1]])
    return b"".join(value.to_bytes(4, "little") for row in rows for value in row)
