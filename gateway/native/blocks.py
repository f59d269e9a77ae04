"""Blocks of memory that compiled code and Python share: where each field is, in bytes. Every field has eight."""

from collections import namedtuple
from typing import Any


def _block(name: str, fields: str) -> Any:
    """A tuple of offsets by name: numba takes them as constants. `field*4` is a field of four words."""
    names, offsets, at = [], [], 0
    for item in fields.split():
        field, _, count = item.partition("*")
        names.append(field)
        offsets.append(at)
        at += 8 * int(count or 1)
    return namedtuple(name, [*names, "SIZE"])(*offsets, at)  # type: ignore[misc]


# One a server. Written by: the event loop; compiled code runs in it.
WORLD = _block(
    "World",
    """
    EVENTS EVENTS_USED LAST_EVENT
    FREE_STREAMS SCRATCH*64
    READER
    HEADER_BYTES HEADER_COUNT
    PATH PATH_SIZE DIRECT
    """,
)

# One a connection; its address is what libnghttp2 hands to every callback.
CONNECTION = _block(
    "Connection",
    """
    WORLD SESSION STREAMS QUEUED ANSWERED
    """,
)

# One a stream, from its first header to its end.
STREAM = _block(
    "Stream",
    """
    NEXT PREVIOUS CONNECTION ID
    STATE HEADERS LIST_BYTES COUNT
    BUFFER CAPACITY USED
    FIRST LAST QUEUED ENDING DEFERRED TRAILERS TRAILER_COUNT
    """,
)

# Something to send, in front of its bytes.
CHUNK = _block("Chunk", "NEXT BYTES SENT")

# What happened on a connection, in front of its bytes, which are padded to 8.
EVENT = _block("Event", "KIND STREAM VALUE BYTES")

REQUEST, DATA, TRAILERS, CLOSED, RESET, PING, PING_ANSWERED, SETTINGS, IDLE = range(1, 10)  # kinds of events

EVENTS_BYTES = 1 << 20
EVENTS_FULL = 256 << 10  # the engine pauses above: what one read can add still fits
SLICE_BYTES = 128 << 10  # received data is taken in slices of this

# What `receive` tells beside the number of bytes it took.
HAS_EVENTS, HAS_WORK, WANTS_WRITE = 1, 2, 4
RECEIVED_SHIFT = 3

# What went wrong, beside the errors of libnghttp2.
CALLBACK_FAILURE = -902
