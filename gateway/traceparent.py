"""The caller's trace, by the W3C's Trace Context: what a prediction has in common with the spans around it."""

from gateway.journal.writer import NO_TRACE

HEADER = "traceparent"  # 00-{trace id, 32 digits}-{parent id, 16}-{flags, 2}; a later version may go on after that
_LEAST = 55
_DASHES = (2, 35, 52)


def trace_id(value: bytes | None) -> bytes:
    """16 bytes; zeros where the header is missing, or is none."""
    if value is None or len(value) < _LEAST or value[:2] == b"ff" or any(value[at] != ord("-") for at in _DASHES):
        return NO_TRACE
    try:
        found = bytes.fromhex(value[3:35].decode())
    except ValueError:
        return NO_TRACE
    return found if len(found) == len(NO_TRACE) else NO_TRACE  # blanks between digits are let through
