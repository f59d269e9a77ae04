"""One HTTP/2 connection of the load generator: a non-blocking socket under libnghttp2.

Measured in memory, libnghttp2's half of a call costs about 3 µs here; the rest of a call is sockets and this file.
"""

import itertools
import socket

import ngh2
from grpc import StatusCode

from bench.call import PREFIX_BYTES, Call
from bench.ledger import OK

Answer = tuple[int, int, int, str]  # slot, intended_ns, done_ns, status
READ_BYTES = 1 << 18
WINDOW_BYTES = (1 << 31) - 1
SETTINGS = {ngh2.Setting.ENABLE_PUSH: 0, ngh2.Setting.INITIAL_WINDOW_SIZE: WINDOW_BYTES}
CONNECT_TIMEOUT_S = 5.0
LOST, UNREADABLE, EMPTY, WRONG = "CONNECTION_LOST", "UNREADABLE", "EMPTY_ANSWER", "WRONG_ANSWER"
NAMES = {str(code.value[0]).encode(): code.name for code in StatusCode}


class Connection:
    """Calls in flight on one socket. `slot` is the place it was opened for. Written by: the generator's one loop."""

    def __init__(self, slot: int, address: tuple[str, int], call: Call) -> None:
        self.slot = slot
        self.open = True  # takes new calls
        self.socket = socket.create_connection(address, timeout=CONNECT_TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._call = call
        self._bodies = itertools.cycle(call.bodies)
        self._waiting: dict[int, int] = {}  # stream → when its call was meant to be sent
        self._received: dict[int, int] = {}  # stream → bytes of its answer so far
        self._first: bytes | None = b""  # the first answer is looked into; None when that is done
        self._unsent = memoryview(b"")
        self._h2 = ngh2.Connection(ngh2.Role.CLIENT)
        self._h2.initiate_connection(SETTINGS)
        self._h2.set_local_window_size(WINDOW_BYTES)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def send(self, intended_ns: int) -> None:
        """Queues a call; `flush` writes it."""
        stream = self._h2.send_request(self._call.headers)
        self._h2.send_data(stream, next(self._bodies), end_stream=True)
        self._waiting[stream] = intended_ns

    def flush(self) -> bool:
        """Writes what the socket takes; whether there is more."""
        if not self._unsent:
            self._unsent = memoryview(self._h2.data_to_send())
        while self._unsent:
            try:
                written = self.socket.send(self._unsent)
            except BlockingIOError:
                return True
            except OSError:
                return False  # the reading side finds out
            self._unsent = self._unsent[written:] or memoryview(self._h2.data_to_send())
        return False

    def read(self) -> bytes | None:
        """What has come; empty at the end of the connection, None when there is nothing now."""
        try:
            return self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def answers(self, data: bytes, now_ns: int, into: list[Answer]) -> None:
        """Appends the calls that `data` answers; the end of the connection ends all that wait."""
        if not data:
            self.lose(now_ns, LOST, into)
            return
        try:
            self._h2.receive_data(data)
        except ngh2.NGH2Error:
            self.lose(now_ns, UNREADABLE, into)
            return
        for event in self._h2.events():
            self._take(event, now_ns, into)

    def lose(self, now_ns: int, status: str, into: list[Answer]) -> None:
        """Ends the connection and every call on it."""
        self.open = False
        into.extend((self.slot, intended_ns, now_ns, status) for intended_ns in self._waiting.values())
        self._waiting.clear()
        self.socket.close()

    def _take(self, event: ngh2.Event, now_ns: int, into: list[Answer]) -> None:
        kind = type(event)
        if kind is ngh2.DataReceived:
            self._collect(event.stream_id, event.data)  # type: ignore[attr-defined]
        elif kind is ngh2.TrailersReceived or (kind is ngh2.ResponseReceived and event.end_stream):  # type: ignore[attr-defined]
            status = status_of(event.headers)  # type: ignore[attr-defined]
            self._finish(event.stream_id, now_ns, status, into)  # type: ignore[attr-defined]
        elif kind is ngh2.StreamClosed:
            if event.stream_id in self._waiting:  # type: ignore[attr-defined]
                self._finish(event.stream_id, now_ns, f"RESET_{event.error_code}", into)  # type: ignore[attr-defined]
        elif kind is ngh2.GoAwayReceived:
            self.open = False

    def _collect(self, stream: int, data: bytes) -> None:
        self._received[stream] = self._received.get(stream, 0) + len(data)
        if self._first is not None and stream == 1:
            self._first += data

    def _finish(self, stream: int, now_ns: int, status: str, into: list[Answer]) -> None:
        size = self._received.pop(stream, 0)
        if status == OK:
            status = self._verified(stream, size)
        into.append((self.slot, self._waiting.pop(stream), now_ns, status))

    def _verified(self, stream: int, size: int) -> str:
        if size <= PREFIX_BYTES:
            return EMPTY
        if stream == 1 and self._first is not None:
            first, self._first = self._first, None
            return WRONG if self._call.fault(first) else OK
        return OK


def status_of(headers: tuple[ngh2.Header, ...]) -> str:
    """The name of the gRPC status among trailers; an HTTP status where there is none."""
    found = {pair[0]: pair[1] for pair in headers}
    status = found.get(b"grpc-status")
    if status is None:
        return f"HTTP_{found.get(b':status', b'?').decode()}"
    return NAMES.get(status, f"GRPC_{status.decode()}")
