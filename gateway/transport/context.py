"""What a servicer is told of its call, and tells of its answer: the context of grpcio, over a call of ours."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import grpc

from gateway.transport.call import Call
from gateway.transport.metadata import Metadatum, headers_of, metadata_of
from gateway.transport.method import Method
from gateway.transport.reply import initial, status

Metadata = Sequence[tuple[str, str | bytes]]
Callback = Callable[[Any], None]


class Aborted(grpc.aio.AbortError):
    """Raised by `abort`, to leave the handler."""


class Context(grpc.aio.ServicerContext[Any, Any]):
    """Of an asyncio handler. Written by: the handler's task."""

    def __init__(self, call: Call, method: Method) -> None:
        self._call, self._method = call, method
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self._trailing: Metadata = ()
        self._metadata: tuple[Metadatum, ...] | None = None
        self._callbacks: list[Callback] = []
        self._cancelled = self._done = self.aborted = False

    # The caller.

    def invocation_metadata(self) -> tuple[Metadatum, ...]:  # type: ignore[override]
        if self._metadata is None:
            self._metadata = metadata_of(self._call.head.headers)
        return self._metadata

    def peer(self) -> str:
        return self._call.connection.peer

    def time_remaining(self) -> float | None:  # type: ignore[override]
        deadline = self._call.head.deadline
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        tls = self._call.connection.tls
        if tls is None:
            return {}
        found: dict[str, Iterable[bytes]] = {"transport_security_type": [b"ssl"]}
        certificate = tls.getpeercert() or {}
        names = [value.encode() for _, value in certificate.get("subjectAltName", ())]
        if names:
            found["x509_subject_alternative_name"] = names
        for (key, value), *_ in certificate.get("subject", ()):
            if key == "commonName":
                found["x509_common_name"] = [value.encode()]
        return found

    def peer_identity_key(self) -> str | None:
        found = self.auth_context()
        keys = ("x509_subject_alternative_name", "x509_common_name")
        return next((key for key in keys if key in found), None)

    def peer_identities(self) -> Iterable[bytes] | None:
        key = self.peer_identity_key()
        return None if key is None else self.auth_context()[key]

    # Messages.

    async def read(self) -> Any:
        """The next request, `grpc.aio.EOF` after the last."""
        data = await self._call.read()
        return grpc.aio.EOF if data is None else self._method.deserialize(data)

    async def write(self, message: Any) -> None:
        await self._call.write(self._method.serialize(message))

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        self.begin(initial_metadata)

    def begin(self, metadata: Any) -> None:
        """Raises: RuntimeError when the headers have left already; ValueError for what cannot be sent."""
        if self._call.begun:
            raise RuntimeError("the initial metadata has been sent")
        self._call.begin(initial(tuple(metadata), gzip=self._call.compress))

    def set_compression(self, compression: grpc.Compression) -> None:
        """Before the first message; a caller that does not take gzip is answered without."""
        self._call.compress = compression is grpc.Compression.Gzip and self._call.head.accepts_gzip

    def disable_next_message_compression(self) -> None:
        """A hint; kept for handlers that give it."""

    # The status.

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        self.give_up(code, details, trailing_metadata)

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        self.give_up(status.code, status.details, status.trailing_metadata)

    def give_up(self, code: grpc.StatusCode, details: str | None, trailing: Any) -> NoReturn:
        """Raises: Aborted; ValueError for a status that is not one of failure."""
        if code is grpc.StatusCode.OK:
            raise ValueError("a call is not aborted with OK")
        if trailing:
            headers_of(trailing)
            self._trailing = tuple(trailing)
        self._code, self._details, self.aborted = code, details or "", True
        raise Aborted(f"{code.name}: {details}")

    def set_code(self, code: grpc.StatusCode) -> None:
        self._code = code

    def set_details(self, details: str) -> None:
        self._details = details

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        headers_of(trailing_metadata)
        self._trailing = tuple(trailing_metadata)

    def trailing_metadata(self) -> Any:
        return self._trailing

    def code(self) -> Any:
        return self._code

    def details(self) -> str:
        return self._details

    def trailers(self, code: grpc.StatusCode | None = None, details: str | None = None) -> list[tuple[bytes, bytes]]:
        """The status as set, or as given for a handler that set none."""
        chosen = self._code if self._code is not None else code or grpc.StatusCode.OK
        words = self._details if self._details or details is None else details
        return status(chosen, words, self._trailing)

    # The call's life.

    def cancel(self) -> None:
        self._cancelled = True
        self._call.fail(grpc.StatusCode.CANCELLED, "cancelled by the server")

    def cancelled(self) -> bool:
        return self._cancelled or self._call.lost_by_peer

    def done(self) -> bool:
        return self._done or self._call.finished

    def is_active(self) -> bool:
        return not self.done()

    def add_done_callback(self, callback: Callback) -> None:
        self._callbacks.append(callback)

    def finish(self) -> None:
        """The handler has returned: tells those who asked."""
        self._done = True
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


class SyncContext:
    """The same for a handler that is a plain function in a thread: what waits there waits for the event loop."""

    def __init__(self, context: Context, loop: asyncio.AbstractEventLoop) -> None:
        self._context, self._loop = context, loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        self._context.give_up(code, details, trailing_metadata)

    def abort_with_status(self, status: grpc.Status) -> NoReturn:
        self._context.give_up(status.code, status.details, status.trailing_metadata)

    def send_initial_metadata(self, initial_metadata: Any) -> None:
        sent = asyncio.run_coroutine_threadsafe(self._context.send_initial_metadata(initial_metadata), self._loop)
        sent.result()

    def cancel(self) -> None:
        self._loop.call_soon_threadsafe(self._context.cancel)

    def add_callback(self, callback: Callable[[], None]) -> bool:
        if self._context.done():
            return False
        self._context.add_done_callback(lambda _: callback())
        return True
