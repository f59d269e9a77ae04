"""The composition root: what a registry is made of, and the order in which it starts and stops."""

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from sqlalchemy.exc import DatabaseError

from gnomon import web
from gnomon.channel import MESSAGE_BYTES
from gnomon.drift import DriftPolicy
from gnomon.hold import hold
from gnomon.registry.v1 import registry_pb2 as pb
from gnomon.registry.v1.registry_pb2_grpc import add_RegistryServicer_to_server
from registry import metrics
from registry.artifacts import Artifacts
from registry.catalog import Catalog
from registry.changes import Changes
from registry.config import Config
from registry.drift_answers import DriftAnswers
from registry.drift_book import Book
from registry.drift_watch import DriftWatch
from registry.events import Events
from registry.outcomes import Outcomes
from registry.rollout.controller import Controller
from registry.rollout.ledger import Ledger
from registry.rollout.profiles import Profiles
from registry.service import Parts, Service
from registry.stats import Stats
from registry.store.database import Database
from registry.threads import Lane
from registry.watch import Watch
from registry.webhook import Webhook, poster

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["Registry"].full_name
ENDPOINT_FILE = "registry.endpoint"
SCRAPE_TIMEOUT_S = 5.0

# One process a port: with the option on, a second registry would take half of the first one's calls in silence.
# Watching gateways ping every 10 s without data in between, which grpc would take for abuse.
SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


class CannotStart(Exception):
    """The machine does not let it: a port in use, a folder locked or not writable."""


@dataclass(slots=True, kw_only=True)
class App:
    """A registry: built, then started, then stopped, once each, in one event loop."""

    config: Config
    database: Database
    parts: Parts
    server: grpc.aio.Server
    health: "health.aio.HealthServicer"
    watch: DriftWatch
    webhook: Webhook | None
    loops: tuple[asyncio.Task[None], ...] = ()
    lock: int | None = None
    port: int = 0
    http: web.Server | None = None

    async def start(self) -> str:
        """Serves, and returns host:port. Raises: CannotStart."""
        # The lock first: what follows writes. The port last: who connects finds everything there.
        self.lock = _locked(self.config.dir)
        await self._open()
        self.port = _bound(self.server, self.config.host, self.config.port)
        await self.server.start()
        await self.health.set(SERVICE_NAME, health_pb2.HealthCheckResponse.SERVING)
        await self.health.set("", health_pb2.HealthCheckResponse.SERVING)
        self.loops = self._begin_loops()
        if self.config.metrics_port:
            self.http = _metrics(self.config, self.parts)
        endpoint = f"{self.config.host}:{self.port}"
        write_whole(self._endpoint_file, endpoint)
        return endpoint

    def _begin_loops(self) -> tuple[asyncio.Task[None], ...]:
        runs = {"rollouts": self.parts.controller.run(self.config.rollout_interval_s), "drift": self.watch.run()}
        if self.webhook is not None:
            runs["webhook"] = self.webhook.run()
        return tuple(asyncio.create_task(run, name=name) for name, run in runs.items())

    async def _open(self) -> None:
        try:
            self._endpoint_file.unlink(missing_ok=True)  # what a killed registry left: nobody listens there
            self.parts.artifacts.open()
            await self.parts.store.run(self.database.open)
            await self.parts.changes.publish()
        except (OSError, DatabaseError) as error:
            raise CannotStart(f"folder {self.config.dir}: {str(error).splitlines()[0]}") from error

    async def stop(self) -> None:
        """Ends everything within the drain timeout and a moment; safe after a start that failed half-way."""
        # No new callers, no new decisions, watchers told to come back, calls under way, changes under way, the database
        await self.health.enter_graceful_shutdown()
        if self.http is not None:
            await asyncio.to_thread(self.http.stop)
        await self._stop_loops()
        self.parts.watch.close()
        self.parts.events.close()
        await self.server.stop(self.config.drain_timeout_s)
        await self.parts.changes.drain()
        await self.parts.store.run(self.database.close)
        self.parts.store.close()
        self.parts.files.close()
        if self.webhook is not None:
            self.webhook.close()
        if self.lock is not None:
            self._endpoint_file.unlink(missing_ok=True)
            os.close(self.lock)
            self.lock = None

    @property
    def _endpoint_file(self) -> Path:
        return self.config.dir / ENDPOINT_FILE

    async def _stop_loops(self) -> None:
        for loop in self.loops:
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop


