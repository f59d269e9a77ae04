"""A worker: one event loop, one journal, one port shared with other workers. The composition root of the data plane.

Start: lock the journal, take up its sequence, connect to the supervisor, load what it says, listen, tell it.
Stop (SIGTERM, or the supervisor gone): not serving on health → GOAWAY → answer what is in flight → seal the journal.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import grpc
import uvloop

from gateway import listening
from gateway.admin_proxy import AdminProxy
from gateway.aftermath import left_since
from gateway.batcher import Batcher
from gateway.books import WorkerBooks
from gateway.breaker import Policy
from gateway.breakers import Breakers
from gateway.config import Config
from gateway.control import Line, Reader
from gateway.journal.durable import DurableWriter
from gateway.journal.writer import Writer
from gateway.lanes.lanes import Lanes
from gateway.loader import Loader, LoadFailed
from gateway.pages import Page
from gateway.pauses import Pauses
from gateway.servables import Servable, Servables
from gateway.service import InferenceService
from gateway.serving import Serving
from gateway.transport import grpcio
from gateway.transport.server import Server
from gateway.waiting import waits_of
from gnomon import slices
from gnomon.domain import DesiredState
from gnomon.gateway.v1 import gateway_pb2_grpc
from gnomon.hold import hold
from gnomon.oip import SERVICE, add_GRPCInferenceServiceServicer_to_server
from gnomon.wire import message_of

log = logging.getLogger(__name__)
LOCK_WAIT_S = 20.0
MOST_RUN_THREADS = 2
RETIRE_S = 0.02  # after a switch: what was in flight then has ended, and to free a session holds the interpreter
SWITCH_S = 0.0005  # a thread that loads gives the interpreter back after this, not after 5 ms
SYNC_EVERY_NS = 500_000  # with durability "sync": a look at the sockets then costs a wait for the disk


def lock_journal(folder: Path) -> int:
    """Waits for a former worker of this slot to be gone. Raises: TimeoutError.

    Returns the locked descriptor, to be kept open for the life of the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return hold(folder / "lock", LOCK_WAIT_S)


def run_threads() -> int:
    """For long runs: more at a time than there are cores only makes each of them longer."""
    return min(MOST_RUN_THREADS, len(os.sched_getaffinity(0)))


def _sync_first(journal: DurableWriter, flush: Callable[[], None]) -> None:
    """What was answered in a turn of the loop is on the disk before any of it leaves."""
    journal.sync()
    flush()


def _sync_after(journal: DurableWriter, turn: Callable[[], None]) -> None:
    turn()
    journal.sync()


