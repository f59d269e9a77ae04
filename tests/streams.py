"""What a JetStream stream holds, message by message."""

import asyncio
from collections import Counter

import nats
import pyarrow as pa

from tests.servers import nats_url


def stored(*servers, stream="gnomon"):
    """(subject, headers, table) of every message, in the order of the stream."""

    async def read():
        client = await nats.connect(nats_url(*servers).split(","), connect_timeout=5)
        manager, found = client.jsm(), []
        try:
            info = await manager.stream_info(stream)
            for sequence in range(info.state.first_seq, info.state.last_seq + 1) if info.state.messages else ():
                message = await manager.get_msg(stream, sequence)
                found.append((message.subject, message.headers, pa.ipc.open_stream(message.data).read_all()))
        finally:
            await client.close()
        return found

    return asyncio.run(read())


def ids(found):
    return Counter(value for _, _, table in found for value in table["prediction_id"].to_pylist())
