"""A call on a transport that awaits its handlers: the ends of the call meet in a future."""

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc


class Refusal(Exception):
    """A call that ended without an answer."""

    def __init__(self, code: grpc.StatusCode, details: str, trailing: Sequence[tuple[str, str]]) -> None:
        super().__init__(details)
        self.code, self.details, self.trailing = code, details, tuple(trailing)


class AwaitedCall:
    """gateway.job.Call over a servicer context."""

    def __init__(self, context: Any) -> None:
        self.cancelled = False
        self.ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._context = context

    def metadata(self, name: str) -> bytes | None:
        for key, value in self._context.invocation_metadata() or ():
            if key == name:
                return value if isinstance(value, bytes) else str(value).encode()
        return None

    def time_remaining(self) -> float | None:
        remaining: float | None = self._context.time_remaining()
        return remaining

    def reply(self, message: bytes) -> None:
        if not self.ended.done():
            self.ended.set_result(message)

    def fail(self, code: grpc.StatusCode, details: str, trailing: Sequence[tuple[str, str]] = ()) -> None:
        if not self.ended.done():
            self.ended.set_exception(Refusal(code, details, trailing))