class Worker:
    """One slot of a gateway."""

    def __init__(self, config: Config, *, slot: int, host: int, port: int, line: Line, admin_port: int) -> None:
        layout = config.layout
        self.config = config
        self.slot = slot
        self.port = port
        self.line = line
        self.stopping = asyncio.Event()
        kind = DurableWriter if config.durability == "sync" else Writer
        self.journal = kind(
            layout.worker_journal(slot), host=host, slot=slot,
            segment_bytes=config.segment_bytes, segment_max_age_s=config.segment_max_age_s,
        )  # fmt: skip
        self.schemas: dict[tuple[str, int, str], int] = {}  # numbers in the journal; a version keeps its own
        self.epochs: set[int] = set()  # of the state in force
        self.servables = Servables()
        self.loader = Loader(layout.cache, time.monotonic)
        page = self.page = Page.open(layout.page(f"w{slot:02d}"))
        self.books = WorkerBooks(page)
        self.books.resume(self.journal.sequence, partial(left_since, self.journal.folder))
        policy = Policy(share=config.breaker_share, trials=config.breaker_trials, pause_s=config.breaker_pause_s)
        self.breakers = Breakers(page, self.servables, policy)
        self.pauses = Pauses(page)
        self.service = InferenceService(
            journal=self.journal,
            servables=self.servables,
            books=self.books,
            batcher=Batcher(
                inline_run_us=config.inline_run_us,
                batch_run_us=config.batch_run_us,
                threads=run_threads(),
            ),
            max_in_flight=config.max_in_flight,
            max_message_bytes=config.max_message_bytes,
            max_wait_ms=config.max_wait_ms,
            breakers=self.breakers,
        )
        self.server = self._server()
        if isinstance(self.journal, DurableWriter):
            self._sync_before_replies(self.journal)
        self.health = grpcio.add_health(self.server)
        add_GRPCInferenceServiceServicer_to_server(self.service, self.server)
        cast(Any, gateway_pb2_grpc.add_GatewayServicer_to_server)(AdminProxy(admin_port), self.server)
        grpcio.add_reflection(self.server)
        listening.listen(self.server, config, port)

    def _server(self) -> grpc.aio.Server:
        """The transport that was asked for. On ours, calls for predictions come by the short way."""
        server = listening.server(self.config)
        if isinstance(server, Server):
            self._shorten(server)
        return server

    def _shorten(self, server: Server) -> None:
        """Predictions go straight to the service, and those like one before them by the lane."""
        path, service = f"/{SERVICE}/ModelInfer", self.service
        server.add_direct(path, service.infer)
        service.batcher.flushed = server.flush
        service.lanes = Lanes(
            server.world, path=path.encode(), limits=server.limits, journal=self.journal, books=service.books,
            batcher=service.batcher, counters=service.counters, unkeyed=service.unkeyed,
            backlog=service.backlog, max_in_flight=self.config.max_in_flight, breakers=self.breakers,
        )  # fmt: skip
        service.lanes.flush = lambda: server.sockets.flush()
        service.lanes.between = lambda: server.sockets.read()
        server.work, server.work_now = service.lanes.work, service.lanes.turn

    def _sync_before_replies(self, journal: DurableWriter) -> None:
        """On both ways that answers take."""
        service = self.service
        service.batcher.flushed = partial(_sync_first, journal, service.batcher.flushed)
        if service.lanes is not None:
            lanes, server = service.lanes, cast(Server, self.server)
            lanes.flush = partial(_sync_first, journal, lanes.flush)
            lanes.between = partial(_sync_first, journal, lanes.between)
            lanes.look_ns = SYNC_EVERY_NS
            server.work_now = partial(_sync_after, journal, lanes.turn)

    async def run(self) -> None:
        """Serves until told to stop."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stopping.set)
        tasks = [asyncio.create_task(self._obey()), asyncio.create_task(self._keep_time())]
        await self.stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._drain()

    async def _drain(self) -> None:
        self.service.draining = True
        await self.health.set_serving(False)
        await self.server.stop(self.config.drain_timeout_s)
        self.service.batcher.stop()
        self.service.publish(self.page)
        self.loader.stop()
        self.journal.close()
        self.line.close()
        log.info("worker %d: drained, journal sealed at %d", self.slot, self.journal.sequence)

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            self.journal.tick()
            self.books.journal_failing(self.journal.failing)
            self.service.publish(self.page)
            self.breakers.tick()
            self.service.sweep()
            self._retire()  # what was still borrowed at the switch

    async def _obey(self) -> None:
        """Does what the supervisor says, in its order, until it is gone."""
        await self.line.send(op="hello", slot=self.slot, pid=os.getpid())
        states = Reader()
        try:
            while (message := await self.line.receive()) is not None:
                state = states.read(message)
                if message["op"] == "prepare":
                    await self.line.send(op="prepared", failures=await self._prepare(state))
                else:
                    await self._commit(state)
                    await self.line.send(op="committed", revision=state.revision)
        except ConnectionError:
            log.info("the supervisor is gone")
        except Exception:
            log.exception("the line to the supervisor broke; this worker drains, and another takes its place")
        finally:
            self.stopping.set()

    async def _prepare(self, state: DesiredState) -> list[tuple[str, int, str]]:
        """Loads and warms what the state names and this worker lacks; what could not be, and why."""
        failures = []
        for model in state.models:
            for version in model.versions:
                if self.servables.claim((version.model, version.version)):
                    continue
                try:
                    self._add(await self.loader.load(version))
                except LoadFailed as error:
                    failures.append((version.model, version.version, str(error)))
        return failures

    def _add(self, servable: Servable) -> None:
        description = servable.described()
        artifact = (servable.version.model, servable.version.version, servable.version.artifact_sha256)
        if artifact not in self.schemas:
            self.schemas[artifact] = self.journal.schema(description)
        servable.schema = self.schemas[artifact]
        self.servables.add(servable)
        log.info("loaded %s version %d, %.0f µs a row", *artifact[:2], servable.run_us)

    async def _commit(self, state: DesiredState) -> None:
        """One assignment switches every request that comes after it; between the steps to it calls are answered."""
        serving = Serving.of(state)
        for _ in self.service.foresee(serving):
            await asyncio.sleep(0)
        for model in state.models:
            if model.route.revision not in self.epochs:
                self.journal.route(model.route.revision, message_of(model.route).SerializeToString())
        await asyncio.sleep(0)
        self.epochs = {model.route.revision for model in state.models}
        first = self.service.serving.revision < 0
        self.service.batcher.waits = waits_of(state)
        self.service.serve(serving)
        self.servables.keep((model.route.model, number) for model in state.models for number in model.route.loaded)
        asyncio.get_running_loop().call_later(RETIRE_S, self._retire)
        if first:
            self.pauses.watch()
            await self.server.start()
            await self.health.set_serving(True)

    def _retire(self) -> None:
        gone = self.servables.retire()
        for name, number in [(servable.version.model, servable.version.version) for servable in gone]:
            log.info("unloaded %s version %d", name, number)
        self.loader.unload(gone)


def run(config: Config, *, slot: int, host: int, port: int, descriptor: int, admin_port: int) -> None:
    """The process. `descriptor` is this end of the line to the supervisor."""
    config = listening.possible(config)
    lock = lock_journal(config.layout.worker_journal(slot))
    sys.setswitchinterval(SWITCH_S)
    slices.choose(slices.SHORTEST_NS)  # who wakes for a request does not wait for a slice to end

    async def main() -> None:
        line = await Line.over(socket.socket(fileno=descriptor))
        await Worker(config, slot=slot, host=host, port=port, line=line, admin_port=admin_port).run()

    if config.transport == "grpcio":
        asyncio.run(main())
    else:
        uvloop.run(main())
    os.close(lock)
