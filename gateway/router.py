"""A call on its way through a worker, as gnomon.routing asks it: its metadata, and what was read of its bytes."""

import functools
from collections.abc import Callable
from typing import Protocol

from gateway.fastcodec.layout import MAX_LAYOUTS, Layout
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
        raws = self._request.raws
        if raws is None:
            return column.of_message(self._request.message)
        found = _found(column, self._request.layout)
        return None if found is None or found[0] >= len(raws) else found[1](raws[found[0]])


@functools.lru_cache(maxsize=MAX_LAYOUTS)
def _found(column: Column, layout: Layout) -> tuple[int, Callable[[bytes], Values | None]] | None:
    """Which input has the column, and what reads it there; None where none has."""
    for place, (name, datatype, shape) in enumerate(layout.inputs):
        if name in column.names:
            return place, column.reader(datatype, shape)
    return None
