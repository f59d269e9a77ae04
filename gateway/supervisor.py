"""The supervisor: starts and restarts this host's processes, and keeps them at the state the registry wants.

Start: lock the folder → ports → admin and http → workers → last state from disk → consumers → the registry's state.
Stop (SIGTERM): not ready → workers drain and seal their journals → consumers drain → admin and http → exit 0.
"""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
from typing import Any, cast

import grpc

from gateway import http, retention
from gateway.admin import Admin
from gateway.children import Child
from gateway.config import Config
from gateway.crew import Crew
from gateway.desired import Desired
from gateway.journal.format import JournalCorrupt, host_of
from gateway.journal.segments import recover, segments
from gateway.layout import Layout
from gateway.live import live
from gateway.ports import reserve_shared
from gateway.standing import trips
from gnomon.aio import AsyncRegistryClient
from gnomon.errors import GnomonError
from gnomon.evidence import GatewayStatus
from gnomon.gateway.v1 import gateway_pb2_grpc
from gnomon.hold import hold

log = logging.getLogger(__name__)

CONSUMERS = ("shadow", "observer")
REPORT_S = 1.0
NEWS_S = 0.02
TURNS_A_LOOK = 5  # at the pages, which costs more
RETENTION_S = 5.0
CONNECT_TIMEOUT_S = 60.0


class AlreadyRunning(RuntimeError):
    """Another supervisor has this folder."""


def lock_folder(layout: Layout) -> int:
    """Raises: AlreadyRunning. Returns the locked descriptor."""
    try:
        return hold(layout.lock)
    except TimeoutError:
        raise AlreadyRunning(f"{layout.root} is in use by another gateway") from None


def identity(layout: Layout) -> str:
    """This gateway's id: 16 hexadecimal digits, made at the first start."""
    if not layout.identity.exists():
        layout.identity.write_text(secrets.token_hex(8))
    return layout.identity.read_text().strip()


def seal_orphans(layout: Layout, workers: int) -> None:
    """Ends the journals of slots that this gateway no longer has, so that what is in them is exported."""
    kept = {layout.worker_journal(slot) for slot in range(workers)}
    for folder in set(layout.worker_journals()) - kept:
        for path in segments(folder)[-2:]:
            try:
                recover(path)
            except (JournalCorrupt, OSError) as error:
                log.error("journal %s: %s; its readable part is kept", folder.name, error)


def _keep_house(config: Config) -> None:
    """Indexes what was sealed, then removes what may go. Raises: OSError."""
    from gateway.shelf import Shelf  # compiled: a start does not wait for it

    Shelf(config.layout).make()
    retention.apply(config)


