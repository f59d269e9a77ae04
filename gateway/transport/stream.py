"""What a connection asks of those above it: the owner of a stream, and the server it belongs to."""

from typing import TYPE_CHECKING, Protocol

from gateway.transport.engine import World
from gateway.transport.limits import Limits
from gateway.transport.metadata import Headers
from gateway.transport.outbox import Outbox

if TYPE_CHECKING:
    from gateway.transport.h2 import Http2


class Stream(Protocol):
    """The owner of a stream: a call."""

    def receive(self, data: bytes, ended: bool) -> bool:
        """Takes data. False: it is held, and `Http2.consumed` is called when it no longer is."""

    def lost(self) -> None:
        """The peer took the call back, or is gone. Nothing can be sent any more."""

    def writable(self) -> None:
        """What was queued has left, or some of it."""


class Acceptor(Protocol):
    """What a connection belongs to: a server."""

    outbox: Outbox
    world: World
    limits: Limits

    def clock(self) -> float: ...

    def work(self) -> None:
        """Calls wait in a lane."""

    def opened(self, connection: "Http2") -> bool: ...

    def closed(self, connection: "Http2") -> None: ...

    def accept(self, connection: "Http2", stream_id: int, headers: Headers) -> Stream | None: ...
