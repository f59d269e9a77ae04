"""Abuse, age and limits, with time as an argument."""

import pytest

from gateway.transport.guard import Bucket, Guard
from gateway.transport.limits import Limits
from gateway.transport.listener import split
from gateway.transport.upkeep import expiry


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(3, 2.0, 0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    bucket = Bucket(1, 2.0, 0.0)
    assert [bucket.take(at) for at in (0.0, 0.5, 1.0, 1.1)] == [True, True, True, False]


def pings(times: list[float], *, sent_since: bool = False) -> list[bool]:
    guard = Guard(Limits(ping_interval_s=10, ping_strikes=2), 0.0)
    return [guard.ping(at, sent_since=sent_since) is None for at in times]


def test_pings_at_the_interval_are_welcome() -> None:
    assert all(pings([10.0 * number for number in range(50)]))


def test_pings_sooner_collect_strikes() -> None:
    assert pings([0, 1, 2, 3]) == [True, True, True, False]


def test_pings_between_answers_are_forgiven() -> None:
    assert all(pings([number / 10 for number in range(100)], sent_since=True))


def test_connections_born_together_do_not_die_together() -> None:
    limits = Limits(max_age_s=100)
    assert [expiry(0, limits, chance) for chance in (0, 0.5)] == [90, 100]
    assert expiry(0, Limits(), 0.5) == float("inf")


@pytest.mark.parametrize("field", ["max_streams", "max_message_bytes", "reset_burst"])
def test_a_bound_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Limits(**{field: 0})


def test_addresses() -> None:
    assert [split(text) for text in ("a:1", "[::1]:2", ":3")] == [("a", 1), ("::1", 2), ("", 3)]
    for bad in ("host", "host:port", "host:70000"):
        with pytest.raises(ValueError):
            split(bad)
