"""Variable-length integers of the protobuf wire format: seven bits a byte, the lowest first.

https://protobuf.dev/programming-guides/encoding/#varints
"""

MAX_LENGTH_BYTES = 4  # of a length that is read here: 2**28, more than any message we take


class Unusual(ValueError):
    """Bytes that the short path does not read, though they may be right: the general parser decides."""


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """(length, where it ends). Raises: Unusual for one that is long or not in its shortest form, IndexError.

    Some byte follows any length that is read here: a field without contents is not the end of a request worth reading.
    """
    first, second = data[at], data[at + 1]
    if first < 0x80:
        return first, at + 1
    if 0 < second < 0x80:
        return first & 0x7F | second << 7, at + 2
    return _read_long(data, at)


def _read_long(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(MAX_LENGTH_BYTES):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if byte == 0 and place:
                raise Unusual("a length that is not in its shortest form")
            return value, at + place + 1
    raise Unusual(f"a length of more than {MAX_LENGTH_BYTES} bytes")


def encoded(value: int) -> bytes:
    """The shortest form; a negative number as the protocol's int64 has it, in ten bytes."""
    value &= (1 << 64) - 1
    pieces = bytearray()
    while value > 0x7F:
        pieces.append(value & 0x7F | 0x80)
        value >>= 7
    pieces.append(value)
    return bytes(pieces)


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field: text, bytes, or a message."""
    return encoded(number << 3 | 2) + encoded(len(content)) + content
