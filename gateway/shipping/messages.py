"""Tables as messages of a stream: Arrow IPC, each complete in itself and no larger than the server takes."""

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from gateway.shipping.names import dataset, folder_model

COMPRESSES = 2  # rows come to about half; what does not fit after all is halved again
HEADERS_BYTES = 1024  # room that a message's own headers may take
OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")
# In NATS a subject's tokens are parted by dots, and * and > are wildcards; models' names have dots only.
DOT = "%2E"


class Message(NamedTuple):
    """Rows of one subject, first and last sequence included."""

    first: int
    last: int
    data: bytes
    bare: int = 0  # rows of it whose tensors were left out because a message has no room for them


def subject(prefix: str, journal: str, model: str, gateway_id: str) -> str:
    """One subject has one writer: the publisher of that gateway."""
    return f"{prefix}.{dataset(journal)}.{folder_model(model).replace('.', DOT)}.{gateway_id or '_'}.{journal}"


def messages(table: pa.Table, after: int, limit: int) -> Iterator[Message]:
    """Rows whose sequence is greater than `after`, in messages of at most `limit` bytes."""
    sequences = table["sequence"].to_numpy()
    left = table.slice(int(sequences.searchsorted(after, side="right")))
    step = max(1, left.num_rows * COMPRESSES * limit // max(left.nbytes, 1))
    for begin in range(0, left.num_rows, step):
        yield from _split(left.slice(begin, step), limit - HEADERS_BYTES)


def _split(table: pa.Table, limit: int) -> Iterator[Message]:
    """Halves until each fits: what compresses well makes few messages."""
    if not table.num_rows:
        return
    data = encoded(table)
    if len(data) > limit and table.num_rows > 1:
        middle = table.num_rows // 2
        yield from _split(table.slice(0, middle), limit)
        yield from _split(table.slice(middle), limit)
        return
    bare = len(data) > limit
    sequences = table["sequence"]
    yield Message(sequences[0].as_py(), sequences[-1].as_py(), encoded(_bare(table)) if bare else data, int(bare))


def encoded(table: pa.Table) -> bytes:
    """An Arrow IPC stream of one record batch."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=OPTIONS) as writer:
        writer.write_table(table.combine_chunks())
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _bare(table: pa.Table) -> pa.Table:
    """Without what tensors hold: their columns are null."""
    arrays = [
        pa.nulls(table.num_rows, field.type) if b"tensor" in (field.metadata or {}) else table[field.name]
        for field in table.schema
    ]
    return pa.Table.from_arrays(arrays, schema=table.schema)
