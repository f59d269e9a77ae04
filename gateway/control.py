"""The line between the supervisor and a worker: JSON objects, one a line, over an inherited socket pair.

Two phases, so that no worker routes to a version that another has not loaded:

    supervisor → worker   {"op": "prepare", "state": …}     load and warm what the state names
    worker → supervisor   {"op": "prepared", "failures": […]}
    supervisor → worker   {"op": "commit", "state": …}      serve it; unload what it does not name
    worker → supervisor   {"op": "committed", "revision": …}

Either end that closes ends the other: a worker without a supervisor drains and exits.
"""

import asyncio
import base64
import json
import socket
from typing import Any

from gnomon.domain import DesiredState
from gnomon.registry.v1 import registry_pb2
from gnomon.wire import decode, message_of

LINE_LIMIT = 64 << 20


def state_text(state: DesiredState) -> str:
    return base64.b64encode(message_of(state).SerializeToString()).decode()


def state_of(text: str) -> DesiredState:
    state: DesiredState = decode(registry_pb2.DesiredState.FromString(base64.b64decode(text)), DesiredState)
    return state


class Line:
    """One end of the line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> "Line":
        end.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=end, limit=LINE_LIMIT)
        return cls(reader, writer)

    async def send(self, **message: Any) -> None:
        """Raises: ConnectionError when the other end is gone."""
        self._writer.write(json.dumps(message).encode() + b"\n")
        await self._writer.drain()

    async def receive(self) -> dict[str, Any] | None:
        """The next message, None when the other end is gone."""
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        if not line:
            return None
        message: dict[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        self._writer.close()
