"""What every channel of ours shares: its limits, and the one place where a failed call becomes a typed error."""

import contextlib
from collections.abc import Iterator

import grpc

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


@contextlib.contextmanager
def typed_errors() -> Iterator[None]:
    """Turns a failed call into the error its server raised; a status that has no row in the table goes on as it is."""
    try:
        yield
    except grpc.RpcError as failure:
        raise error_of(failure) from failure
