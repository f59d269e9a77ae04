"""What one server grants its clients: every bound of the transport, in one frozen value."""

from dataclasses import dataclass, fields

_MAY_BE_ZERO = {"max_age_s", "keepalive_s", "ping_interval_s", "ping_strikes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a server, of its connections and of their calls.

    Raises: ValueError for a bound that is not positive; those of `_MAY_BE_ZERO` are off at 0.
    """

    max_connections: int = 4096  # more are closed as they come
    max_streams: int = 1024  # calls in flight on one connection
    max_message_bytes: int = 4 << 20  # one message, before and after it is inflated
    header_list_bytes: int = 16 << 10  # metadata of one call; four times as much ends the connection
    stream_window_bytes: int = 1 << 20  # received and not yet read by a handler, one call
    connection_window_bytes: int = 8 << 20  # received and not yet read, all calls of a connection
    received_bytes: int = 64 << 20  # parts of unfinished messages held for one connection
    send_stream_bytes: int = 256 << 10  # written by a streaming handler and not yet framed; it waits above this
    send_connection_bytes: int = 32 << 20  # answers queued for a peer that does not read; new calls are refused above

    keepalive_s: float = 60.0  # a connection that is silent so long is asked whether it is alive; 0: never
    keepalive_timeout_s: float = 20.0  # and closed when it does not answer
    handshake_timeout_s: float = 10.0  # from the accepted socket to the client's SETTINGS
    max_age_s: float = 0.0  # connections are drained at this age, give or take a tenth; 0: never
    age_grace_s: float = 30.0  # how long calls of an aged connection may go on

    ping_interval_s: float = 10.0  # a client that pings more often, with nothing sent between, collects strikes
    ping_strikes: int = 4
    reset_burst: int = 5000  # calls a client may take back at once, and per second in the long run
    reset_rate: int = 1000
    idle_frame_burst: int = 1000  # SETTINGS, PRIORITY and empty DATA frames, likewise
    idle_frame_rate: int = 50
    sync_threads: int = 8  # for handlers that are plain functions

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 0 or (value == 0 and field.name not in _MAY_BE_ZERO):
                raise ValueError(f"{field.name} is {value}; it must be positive")
