"""The line between the supervisor and a worker: JSON objects, one a line, over an inherited socket pair.

Two phases, so that no worker routes to a version that another has not loaded:

    supervisor → worker   {"op": "prepare", "revision": 7, "models": […]}     load and warm what the state names
    worker → supervisor   {"op": "prepared", "failures": […]}
    supervisor → worker   {"op": "commit", "revision": 7, "models": […]}      serve it; unload what it does not name
    worker → supervisor   {"op": "committed", "revision": …}

The state travels whole, a text a model; a worker reads only the texts that it has not seen in the state before.

Either end that closes ends the other: a worker without a supervisor drains and exits.
"""

import asyncio
import base64
import json
import socket
from collections.abc import Mapping
from typing import Any

from gnomon.domain import DesiredState, ModelState
from gnomon.registry.v1 import registry_pb2
from gnomon.wire import decode, message_of

LINE_LIMIT = 64 << 20


def spelled(state: DesiredState) -> dict[str, Any]:
    """A state's part of a message."""
    models = [base64.b64encode(message_of(model).SerializeToString()).decode() for model in state.models]
    return {"revision": state.revision, "models": models}


class Reader:
    """Reads states that differ little: a model that is as it was is the same object as before, and costs nothing."""

    def __init__(self) -> None:
        self._known: dict[str, ModelState] = {}  # of the last state

    def read(self, message: Mapping[str, Any]) -> DesiredState:
        before, self._known = self._known, {}
        for text in message["models"]:
            self._known[text] = before.get(text) or _model_of(text)
        return DesiredState(revision=message["revision"], models=tuple(self._known.values()))


def _model_of(text: str) -> ModelState:
    model: ModelState = decode(registry_pb2.ModelState.FromString(base64.b64decode(text)), ModelState)
    return model


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
