"""A JetStream stream that takes each message once.

A subject has one writer. The last message on it says how far that writer has come (header Gnomon-Sequence), and every
publish names the message it has to follow (Nats-Expected-Last-Subject-Sequence): the server refuses one that follows
another, be it ours, sent before, and late. So whatever was acknowledged, lost or delayed, a writer that looks at the
subject's last message before it goes on publishes nothing twice and leaves nothing out, however long the outage was.
Message ids (Nats-Msg-Id) besides let the server drop a repetition within its duplicate window.

Source: nats-io/nats-architecture-and-design, ADR-22 and the JetStream documentation on expected-last headers.
Known weakness: where a stream's limits or consumers removed the last message of a subject, only the checkpoint and the
duplicate window tell what was published.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, NamedTuple, TypeVar

from gateway.config import Config
from gateway.shipping.messages import Message

REPLY_TIMEOUT_S = 5.0
PATIENCE_S = 30.0  # of any call, connecting included
SEQUENCE_HEADER = "Gnomon-Sequence"  # FIRST-LAST of a message's rows, of its journal
DUPLICATE_WINDOW_S = 120.0
Result = TypeVar("Result")


class StreamUnavailable(OSError):
    """A stream that did not take a message, or did not say so; the message says why. It is tried again."""


class Tail(NamedTuple):
    """The end of a subject."""

    stream_sequence: int = 0  # of its last message; 0: it has none
    sequence: int = -1  # the last row's, of its journal


class Stream:
    """Publishes from a thread that waits. Its client runs in the thread `nats`, where it answers the server's pings."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.tails: dict[str, Tail] = {}  # of subjects, since we are connected
        self._client: Any = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()

    def limit_bytes(self) -> int:
        """The largest message that the server takes. Raises: StreamUnavailable."""
        return int(self._wait(self._connected()).max_payload)

    def tail(self, subject: str) -> Tail:
        """Raises: StreamUnavailable."""
        if subject not in self.tails:
            self.tails[subject] = self._wait(self._tail(subject))
        return self.tails[subject]

    def publish(self, subject: str, message: Message) -> None:
        """Behind the subject's tail, and acknowledged. Raises: StreamUnavailable: then nothing is known of it, and the
        tail is asked for again.
        """
        tail = self.tail(subject)
        stream_sequence = self._wait(self._publish(subject, message, tail))
        self.tails[subject] = Tail(stream_sequence, message.last)

    def close(self) -> None:
        self._forget()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What `work` gives, from the client's thread."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(PATIENCE_S)
        except Exception as error:  # the client has many errors, and all mean the same: nothing is known
            future.cancel()
            self._forget()
            cause = "no answer" if isinstance(error, FutureTimeoutError) else f"{type(error).__name__}: {error}"
            raise StreamUnavailable(f"stream {self.config.nats_stream}: {cause}") from error

    def _forget(self) -> None:
        """Connects anew next time: what is then read of the stream is newer than all that was sent."""
        client, self._client = self._client, None
        self.tails.clear()
        if client is not None:
            closing = asyncio.run_coroutine_threadsafe(client.close(), self._loop)
            try:
                closing.result(REPLY_TIMEOUT_S)
            except FutureTimeoutError:
                closing.cancel()

    async def _connected(self) -> Any:
        if self._client is None:
            import nats  # only who publishes needs it

            credentials = {"user_credentials": self.config.nats_credentials} if self.config.nats_credentials else {}
            client = await nats.connect(
                self.config.nats_url.split(","),
                name="gnomon publisher",
                connect_timeout=int(REPLY_TIMEOUT_S),
                allow_reconnect=False,  # we connect anew, and look at the tails again
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                error_cb=_unsaid,
                **credentials,
            )
            try:
                await self._found(client)
            except BaseException:
                await client.close()
                raise
            self._client = client
        return self._client

    async def _found(self, client: Any) -> None:
        """Makes the stream where there is none."""
        from nats.js.errors import NotFoundError

        manager = client.jsm(timeout=REPLY_TIMEOUT_S)
        try:
            await manager.stream_info(self.config.nats_stream)
        except NotFoundError:
            await manager.add_stream(
                name=self.config.nats_stream, subjects=[f"{self.config.nats_subject}.>"],
                num_replicas=self.config.nats_replicas, duplicate_window=DUPLICATE_WINDOW_S,
            )  # fmt: skip

    async def _tail(self, subject: str) -> Tail:
        from nats.js.errors import NotFoundError

        manager = (await self._connected()).jsm(timeout=REPLY_TIMEOUT_S)
        try:
            last = await manager.get_last_msg(self.config.nats_stream, subject)
        except NotFoundError:
            return Tail()
        return Tail(last.seq, int(last.headers[SEQUENCE_HEADER].split("-")[1]))

    async def _publish(self, subject: str, message: Message, tail: Tail) -> int:
        stream = (await self._connected()).jetstream(timeout=REPLY_TIMEOUT_S)
        headers = {
            "Nats-Msg-Id": f"{subject}/{message.first}-{message.last}",
            "Nats-Expected-Last-Subject-Sequence": str(tail.stream_sequence),
            SEQUENCE_HEADER: f"{message.first}-{message.last}",
        }
        ack = await stream.publish(subject, message.data, stream=self.config.nats_stream, headers=headers)
        return int(ack.seq)


async def _unsaid(error: Exception) -> None:
    """The client tells of every connection that is lost. Whoever waits for an answer says it, once."""
