"""A worker's service on a real socket, without a supervisor: with the lane, or without."""

import asyncio
import threading
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from gateway.batcher import Batcher
from gateway.books import WorkerBooks
from gateway.breaker import Policy
from gateway.breakers import Breakers
from gateway.journal.walk import JournalReader
from gateway.journal.writer import Writer
from gateway.lanes.lanes import Lanes
from gateway.pages import Page
from gateway.servables import Servable, Servables, invented_calls
from gateway.service import InferenceService
from gateway.serving import Serving
from gateway.transport.limits import Limits
from gateway.transport.server import Server
from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Version
from gnomon.oip import SERVICE
from gnomon.wire import message_of

PATH = f"/{SERVICE}/ModelInfer"
MAX_IN_FLIGHT = 64


class House:
    """Written by: the loop it is started in. `by_python` counts the calls that took Python's way."""

    def __init__(
        self,
        folder: Path,
        *,
        lane: bool = True,
        segment_bytes: int = 8 << 20,
        max_wait_ms: int = 60_000,
        breaker: Policy | None = None,
        **batching: float,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.journal = Writer(folder / "w00", host=5, slot=0, segment_bytes=segment_bytes, segment_max_age_s=1e6)
        self.page = Page.open(folder / "page")
        self.books = WorkerBooks(self.page)
        self.servables = Servables()
        self.now_s = 0.0  # of the breakers
        self.breakers = Breakers(self.page, self.servables, breaker or Policy(), lambda: self.now_s)
        bounds = {"inline_run_us": 1_000.0, "batch_run_us": 500.0} | batching
        self.service = InferenceService(
            journal=self.journal, servables=self.servables, books=self.books, batcher=Batcher(**bounds),
            max_in_flight=MAX_IN_FLIGHT, max_message_bytes=1 << 20, max_wait_ms=max_wait_ms, breakers=self.breakers,
        )  # fmt: skip
        limits = Limits(max_message_bytes=1 << 20)
        self.server = Server(limits)
        self.server.add_direct(PATH, self._infer)
        self.by_python = 0
        self.service.batcher.flushed = self.server.flush
        if lane:
            lanes = self.service.lanes = Lanes(
                self.server.world, path=PATH.encode(), limits=limits, journal=self.journal, books=self.books,
                batcher=self.service.batcher, counters=self.service.counters, unkeyed=self.service.unkeyed,
                backlog=self.service.backlog, max_in_flight=MAX_IN_FLIGHT, breakers=self.breakers,
            )  # fmt: skip
            self.server.work, self.server.work_now = lanes.work, lanes.turn
            lanes.flush, lanes.between = lambda: self.server.sockets.flush(), lambda: self.server.sockets.read()
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    def _infer(self, data: bytes | memoryview, call: Any) -> None:
        self.by_python += 1
        self.service.infer(data, call)

    def load(self, model: str, number: int, artifact: bytes, *, warm: int = 16) -> Servable:
        path = self.folder / f"{model}-{number}"
        path.write_bytes(artifact)
        servable = Servable(Version(model=model, version=number, artifact_sha256="0" * 64), path)
        servable.warm_up(invented_calls(servable)[:warm])
        servable.schema = self.journal.schema(servable.described())
        self.servables.add(servable)
        return servable

    def serve(self, *routes: Route, foresee: bool = True) -> None:
        """In force at once."""
        states = []
        for route in routes:
            versions = tuple(self.servables.get(route.model, number).version for number in route.loaded)
            states.append(ModelState(route=route, versions=versions))
            self.journal.route(route.revision, message_of(route).SerializeToString())
        serving = Serving.of(DesiredState(revision=routes[0].revision, models=tuple(states)))
        for _ in self.service.foresee(serving) if foresee else ():
            pass
        self.service.serve(serving)

    def records(self) -> list[tuple[Any, tuple[str, str], list[tuple[int, int, tuple[int, ...], bytes]]]]:
        """(header, texts, tensors) of all that was journaled."""
        reader, found = JournalReader(self.journal.folder), []
        while (batch := reader.read()) is not None:
            for row in range(len(batch)):
                tensors = [
                    (view.direction, view.index, tuple(view.shape), bytes(view.data)) for view in batch.tensors(row)
                ]
                found.append((batch.headers[row].copy(), batch.text(row), tensors))
        return found

    def count(self, name: str) -> int:
        """Of the worker's page."""
        books = self.books
        place = {**books._ended, "in_flight": books._in_flight, "received": books._received}
        place["shed by wait"] = books._shed["wait"]
        place |= {f"offered to {version}": at for (_, version), at in books._offered.items()}
        return int(books._values[place[name]])  # type: ignore[index]


class Loop:
    """An event loop in a thread, for houses of tests that do not await."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="houses")
        self._thread.start()

    def run(self, wanted: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await wanted

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result(30)

    def call(self, function: Any, *arguments: Any) -> Any:
        async def called() -> Any:
            return function(*arguments)

        return self.run(called())

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


def route(
    model: str, *canaries: tuple[int, int], stable: int = 1, shadows: Sequence[int] = (), revision: int = 1
) -> Route:
    """`canaries` are (version, basis points)."""
    left = 10_000 - sum(weight for _, weight in canaries)
    arms = [Arm(version=stable, role=Role.STABLE, weight_bp=left)]
    arms += [Arm(version=version, role=Role.CANARY, weight_bp=weight) for version, weight in canaries]
    arms += [Arm(version=version, role=Role.SHADOW, weight_bp=5_000) for version in shadows]
    return Route(model=model, revision=revision, arms=tuple(arms))


def raw_call(channel: Any) -> Any:
    """ModelInfer as bytes both ways."""
    return channel.unary_unary(PATH)


Answer = tuple[grpc.StatusCode, bytes | str]


def ask(call: Any, data: bytes, metadata: Sequence[tuple[str, str]] = ()) -> Answer:
    try:
        return grpc.StatusCode.OK, call(data, metadata=metadata, timeout=10)
    except grpc.RpcError as error:
        return error.code(), error.details()  # type: ignore[attr-defined]


def compared(record: Any) -> tuple[Any, ...]:
    """A record without what no two have in common: times, ids, and the checksum over them."""
    header, texts, tensors = record
    own = {"crc32", "sequence", "prediction_id", "arrived_unix_ns", "decode_ns", "queue_ns", "run_ns", "total_ns"}
    return {name: np.asarray(header[name]).tobytes() for name in header.dtype.names if name not in own}, texts, tensors
