"""Numbers of HTTP/2, what we grant in our SETTINGS, and the one frame that is made by hand."""

import struct

from gateway.transport.limits import Limits

FRAME_BYTES = 256 << 10  # larger frames than the protocol's 16 KiB: fewer events per message
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, CANCELLED, CALM = 0, 1, 2, 8, 11  # RFC 9113, section 7
ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 2, 3, 4, 5, 6


def settings(limits: Limits) -> dict[int, int]:
    return {
        MAX_CONCURRENT_STREAMS: limits.max_streams,
        INITIAL_WINDOW_SIZE: limits.stream_window_bytes,
        MAX_FRAME_SIZE: FRAME_BYTES,
        MAX_HEADER_LIST_SIZE: limits.header_list_bytes,
        ENABLE_PUSH: 0,
    }


def goaway(code: int, last: int, reason: bytes) -> bytes:
    """A GOAWAY frame by hand, for when the engine has given up (RFC 9113, section 6.8).

    `last`: the last stream that was begun; what came after it may be tried again elsewhere.
    """
    return struct.pack(">I", 8 + len(reason))[1:] + b"\7\0" + struct.pack(">III", 0, last, code) + reason
