"""What every channel of ours shares: its limits, and the one place where a failed call becomes a typed error."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from gnomon.errors import InvalidInput
from gnomon.status import error_of

MESSAGE_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024

# Planes talk to each other directly: a proxy meant for the web does not know our hosts.
OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.enable_http_proxy", 0),
)

# For a stream without a deadline: a peer that is gone without a word is noticed within 15 s.
KEEPALIVE: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
)

# A registry that restarts is found again at once; grpc's own wait grows to two minutes.
RECONNECT: tuple[tuple[str, int], ...] = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """PEM files: who signs the server's certificate and, for a server that asks for one, the client's own pair."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise InvalidInput(f"certificate {self.certificate}, key {self.key}: both or neither expected")

    def credentials(self) -> grpc.ChannelCredentials:
        """Raises: InvalidInput: a file that cannot be read."""
        try:
            ca, key, chain = (
                None if path is None else path.read_bytes() for path in (self.ca, self.key, self.certificate)
            )
        except OSError as error:
            raise InvalidInput(f"TLS file: {error}") from None
        return grpc.ssl_channel_credentials(ca, key, chain)


def channel(target: str, tls: ClientTls | None, options: Sequence[tuple[str, int]]) -> grpc.Channel:
    """A blocking channel; with TLS where it is asked for. Raises: InvalidInput."""
    if tls is None:
        return grpc.insecure_channel(target, options=options)
    return grpc.secure_channel(target, tls.credentials(), options=options)


@contextlib.contextmanager
def typed_errors() -> Iterator[None]:
    """Turns a failed call into the error its server raised; a status that has no row in the table goes on as it is."""
    try:
        yield
    except grpc.RpcError as failure:
        raise error_of(failure) from failure