def build(config: Config) -> App:
    """Wires a registry; nothing is opened yet. Call it inside the loop it will run in."""
    store, files = Lane("store"), Lane("files", 2)
    database = Database(config.dir / "registry.db")
    artifacts = Artifacts(config.dir / "artifacts", config.artifact_limit_bytes)
    catalog = Catalog(database, artifacts.size, now_unix_ms)
    watch = Watch(config.watchers_limit)
    changes = Changes(store, catalog.desired_state, watch)
    stats = Stats(time.monotonic, silent_s=config.gateway_silent_s, ticks_kept=config.drift_ticks_kept)
    ledger, outcomes = Ledger(database, now_unix_ms), Outcomes(database, now_unix_ms)
    profiles = Profiles(catalog, artifacts, store, files)
    controller = Controller(
        ledger,
        stats,
        store,
        changes,
        time.monotonic,
        outcomes=outcomes,
        profile_of=profiles.of,
        measuring=files,
        late_s=config.gateway_late_s,
    )
    book = Book(database, now_unix_ms, lambda model: DriftPolicy(model=model, psi_tolerance=config.drift_tolerance))
    webhook = _webhook(config)
    events = Events(book, store, webhook, config.watchers_limit)
    drift_watch = DriftWatch(
        book, artifacts, stats, outcomes, events, (store, files), time.time, config.drift_interval_s
    )
    parts = Parts(
        catalog=catalog,
        artifacts=artifacts,
        controller=controller,
        stats=stats,
        watch=watch,
        changes=changes,
        store=store,
        files=files,
        drift=DriftAnswers(
            catalog, artifacts, stats, outcomes, book, drift_watch, (store, files), now_unix_ms, config.drift_alpha
        ),
        book=book,
        events=events,
    )
    server, checks = _server(parts, config.calls_limit)
    return App(
        config=config, database=database, parts=parts, server=server, health=checks, watch=drift_watch, webhook=webhook
    )


def _webhook(config: Config) -> Webhook | None:
    if not config.drift_webhook_url:
        return None
    return Webhook(poster(config.drift_webhook_url), config.drift_webhook_secret_file.read_bytes().strip())


def _server(parts: Parts, calls_limit: int) -> tuple[grpc.aio.Server, "health.aio.HealthServicer"]:
    server = grpc.aio.server(options=SERVER_OPTIONS, maximum_concurrent_rpcs=calls_limit)
    checks = health.aio.HealthServicer()
    cast(Any, add_RegistryServicer_to_server)(Service(parts), server)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return server, checks


def _metrics(config: Config, parts: Parts) -> web.Server:
    """/metrics, in threads that ask this loop. Raises: CannotStart."""
    loop = asyncio.get_running_loop()

    def scrape(openmetrics: bool) -> bytes:
        alarms = parts.drift.watch.standing
        answer = metrics.scrape(parts.controller, parts.stats, parts.watch, alarms, openmetrics=openmetrics)
        return asyncio.run_coroutine_threadsafe(answer, loop).result(SCRAPE_TIMEOUT_S)

    try:
        return web.Server((config.host, config.metrics_port), {"/metrics": web.metrics_page(scrape)})
    except OSError as error:
        raise CannotStart(f"metrics_port: {error}") from None


def now_unix_ms() -> int:
    return time.time_ns() // 1_000_000


def write_whole(path: Path, text: str) -> None:
    """Whoever looks sees the old text or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


def _locked(folder: Path) -> int:
    """The folder, made and held against a second registry until the descriptor is closed. Raises: CannotStart."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return hold(folder / "registry.lock")
    except TimeoutError:
        raise CannotStart(f"folder {folder}: another registry is running on it") from None
    except OSError as error:
        raise CannotStart(f"folder {folder}: {error.strerror}") from None


def _bound(server: grpc.aio.Server, host: str, port: int) -> int:
    """The port it listens on. Raises: CannotStart."""
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError:
        bound = 0
    if bound == 0:
        raise CannotStart(f"port {port} of {host} cannot be bound: in use, or not an address of this machine")
    return bound
