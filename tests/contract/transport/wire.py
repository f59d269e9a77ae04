"""A client of raw HTTP/2, for what no gRPC client would do."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings

from tests.contract.transport.servicer import path


def headers(name: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [
        (":method", "POST"), (":scheme", "http"), (":path", path(name)), (":authority", "test"),
        ("te", "trailers"), ("content-type", "application/grpc"), *more,
    ]  # fmt: skip


def framed(message: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


class Wire:
    """One connection. Events are kept as they come; answers are not acknowledged unless `reading`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, window: int = 65535, reading: bool = True
    ) -> None:
        self.reader, self.writer, self.reading, self.silent = reader, writer, reading, False
        self.events: list[Any] = []
        config = h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings[h2.settings.SettingCodes.INITIAL_WINDOW_SIZE] = window
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        if not self.silent:
            self.writer.write(self.h2.data_to_send())

    def hang_up(self) -> None:
        """Ends our half of the connection."""
        self.silent = True
        self.writer.write_eof()

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    def request(self, fields: Sequence[tuple[str, str]], data: bytes | None = None, *, end: bool = True) -> int:
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, fields, end_stream=data is None and end)
        if data is not None:
            self.h2.send_data(stream, data, end_stream=end)
        self.flush()
        return int(stream)

    async def until(self, kind: type[Any], stream: int | None = None, timeout: float = 5.0) -> Any:
        """The next event of that kind, of that stream."""
        async with asyncio.timeout(timeout):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and (stream is None or event.stream_id == stream):
                        self.events.remove(event)
                        return event
                await self.read()

    async def read(self) -> None:
        """Raises: EOFError when the server has hung up."""
        data = await self.reader.read(1 << 16)
        if not data:
            raise EOFError
        for event in self.h2.receive_data(data):
            self.events.append(event)
            if isinstance(event, h2.events.DataReceived) and self.reading:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.flush()

    async def answer(self, stream: int) -> tuple[dict[str, str], bytes, dict[str, str]]:
        """Headers, data and trailers of a call."""
        first = dict((await self.until(h2.events.ResponseReceived, stream)).headers)
        await self.until(h2.events.StreamEnded, stream)
        mine = [event for event in self.events if getattr(event, "stream_id", None) == stream]
        data = b"".join(event.data for event in mine if isinstance(event, h2.events.DataReceived))
        last = next((dict(event.headers) for event in mine if isinstance(event, h2.events.TrailersReceived)), first)
        return first, data, last

    async def status(self, stream: int) -> int:
        return int((await self.answer(stream))[2]["grpc-status"])

    async def goaway(self) -> tuple[int, bytes]:
        """Code and words of a GOAWAY."""
        event = await self.until(h2.events.ConnectionTerminated)
        return int(event.error_code), event.additional_data or b""

    async def eof(self, timeout: float = 5.0) -> None:
        """Returns when the server has hung up."""
        async with asyncio.timeout(timeout):
            with suppress(EOFError, ConnectionError):
                while True:
                    await self.read()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()
