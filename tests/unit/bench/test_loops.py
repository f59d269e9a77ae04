"""The loops on a simulated server: what a stall, a late generator and a silent server do to the figures."""

import numpy as np
import pytest

from bench.ledger import NOT_SENT, OK, Ledger
from bench.loops import UNANSWERED, Closed, Open
from tests.unit.bench.simulated import MS, Clock, Simulated

SECOND = 1_000 * MS
STALL = (200 * MS, 700 * MS)
EVERY_10_MS = np.arange(0, SECOND, 10 * MS)


def open_run(clock: Clock, wire: Simulated, most_waiting: int = 1_000, grace_ns: int = SECOND) -> Ledger:
    ledger = Ledger(end_ns=SECOND)
    Open(wire, EVERY_10_MS, most_waiting=most_waiting, grace_ns=grace_ns).run(ledger, clock)
    return ledger


def closed_run(clock: Clock, wire: Simulated, in_flight: int = 1, most_calls: int = 10_000) -> Ledger:
    ledger = Ledger(end_ns=SECOND)
    loop = Closed(wire, in_flight=in_flight, end_ns=SECOND, most_calls=most_calls, grace_ns=SECOND)
    loop.run(ledger, clock)
    return ledger


def test_in_an_open_loop_every_call_that_falls_due_in_a_stall_waits_from_its_due_time() -> None:
    clock = Clock()
    summary = open_run(clock, Simulated(clock, stall=STALL)).summary()
    due_in_stall = [due for due in EVERY_10_MS if STALL[0] <= due + MS < STALL[1]]
    waits_us = [(STALL[1] - due) / 1_000 for due in due_in_stall]
    expected = [*waits_us, *[1_000] * (len(EVERY_10_MS) - len(due_in_stall))]
    assert summary["ok"] == len(EVERY_10_MS)
    assert summary["latency_us"]["max"] == pytest.approx(max(waits_us))
    assert summary["latency_us"]["mean"] == pytest.approx(np.mean(expected))
    assert summary["latency_us"]["p90"] == pytest.approx(np.percentile(expected, 90, method="higher"), rel=0.03)


def test_in_a_closed_loop_the_same_stall_is_one_slow_call() -> None:
    clock = Clock()
    summary = closed_run(clock, Simulated(clock, stall=STALL)).summary()
    assert summary["latency_us"]["max"] >= 499_000
    assert summary["latency_us"]["p99"] == 1_000


def test_a_generator_that_is_late_counts_that_as_latency_and_tells_it() -> None:
    clock = Clock()
    wire = Simulated(clock)
    wire.deaf_until_ns = 300 * MS  # its first wait takes that long
    summary = open_run(clock, wire).summary()
    assert summary["late_us"]["max"] == pytest.approx(290_000, rel=0.001)
    assert summary["latency_us"]["max"] == pytest.approx(300_000, rel=0.001)
    assert summary["ok"] == len(EVERY_10_MS)


def test_calls_are_sent_when_they_are_due_whatever_was_answered() -> None:
    clock = Clock()
    wire = Simulated(clock, service_ns=900 * MS)
    open_run(clock, wire)
    assert wire.sent == EVERY_10_MS.tolist()


def test_more_calls_than_may_wait_are_counted_as_not_sent() -> None:
    clock = Clock()
    ledger = open_run(clock, Simulated(clock, stall=STALL), most_waiting=5)
    assert ledger.statuses[NOT_SENT] > 0
    assert ledger.statuses.total() == len(EVERY_10_MS)


def test_calls_that_are_never_answered_are_counted_once_the_grace_is_over() -> None:
    clock = Clock()
    ledger = open_run(clock, Simulated(clock, service_ns=3_600 * SECOND), grace_ns=SECOND)
    assert ledger.statuses == {UNANSWERED: len(EVERY_10_MS)}
    assert clock() <= 3 * SECOND


def test_a_closed_loop_keeps_its_calls_in_flight_and_ends_in_time() -> None:
    clock = Clock()
    ledger = closed_run(clock, Simulated(clock, size=3), in_flight=2)
    assert ledger.statuses == {OK: 6 * 1_000}
    assert clock() == SECOND


def test_a_closed_loop_sends_no_more_calls_than_asked() -> None:
    clock = Clock()
    assert closed_run(clock, Simulated(clock, size=2), in_flight=8, most_calls=21).statuses == {OK: 21}


def test_an_answer_after_the_end_is_in_the_latencies_but_not_in_the_rate() -> None:
    clock = Clock()
    ledger = closed_run(clock, Simulated(clock, service_ns=600 * MS))
    assert ledger.statuses[OK] == 2
    assert ledger.in_time == 1
