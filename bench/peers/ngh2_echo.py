"""The least a Python server on libnghttp2 can do: the same answer to any call. It shows what the generator can drive.

`python -m bench.peers.ngh2_echo [ROWS]` prints its port and serves until it is ended.
"""

import asyncio
import sys
from typing import cast

import ngh2
import uvloop

from bench.peers.canned import framed_answer

HEADERS = ((b":status", b"200"), (b"content-type", b"application/grpc"))
TRAILERS = ((b"grpc-status", b"0"),)
SETTINGS = {ngh2.Setting.MAX_CONCURRENT_STREAMS: 65_536, ngh2.Setting.INITIAL_WINDOW_SIZE: 1 << 24}


class Echo(asyncio.Protocol):
    """One connection."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._h2 = ngh2.Connection(ngh2.Role.SERVER)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._h2.initiate_connection(SETTINGS)
        self._h2.set_local_window_size(1 << 30)
        self._transport.write(self._h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        self._h2.receive_data(data)
        for event in self._h2.events():
            if type(event) is ngh2.DataReceived and event.end_stream:
                self._answer(event.stream_id)
        self._transport.write(self._h2.data_to_send())

    def _answer(self, stream: int) -> None:
        self._h2.send_response(stream, HEADERS)
        self._h2.send_data(stream, self._body)
        self._h2.send_trailers(stream, TRAILERS)


async def serve(rows: int) -> None:
    body = framed_answer(rows)
    server = await asyncio.get_running_loop().create_server(lambda: Echo(body), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
