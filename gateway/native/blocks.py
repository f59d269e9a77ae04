"""Blocks of memory that compiled code and Python share: where each field is, in bytes. Every field has eight."""

from collections import namedtuple
from typing import Any

from gateway.journal.format import PREDICTION_DTYPE
from gnomon.domain import MAX_SHADOWS

MOST_INPUTS = MOST_ARMS = MOST_OUTPUTS = 8  # of a call that takes the lane
MOST_TENSORS = MOST_INPUTS + MOST_OUTPUTS


def _block(name: str, fields: str) -> Any:
    """A tuple of offsets by name: numba takes them as constants. `FIELD*4` is a field of four words."""
    names, offsets, at = [], [], 0
    for item in fields.split():
        field, _, count = item.partition("*")
        names.append(field)
        offsets.append(at)
        at += 8 * int(count or 1)
    return namedtuple(name, [*names, "SIZE"])(*offsets, at)  # type: ignore[call-arg, arg-type]


# One a server. Written by: the event loop; compiled code runs in it.
WORLD = _block(
    "World",
    """
    EVENTS EVENTS_USED LAST_EVENT
    FREE_STREAMS CLOSED_STREAMS SCRATCH*64
    READER
    HEADER_BYTES HEADER_COUNT
    NOW_NS NOW_UNIX_NS
    EPOLL READY_SOCKETS READY_COUNT READY_AT RECEIVED_DATA OUT OUT_SIZE FOUND FOUND_SIZE FOUND_END FOUND_TODO

    LANE_OPEN PATH PATH_SIZE LIST_BYTES SEND_BYTES MESSAGE_BYTES
    KINDS KINDS_MASK
    READY READY_LIST TOUCHED TOUCHED_LIST
    MOST_IN_FLIGHT IN_FLIGHT RECEIVED
    ENDED_ANSWERED ENDED_CANCELLED ENDED_SHED SHED_COUNT*2 JOURNALED LOST LOST_OTHER
    FIELDS FIELD_COUNT TRAILERS TRAILER_COUNT REFUSAL*2 REFUSAL_COUNT*2 REASON*2 REASON_BYTES*2
    EXPECTED_NS MOST_EXPECTED_NS
    CRC_TABLE ID_LOW ID_HIGH JOURNAL
    """,
)

# One a connection; its address is what libnghttp2 hands to every callback.
CONNECTION = _block(
    "Connection", "WORLD SESSION STREAMS QUEUED ANSWERED LAST TOUCHED SOCKET BLOCKED PAUSED HEARD_NS ENDING"
)

# One a stream, from its first header to its end. BUFFER holds the header fields, then the message.
STREAM = _block(
    "Stream",
    """
    NEXT PREVIOUS CONNECTION ID
    STATE FLAGS HEADERS LIST_BYTES COUNT
    BUFFER CAPACITY USED
    FIRST LAST QUEUED ENDING DEFERRED TRAILERS TRAILER_COUNT OWN_TRAILERS
    DEADLINE_NS ARRIVED_NS ARRIVED_UNIX_NS DECODED_NS
    KEY KEY_SIZE REQUEST_ID REQUEST_ID_SIZE TRACED TRACE*2
    TARGET RULE BUCKET KEY_HASH TAKES_TURN ROW
    """,
)

# What a stream is at. GENERAL: Python's; the others are of the lane.
GENERAL, READING, WAITING, ANSWERED, CANCELLED = range(5)

# Something to send, in front of its bytes.
CHUNK = _block("Chunk", "NEXT BYTES SENT")

# What happened on a connection. DATA is where its bytes are, until the next call of the engine.
EVENT = _block("Event", "KIND STREAM VALUE DATA BYTES")

REQUEST, DATA, TRAILERS, CLOSED, RESET, PING, PING_ANSWERED, SETTINGS, IDLE = range(1, 10)  # kinds of events
IS_LAST, IS_CONSUMED = 1, 2  # bits of a value: nothing follows; the engine knows already that the data was taken

SLICE_BYTES = 128 << 10  # received data is taken in slices of this
EVENTS_BYTES = 4 << 20  # three events for each of the smallest frames that a slice can hold, and room
BODY_BYTES = 256 << 10  # a larger message does not take the lane

# What `receive` and `send` tell beside the number of bytes, which stands above these bits.
HAS_EVENTS, HAS_WORK, WANTS_WRITE, IS_OVER = 1, 2, 4, 8
TODO_BITS = 4

# What `poll` and `flush` come back for. FOUND is the connection, FOUND_TODO what there is to do. FOUND_SIZE is an error
# of libnghttp2 or of the system; of a full socket, where the bytes of OUT begin that it did not take: to FOUND_END.
NOTHING, TODO, ENGINE_FAILED, SOCKET_ENDED, SOCKET_FAILED, SOCKET_FULL = range(6)
MOST_SOCKETS = 256  # looked at between two runs of the models
SOCKET_EVENT_BYTES = 12  # struct epoll_event, which is packed

