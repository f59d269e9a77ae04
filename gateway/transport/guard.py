"""Tells a busy client from an abusive one. Pure: times are arguments, in seconds of any one clock."""

from gateway.transport.limits import Limits


class Bucket:
    """A token bucket: `burst` at once, `rate` per second in the long run."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self._burst, self._rate = burst, rate
        self._left, self._at = burst, now

    def take(self, now: float) -> bool:
        """Whether one more is allowed."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        return self._left >= 0


class PingWatch:
    """The strike rule of gRPC's keepalive (proposal A8): pings too soon, with no answer of ours between."""

    __slots__ = ("_interval_s", "_last", "_strikes", "_strikes_left")

    def __init__(self, interval_s: float, strikes: int) -> None:
        self._interval_s, self._strikes = interval_s, strikes
        self._strikes_left, self._last = strikes, float("-inf")

    def ping(self, now: float, *, sent_since: bool) -> bool:
        """Whether this ping is tolerated. `sent_since`: headers or data left for the client since the last one."""
        if sent_since:
            self._strikes_left = self._strikes
        elif now - self._last < self._interval_s:
            self._strikes_left -= 1
        self._last = now
        return self._strikes_left >= 0


class Guard:
    """One connection's watch over its peer. Each method returns a reason to end the connection, or None."""

    __slots__ = ("_idle", "_pings", "_resets")

    def __init__(self, limits: Limits, now: float) -> None:
        self._pings = PingWatch(limits.ping_interval_s, limits.ping_strikes)
        self._resets = Bucket(limits.reset_burst, limits.reset_rate, now)
        self._idle = Bucket(limits.idle_frame_burst, limits.idle_frame_rate, now)

    def ping(self, now: float, *, sent_since: bool) -> bytes | None:
        # The text is what gRPC clients look for: they double their keepalive time on it.
        return None if self._pings.ping(now, sent_since=sent_since) else b"too_many_pings"

    def reset(self, now: float) -> bytes | None:
        return None if self._resets.take(now) else b"too_many_resets"

    def idle_frame(self, now: float) -> bytes | None:
        return None if self._idle.take(now) else b"too_many_empty_frames"
