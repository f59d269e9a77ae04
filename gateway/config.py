"""The gateway's configuration: from a TOML file, then GNOMON_GATEWAY_* in the environment, then flags."""

import dataclasses
import importlib.util
import json
import math
import re
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.layout import Layout
from gateway.transport.pem import Pem

PREFIX = "GNOMON_GATEWAY_"
TRANSPORTS = ("ngh2", "grpcio")
DURABILITIES = ("kernel", "sync")
POSITIVE_S = (
    "drain_timeout_s", "segment_max_age_s", "observer_tick_s", "drift_tick_s", "max_connection_age_grace_s",
    "keepalive_timeout_s", "breaker_pause_s", "shadow_run_timeout_s",
)  # fmt: skip


class ConfigInvalid(ValueError):
    """A setting that cannot be used; the message names it, its value and what would be right."""


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting of a gateway. `help` of a field is what --help prints."""

    dir: str = _setting("gnomon-data/gateway", "folder for cache, journal, exports and state")
    host: str = _setting("127.0.0.1", "address to listen on")
    grpc_port: int = _setting(8500, "port of the inference protocol; 0 picks one")
    http_port: int = _setting(8502, "port of /metrics and /healthz; 0 picks one")
    transport: str = _setting("ngh2", "what carries the calls: ngh2 (libnghttp2 under uvloop) or grpcio")
    registry: str = _setting("127.0.0.1:8501", "HOST:PORT of the registry")
    workers: int = _setting(1, "worker processes sharing the port")
    max_message_bytes: int = _setting(16 << 20, "largest request or reply")
    max_in_flight: int = _setting(1024, "calls a worker takes at a time; one more is shed")
    max_streams: int = _setting(128, "calls in flight on one connection; its client holds the rest back")
    tls_certificate: str = _setting("", "PEM file of the certificate chain clients are shown; empty: no TLS")
    tls_key: str = _setting("", "PEM file of its key, without a passphrase")
    tls_client_ca: str = _setting("", "PEM file of who signs clients' certificates; others are turned away; empty: all")
    max_connection_age_s: float = _setting(0.0, "connections are drained at this age, give or take a tenth; 0: never")
    max_connection_age_grace_s: float = _setting(30.0, "how long calls of a connection of that age may go on")
    keepalive_s: float = _setting(60.0, "a connection silent for so long is asked whether it is alive; 0: never")
    keepalive_timeout_s: float = _setting(20.0, "and is closed when it does not answer within this")
    max_wait_ms: int = _setting(1_000, "a call is shed when the work before it is expected to take longer")
    inline_run_us: int = _setting(2_000, "model runs longer than this leave the event loop for a thread")
    batch_run_us: int = _setting(500, "calls read together are merged while their run is expected to take no longer")
    breaker_share: float = _setting(0.01, "share of bad calls a canary may have before stable answers for it; 1: any")
    breaker_pause_s: float = _setting(5.0, "how long it then has no calls, the first time; twice as long each further")
    breaker_trials: int = _setting(10, "calls that must go well after the pause, before it has all of its calls again")
    drain_timeout_s: float = _setting(10.0, "how long calls in flight may take to end after SIGTERM")
    durability: str = _setting(
        "kernel",
        "what a reply's record survives: kernel (any process killed) or sync (a power loss; waits for the disk)",
    )
    segment_bytes: int = _setting(64 << 20, "size of a journal segment")
    segment_max_age_s: float = _setting(10.0, "a segment with rows is ended after this, so that they are exported")
    retention_bytes: int = _setting(4 << 30, "journal kept at most, a journal; the oldest segments go, read or not")
    retention_s: float = _setting(3600.0, "segments that every consumer has read are kept this long")
    retention_unread_s: float = _setting(86_400.0, "segments older than this go, read or not")
    observer_tick_s: float = _setting(0.25, "how often the observer reads, publishes and reports")
    drift_tick_s: float = _setting(5.0, "length of a drift sub-window")
    cold_start_rows: int = _setting(20_000, "rows of a version without a profile that one is made of; 0: none is made")
    metrics_versions: int = _setting(50, "versions that /metrics names, those with the most calls; the rest is `other`")
    metrics_features: int = _setting(100, "features of a version whose drift /metrics shows: those with the most of it")
    shadow_max_lag: int = _setting(50_000, "calls the shadow may be behind; older ones are shed")
    shadow_max_age_s: float = _setting(60.0, "calls older than this are expired, not shadowed")
    shadow_batch_rows: int = _setting(4096, "rows a shadow's process is asked for at once")
    shadow_memory_bytes: int = _setting(1 << 30, "memory a shadow's process may hold; with more it is killed")
    shadow_run_timeout_s: float = _setting(10.0, "a shadow's process that computes, or hangs, longer is killed")
    shadow_child: str = _setting("gateway.shadowing.child", "module a shadow's process runs")
    export_url: str = _setting("", "where Parquet goes, as s3://BUCKET/PREFIX; empty: parquet/ under dir")
    nats_url: str = _setting("", "NATS servers that take predictions into a stream, nats://HOST:PORT,…; empty: none")
    nats_stream: str = _setting("gnomon", "the JetStream stream; made when it is not there")
    nats_subject: str = _setting("gnomon", "what subjects begin with: SUBJECT.predictions.MODEL.GATEWAY.JOURNAL")
    nats_replicas: int = _setting(1, "copies of the stream, where the gateway makes it")
    nats_credentials: str = _setting("", "a credentials file (.creds) for NATS")

    def __post_init__(self) -> None:
        for name in (
            "workers",
            "max_message_bytes",
            "max_in_flight",
            "max_streams",
            "max_wait_ms",
            "breaker_trials",
            "segment_bytes",
            "retention_bytes",
            "metrics_versions",
            "metrics_features",
            "shadow_batch_rows",
            "shadow_memory_bytes",
        ):
            if getattr(self, name) < 1:
                raise ConfigInvalid(f"{name} = {getattr(self, name)}: at least 1 expected")
        for name in POSITIVE_S:
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigInvalid(f"{name} = {getattr(self, name)}: more than 0 expected")
        for name in ("max_connection_age_s", "keepalive_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigInvalid(f"{name} = {getattr(self, name)}: 0 (never) or more expected")
        for name in ("grpc_port", "http_port"):
            if not 0 <= getattr(self, name) <= 65_535:
                raise ConfigInvalid(f"{name} = {getattr(self, name)}: 0 to 65535 expected")
        if not 0 < self.breaker_share <= 1:
            raise ConfigInvalid(f"breaker_share = {self.breaker_share}: more than 0 and at most 1 expected")
        if self.transport not in TRANSPORTS:
            raise ConfigInvalid(f"transport = {self.transport!r}: one of {', '.join(TRANSPORTS)} expected")
        if self.durability not in DURABILITIES:
            raise ConfigInvalid(f"durability = {self.durability!r}: one of {', '.join(DURABILITIES)} expected")
        self._check_tls()
        if self.workers > 64:
            raise ConfigInvalid(f"workers = {self.workers}: at most 64 expected")
        if self.segment_bytes < 2 * self.max_message_bytes + (1 << 20):
            raise ConfigInvalid(
                f"segment_bytes = {self.segment_bytes}: room for a request and a reply of "
                f"max_message_bytes = {self.max_message_bytes} expected"
            )
        self._check_exports()

    def _check_exports(self) -> None:
        if self.export_url and not re.fullmatch(r"[a-z0-9]+://.+", self.export_url):
            raise ConfigInvalid(f"export_url = {self.export_url!r}: a URL as s3://BUCKET/PREFIX expected")
        if self.export_url and not importlib.util.find_spec("fsspec"):
            raise ConfigInvalid(f"export_url = {self.export_url!r}: needs fsspec: pip install gnomon[s3]")
        if self.nats_url and not importlib.util.find_spec("nats"):
            raise ConfigInvalid(f"nats_url = {self.nats_url!r}: needs nats-py: pip install gnomon[nats]")
        if not 1 <= self.nats_replicas <= 5:
            raise ConfigInvalid(f"nats_replicas = {self.nats_replicas}: 1 to 5 expected")
        for name, form in (("nats_stream", r"[\w-]+"), ("nats_subject", r"[\w-]+(\.[\w-]+)*")):
            if not re.fullmatch(form, getattr(self, name)):
                raise ConfigInvalid(f"{name} = {getattr(self, name)!r}: letters, digits, '_' and '-' expected")

    @property
    def exporters(self) -> tuple[str, ...]:
        """The processes that carry predictions out of the journal."""
        return ("shipper", "publisher") if self.nats_url else ("shipper",)

    def _check_tls(self) -> None:
        """Which files are named; whether they can be used is looked at when the settings are loaded."""
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ConfigInvalid(
                f"tls_certificate = {self.tls_certificate!r}, tls_key = {self.tls_key!r}: both or neither expected"
            )
        if self.tls_client_ca and not self.tls_certificate:
            raise ConfigInvalid(f"tls_client_ca = {self.tls_client_ca!r}: a tls_certificate beside it expected")

    @property
    def layout(self) -> Layout:
        return Layout(Path(self.dir))

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Config":
        return cls(**json.loads(text))


def _converted(name: str, value: Any) -> Any:
    kind = typing.get_type_hints(Config)[name]
    try:
        return kind(value)
    except ValueError:
        raise ConfigInvalid(f"{name} = {value!r}: {kind.__name__} expected") from None


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Config:
    """Settings from all three places, later ones winning.

    Raises: ConfigInvalid for a file that cannot be read, a name that does not exist, or a value that cannot be used.
    """
    names = [item.name for item in dataclasses.fields(Config)]
    settings: dict[str, Any] = {}
    if file is not None:
        try:
            settings |= tomllib.loads(file.read_text())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigInvalid(f"{file}: {error}") from None
    settings |= {name: environment[PREFIX + name.upper()] for name in names if PREFIX + name.upper() in environment}
    settings |= {name: value for name, value in flags.items() if value is not None}
    unknown = sorted(set(settings) - set(names))
    if unknown:
        raise ConfigInvalid(f"unknown settings {unknown}; known are {names}")
    config = Config(**{name: _converted(name, value) for name, value in settings.items()})
    _try_certificate(config)
    return config


def _try_certificate(config: Config) -> None:
    """Raises: ConfigInvalid for files that no client could be shown."""
    if not config.tls_certificate:
        return
    authority = Path(config.tls_client_ca) if config.tls_client_ca else None
    try:
        Pem(Path(config.tls_certificate), Path(config.tls_key), authority)
    except OSError as error:  # ssl.SSLError is one
        named = ", ".join(
            f"{name} = {getattr(config, name)!r}" for name in ("tls_certificate", "tls_key", "tls_client_ca")
        )
        raise ConfigInvalid(f"{named}: PEM files that belong together expected: {error}") from None
