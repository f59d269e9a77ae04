"""Bytes of a journal segment: constants, layouts, and the prediction id. Drawn in docs/formats/journal.md.

A segment is a header page, then frames, each aligned to 8 bytes:

    0        64          128                4096                                   segment_bytes
    │ identity │ committed, next sequence │ sealed │ …0… │ frame │ frame │ ……… 0 ……… │

Everything is little-endian. A reader believes only the bytes before `committed`, and of those only frames whose
checksum is right.
"""

import struct
import uuid
from dataclasses import dataclass
from typing import Final

import numpy as np

MAGIC: Final = b"GNOMONJL"
FORMAT_VERSION: Final = 2
HEADER_BYTES: Final = 4096
COMMITTED_AT: Final = 64
NEXT_AT: Final = 72
SEALED_AT: Final = 128
ALIGN: Final = 8

# magic, format version, header bytes, segment bytes, base sequence, created unix ns, host id, slot; then its crc32
IDENTITY: Final = struct.Struct("<8sIIQQQIHxx")
IDENTITY_CRC_AT: Final = IDENTITY.size
SEAL_CRC_AT: Final = SEALED_AT + 8  # crc32 of the header before it, written just before `sealed`
WORD: Final = struct.Struct("<Q")
CRC: Final = struct.Struct("<I")
assert IDENTITY_CRC_AT == 48

# kinds of frames
SCHEMA: Final = 1  # JSON: a Version's tensors, under a number that predictions refer to
ROUTE: Final = 2  # a gnomon.registry.v1.Route: why calls of its epoch went where they went
PREDICTION: Final = 3

# bytes, crc32 of what follows the crc, kind, number of the schema, bytes of the body; padded to the alignment
FRAME: Final = struct.Struct("<IIBxxxIIxxxx")
assert FRAME.size % ALIGN == 0

# status of a call
ANSWERED: Final = 1
REJECTED: Final = 2  # the caller's fault
SHED: Final = 3  # no room, or no time left before it began
FAILED: Final = 4  # ours, or the model's
CANCELLED: Final = 5  # the caller left
STATUS_NAMES: Final = {
    ANSWERED: "answered",
    REJECTED: "rejected",
    SHED: "shed",
    FAILED: "failed",
    CANCELLED: "cancelled",
}

# what chose the arm; 6 to 15 are for rules of routes to come
RULE_NAMES: Final = {0: "", 1: "pinned", 2: "key", 3: "sequence", 4: "shadow", 5: "rule", 16: "breaker"}
RULE_CODES: Final = {name: code for code, name in RULE_NAMES.items()}

# of a tensor
INPUT: Final = 0
OUTPUT: Final = 1
LIVE_OUTPUT: Final = 2  # in a shadow's frame: what the live arm had answered
SLICE: Final = 3  # in a shadow's frame: an input column, (rows,), by whose values its route has pairs told apart

PREDICTION_DTYPE: Final = np.dtype(
    [
        ("frame_bytes", "<u4"),
        ("crc32", "<u4"),
        ("kind", "u1"),
        ("role", "u1"),
        ("status", "u1"),
        ("rule", "u1"),
        ("tensors", "<u2"),
        ("request_id_bytes", "<u2"),
        ("schema", "<u4"),
        ("reason_bytes", "<u2"),
        ("rows", "<u2"),
        ("sequence", "<u8"),
        ("prediction_id", "V16"),
        ("parent_id", "V16"),
        ("arrived_unix_ns", "<u8"),
        ("epoch", "<u8"),
        ("version", "<u4"),
        ("bucket", "<u2"),
        ("weight_bp", "<u2"),
        ("key_hash", "<u8"),
        ("decode_ns", "<u8"),
        ("queue_ns", "<u8"),
        ("run_ns", "<u8"),
        ("total_ns", "<u8"),
        ("trace_id", "V16"),
    ]
)
PREDICTION_FRAME: Final = struct.Struct("<IIBBBBHHIHHQ16s16sQQIHHQQQQQ16s")
assert PREDICTION_FRAME.size == PREDICTION_DTYPE.itemsize == 144

# direction, datatype code, number of dimensions, index in the schema, bytes of the data; then dimensions as u4, data
TENSOR: Final = struct.Struct("<BBBBI")

DATATYPES: Final = (
    "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP16", "FP32", "FP64", "BYTES",
)  # fmt: skip
DATATYPE_CODES: Final = {name: code for code, name in enumerate(DATATYPES)}
NUMPY_OF: Final = {
    "BOOL": np.dtype("?"), "INT8": np.dtype("i1"), "INT16": np.dtype("<i2"), "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"), "UINT8": np.dtype("u1"), "UINT16": np.dtype("<u2"), "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"), "FP16": np.dtype("<f2"), "FP32": np.dtype("<f4"), "FP64": np.dtype("<f8"),
}  # fmt: skip

SLOT_BITS: Final = 12
HOST_BITS: Final = 20
SEQUENCE_BITS: Final = 42


class JournalCorrupt(ValueError):
    """A segment, or a frame in it, that is not what it should be; the message says which and where."""


def host_of(gateway_id: str) -> int:
    """The bits of a gateway's id, hexadecimal, that go into prediction ids."""
    return int(gateway_id, 16) & ((1 << HOST_BITS) - 1)


def aligned(size: int) -> int:
    """`size` rounded up to the alignment of frames."""
    return (size + ALIGN - 1) & -ALIGN


def prediction_id(unix_ms: int, host: int, slot: int, sequence: int) -> bytes:
    """A UUIDv7 (RFC 9562): time, then slot in its 12 bits, then host and sequence in its 62. In order of time."""
    value = unix_ms << 80 | 7 << 76 | slot << 64 | 2 << 62 | host << SEQUENCE_BITS | sequence
    return value.to_bytes(16, "big")


@dataclass(frozen=True, slots=True)
class PredictionId:
    """What a prediction id says about where its record is."""

    unix_ms: int
    slot: int
    host: int
    sequence: int

    @classmethod
    def parse(cls, text: str) -> "PredictionId":
        """Raises: ValueError unless `text` is an id that a gateway gave out."""
        try:
            parsed = uuid.UUID(text)
        except ValueError:
            raise ValueError(f"prediction id {text!r}: a UUID expected") from None
        if parsed.version != 7:
            raise ValueError(f"prediction id {text!r}: a UUID of version 7 expected")
        value = parsed.int
        return cls(
            unix_ms=value >> 80,
            slot=value >> 64 & (1 << SLOT_BITS) - 1,
            host=value >> SEQUENCE_BITS & (1 << HOST_BITS) - 1,
            sequence=value & (1 << SEQUENCE_BITS) - 1,
        )


def id_text(raw: bytes) -> str:
    """The id as people and clients see it."""
    return str(uuid.UUID(bytes=raw))