CALLBACK_FAILURE = -902  # libnghttp2 gives up when a callback of ours says so

# A call as its bytes tell it: model, version and tensors' descriptions. Written by: Python, as it learns.
KIND = _block(
    "Kind",
    f"""
    HASH PREFIX PREFIX_SIZE SPAN SPAN_SIZE
    ROWS INPUTS BYTES*{MOST_INPUTS} PLACES*{MOST_INPUTS}
    PINNED COUNTER ASKS ARMS ENDS*{MOST_ARMS} TARGETS*{MOST_ARMS} RULES*{MOST_ARMS} KEY_STATE*8
    """,
)

# What a route asks of calls of a kind, beside their key: questions, one for each rule, or for several that one look
# decides. RULED is where the rules' calls go. KEY_COLUMN, where keys come from a column.
ASKS = _block("Asks", "RAW_BYTES QUESTION RULED KEY_COLUMN")
# Of a header, where there is no COLUMN: it is one of COUNT texts, each of which says whose; NEGATED: none of them. Of
# a column: its numbers are from LOW to HIGH, or among COUNT others; NEGATED: they are not.
QUESTION = _block("Question", "NEXT COLUMN HEADER HEADER_SIZE WANTED COUNT LOW HIGH NEGATED PLACE")
TEXT = _block("Text", "TEXT TEXT_SIZE PLACE")
RULED = _block("Ruled", "TARGET RULE")
# An element of each row, from AT in the raw contents on, and how its bytes are a number.
COLUMN = _block("Column", "AT STRIDE ROWS SORT WIDTH SIGN INFINITY BITS BIAS")
TRUTH, UNSIGNED, SIGNED, FLOAT = range(4)
NOT_A_NUMBER = -(1 << 63)

# What a call of one kind is on one arm: where it waits, and all of its reply and record that is always the same.
TARGET = _block(
    "Target",
    f"""
    LANE ROWS VERSION EPOCH SCHEMA ROLE WEIGHT INTRODUCED COUNTS DIVERTED
    SHADOWS SHADOW_MIX*{MAX_SHADOWS} SHADOW_BP*{MAX_SHADOWS} OFFERED*{MAX_SHADOWS}
    BEFORE_ID BEFORE_ID_SIZE BEFORE_PREDICTION BEFORE_PREDICTION_SIZE AFTER_PREDICTION AFTER_PREDICTION_SIZE
    OUTPUTS OUTPUT*{MOST_OUTPUTS} HEAD*{MOST_OUTPUTS} HEAD_SIZE*{MOST_OUTPUTS} REPLY_SIZE
    TENSORS BEFORE*{MOST_TENSORS} BEFORE_SIZE*{MOST_TENSORS} SOURCE*{MOST_TENSORS} RECORD_SIZE
    """,
)

# Calls that wait to be run together: rows side by side in one buffer an input.
LANE = _block(
    "Lane",
    f"""
    NUMBER IS_READY ROW_NS ROWS MOST_ROWS CALLS MOST_CALLS CALL_LIST ROW_LIST BUFFER*{MOST_INPUTS}
    INPUT_BYTES*{MOST_INPUTS} OUTPUT_BYTES*{MOST_OUTPUTS}
    """,
)

# A run of a lane's calls from FIRST to COUNT, whose rows begin at ROW; where its inputs are and its outputs.
RUN = _block(
    "Run",
    f"CALLS FIRST COUNT ROW INPUTS*{MOST_INPUTS} OUTPUTS*{MOST_OUTPUTS} STARTED_NS ENDED_NS NO_ROOM FAILED",
)
# What becomes of a call that was read: it is Python's, it waits, or it is refused, as too much waits, or too many do.
PYTHONS, JOINED, TOO_LONG, TOO_MANY = range(4)
DONE, NEEDS_ROOM, IS_PYTHONS = range(3)  # why `answer` came back, in the lowest bits; above, the call it is at
REASON_BITS = 2

# Sums of answered calls, as gateway.counters reports them.
COUNTS = _block("Counts", "ANSWERED TOTAL_NS DECODE_NS QUEUE_NS RUN_NS ROWS LAST_UNIX_MS FAILED FAILED_NS")

# The open segment. Written by: the journal's writer, and by compiled code between its calls.
JOURNAL = _block("Journal", "MEMORY OFFSET END SEQUENCE GENERATION ANSWERED")

# Where the fields of a prediction's frame are.
_FIELDS: dict[str, Any] = dict(PREDICTION_DTYPE.fields or {})
_frame = namedtuple("_frame", [name.upper() for name in _FIELDS])  # type: ignore[misc]
FRAME: Any = _frame(*(place[1] for place in _FIELDS.values()))
FRAME_BYTES = PREDICTION_DTYPE.itemsize