class Supervisor:
    """One host's gateway."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.layout = config.layout
        self.gateway_id = identity(self.layout)
        self.stopping = asyncio.Event()
        self.holder = reserve_shared(config.host, config.grpc_port)
        self.grpc_port = int(self.holder.getsockname()[1])
        self.client = AsyncRegistryClient(config.registry)
        self.admin_server = grpc.aio.server()
        admin_port = self.admin_server.add_insecure_port("127.0.0.1:0")
        flags = ["--config", str(self.layout.config), "--host", str(host_of(self.gateway_id))]
        self.crew = Crew(
            self.layout, config.workers, [*flags, "--port", str(self.grpc_port), "--admin-port", str(admin_port)]
        )
        self.consumers = [self._consumer(name) for name in (*CONSUMERS, *config.exporters)]
        self.desired = Desired(self.layout, self.client, self.gateway_id, self.crew.prepare, self.crew.commit)
        self.crew.lacking = self.desired.again
        admin = Admin(self.layout, self.gateway_id, self.desired, self.crew, config.export_url)
        cast(Any, gateway_pb2_grpc.add_GatewayServicer_to_server)(admin, self.admin_server)
        self.http = http.serve(config, self._health, lambda: live(self.layout, self.crew, self.consumers, self.desired))

    def _health(self) -> dict[str, Any]:
        desired = self.desired
        refused = {"refused": desired.refused} if desired.refused else {}
        return {"ready": self.crew.ready, "revision": desired.processed_revision} | refused

    async def run(self) -> None:
        """Serves until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stopping.set)
        await self.admin_server.start()
        for child in self.crew.children:
            child.start()
        running = [asyncio.create_task(work) for work in (self._converge(), self._report(), self._retain())]
        told = asyncio.create_task(self.stopping.wait())
        await asyncio.wait([told, *running], return_when=asyncio.FIRST_COMPLETED)
        broken = [task for task in running if task.done()]
        for task in (told, *running):
            task.cancel()
        await asyncio.gather(told, *running, return_exceptions=True)
        await self._stop()
        for task in broken:  # none ends by itself: better no supervisor than one that does not see
            task.result()

    async def _converge(self) -> None:
        await self.crew.connected(CONNECT_TIMEOUT_S)
        await self.desired.boot()
        seal_orphans(self.layout, self.config.workers)
        for consumer in self.consumers:
            consumer.start()
        following = asyncio.create_task(self.desired.run())
        try:
            while not self.crew.ready:
                await asyncio.sleep(0.05)
            self._announce()
            await following
        finally:
            following.cancel()

    def _announce(self) -> None:
        """Says where to find us, now that somebody answers there."""
        endpoints = {
            "grpc": f"{self.config.host}:{self.grpc_port}",
            "http": f"{self.config.host}:{self.http.port}",
            "pid": os.getpid(),
        }
        temporary = self.layout.endpoints.with_suffix(".tmp")
        temporary.write_text(json.dumps(endpoints))
        temporary.replace(self.layout.endpoints)
        log.info("ready: %s", endpoints)

    async def _report(self) -> None:
        """Tells the registry what is served, every second: silence is how it learns that we are gone."""
        while True:
            status = GatewayStatus(
                gateway_id=self.gateway_id,
                applied_revision=self.desired.processed_revision,
                workers=sum(hand.ready for hand in self.crew.hands),
                failures=tuple(self.desired.failures),
                trips=trips(self.layout, range(self.config.workers)),
            )
            with contextlib.suppress(GnomonError, grpc.RpcError):
                await self.client.report_status(status)
            await self._until_news(status)

    async def _until_news(self, told: GatewayStatus) -> None:
        """Waits for a second, or no longer than until a revision is served or an arm was tripped."""
        for turn in range(1, int(REPORT_S / NEWS_S) + 1):
            await asyncio.sleep(NEWS_S)
            if self.desired.processed_revision != told.applied_revision:
                return
            if turn % TURNS_A_LOOK == 0 and self._tripped_since(told):
                return

    def _tripped_since(self, told: GatewayStatus) -> bool:
        known = {(trip.model, trip.version, trip.slot) for trip in told.trips}
        found = trips(self.layout, range(self.config.workers))
        return any((trip.model, trip.version, trip.slot) not in known for trip in found)

    async def _retain(self) -> None:
        while True:
            await asyncio.sleep(RETENTION_S)
            try:
                await asyncio.to_thread(_keep_house, self.config)
            except OSError:
                log.exception("segments could not be indexed, or old ones removed; trying again")

    async def _stop(self) -> None:
        self.layout.endpoints.unlink(missing_ok=True)
        drain_s = self.config.drain_timeout_s + 5.0
        await asyncio.gather(*(child.stop(drain_s) for child in self.crew.children))
        shadow, *readers = self.consumers  # the others read what the shadow writes last
        await shadow.stop(30.0)
        await asyncio.gather(*(child.stop(30.0) for child in readers))
        await self.admin_server.stop(1.0)
        await self.client.close()
        self.http.stop()
        self.holder.close()

    def _consumer(self, name: str) -> Child:
        return Child(name, self.layout.log(name), lambda: ([name, "--config", str(self.layout.config)], []))


def run(config: Config) -> None:
    """The process. Raises: AlreadyRunning, PortTaken."""
    config.layout.root.mkdir(parents=True, exist_ok=True)
    config.layout.make()
    lock = lock_folder(config.layout)
    config.layout.endpoints.unlink(missing_ok=True)
    config.layout.config.write_text(config.to_json())

    async def main() -> None:
        await Supervisor(config).run()

    asyncio.run(main())
    os.close(lock)
