"""A call on its way through a worker, as gnomon.routing asks it: its metadata, and what was read of its bytes."""

from typing import Protocol

from gateway.fastcodec.request import Request
from gnomon.columns import Column, Values


class HasMetadata(Protocol):
    def metadata(self, name: str) -> bytes | None:
        """The first value of that name."""


class AskedCall:
    """gnomon.asked.Asked over a call and its request."""

    __slots__ = ("_call", "_request")

    def __init__(self, call: HasMetadata, request: Request) -> None:
        self._call, self._request = call, request

    def header(self, name: str) -> bytes | None:
        return self._call.metadata(name)

    def column(self, column: Column) -> Values | None:
        raws, names = self._request.raws, column.names
        if raws is None:
            return column.of_message(self._request.message)
        for place, tensor in enumerate(self._request.layout.inputs):
            if tensor[0] in names:
                return column.of_raw(tensor[1], tensor[2], raws[place]) if place < len(raws) else None
        return None
