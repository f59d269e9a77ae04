"""What a worker's breakers leave on its page, and what is read of it there."""

from pathlib import Path

import numpy as np
import pytest

from gateway.breaker import Outcomes, Policy, State
from gateway.breakers import Breakers, calls_not_finite, is_finite
from gateway.layout import Layout
from gateway.pages import Page
from gateway.servables import Servables
from gateway.serving import Serving
from gateway.standing import trips
from gnomon.domain import Arm, Role, Route
from gnomon.routing import Table


def route(*canaries: int, revision: int = 1) -> Route:
    arms = [Arm(version=1, role=Role.STABLE, weight_bp=10_000 - 1_000 * len(canaries))]
    arms += [Arm(version=version, role=Role.CANARY, weight_bp=1_000) for version in canaries]
    return Route(model="m", revision=revision, arms=tuple(arms))


def serving(route: Route) -> Serving:
    return Serving(route.revision, {"m": Table.build(route)})


class Bench:
    """Breakers of slot 0, and the tables they gave out."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        self.page = Page.open(self.layout.page("w00"))
        self.now_s = 0.0
        self.breakers = Breakers(self.page, Servables(), Policy(), lambda: self.now_s)
        self.tables: list[Table] = []
        self.breakers.moved = self.tables.append

    def end(self, version: int, outcomes: Outcomes) -> None:
        self.breakers._ended(self.breakers._watched["m", version], outcomes)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.breakers.follow(serving(route(2, 3)))
    return bench


def test_one_of_two_canaries_is_led_around_and_the_other_is_not(bench: Bench) -> None:
    bench.end(1, Outcomes(1_000))
    bench.end(3, Outcomes(100, non_finite=90, failed=2))
    assert [table.diverted for table in bench.tables] == [frozenset({3})]
    chosen = {bench.tables[0].by_sequence(number)[:5:4] for number in range(1_000)}
    assert chosen == {(1, "sequence"), (2, "sequence"), (1, "breaker")}
    assert bench.breakers.leads_around(("m", 3))
    assert not bench.breakers.leads_around(("m", 2))


def test_a_trip_is_read_from_the_page_until_it_is_over(bench: Bench) -> None:
    assert trips(bench.layout, [0, 1]) == ()
    bench.end(3, Outcomes(100, non_finite=90, failed=2))
    (trip,) = trips(bench.layout, [0, 1])
    assert (trip.model, trip.version, trip.slot, trip.state, trip.reason) == ("m", 3, 0, "open", "non_finite")
    assert (trip.trips, trip.calls, trip.bad) == (1, 100, 92)
    assert trip.since_unix_ms > 0
    bench.now_s = 5.0
    bench.breakers.tick()
    assert [trip.state for trip in trips(bench.layout, [0])] == ["half_open"]
    assert bench.tables[-1].tried == frozenset({3})
    bench.end(3, Outcomes(10))
    assert trips(bench.layout, [0]) == ()
    assert (bench.tables[-1].diverted, bench.tables[-1].tried) == (frozenset(), frozenset())


def test_a_trip_of_a_worker_that_was_killed_is_not_its_successors(bench: Bench) -> None:
    bench.end(3, Outcomes(10, failed=10))
    assert len(trips(bench.layout, [0])) == 1
    Bench(bench.layout.root)
    assert trips(bench.layout, [0]) == ()


def test_an_arm_that_left_the_route_is_no_longer_reported(bench: Bench) -> None:
    bench.end(3, Outcomes(10, failed=10))
    assert bench.breakers.follow(serving(route(2, 3, revision=2))).tables["m"].diverted == frozenset({3})
    assert len(trips(bench.layout, [0])) == 1
    assert bench.breakers.follow(serving(route(2, revision=3))).tables["m"].diverted == frozenset()
    assert trips(bench.layout, [0]) == ()


def test_what_was_counted_when_the_version_was_a_canary_before_is_not_told_again(bench: Bench) -> None:
    bench.end(3, Outcomes(100, failed=90))
    bench.breakers.follow(serving(route(revision=2)))
    bench.breakers.follow(serving(route(3, revision=3)))
    assert trips(bench.layout, [0]) == ()
    bench.end(3, Outcomes(12, failed=10))
    (trip,) = trips(bench.layout, [0])
    assert (trip.calls, trip.bad) == (12, 10)
    bench.breakers.follow(serving(route(2, 3, revision=4)))
    (trip,) = trips(bench.layout, [0])
    assert (trip.calls, trip.bad) == (12, 10)


def test_a_canary_that_became_stable_has_no_breaker(bench: Bench) -> None:
    bench.end(3, Outcomes(10, failed=10))
    promoted = Route(model="m", revision=2, arms=(Arm(version=3, role=Role.STABLE),))
    assert bench.breakers.follow(serving(promoted)).tables["m"].diverted == frozenset()
    assert not bench.breakers.leads_around(("m", 3))
    assert State(int(bench.page.values[bench.page.counter("gnomon_breaker_state", model="m", version="3")])) == 0


FINE, HOLED = np.ones((6, 2), np.float32), np.ones((6, 2), np.float32)
HOLED[1, 1], HOLED[4, 0], HOLED[5, 0] = np.nan, np.inf, -np.inf


@pytest.mark.parametrize(("starts", "bad"), [([0], 1), ([0, 1, 2, 3, 4, 5], 3), ([0, 2, 4], 2), ([0, 2, 3], 2)])
def test_calls_with_what_is_no_number_are_told_from_the_others(starts: list[int], bad: int) -> None:
    labels = np.arange(6)
    assert is_finite([labels, FINE])
    assert not is_finite([labels, FINE, HOLED])
    assert calls_not_finite([labels, FINE, HOLED], np.array(starts)) == bad


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_every_kind_of_floating_point_number_is_looked_at(kind: type) -> None:
    assert not is_finite([HOLED.astype(kind)])
