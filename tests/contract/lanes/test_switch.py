"""A route that changes: what the lane knows is aimed at the new versions before, so that first calls need no Python."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from gateway.servables import Servable
from gnomon.domain import Version
from gnomon.routing import Table
from gnomon.rules import Compare, RouteRule
from tests import models
from tests.contract.lanes.house import House, Loop, ask, raw_call, route
from tests.contract.lanes.test_same import assert_same, request

MESSAGES = (
    request("scaled", 1), request("scaled", 4, "an-id"), request("scaled", 2, key="k1"), request("scaled", 1, key="k2"),
    request("scaled", 3, outputs=("score", "score")), request("scaled", 1, version="2"), request("pair", 3, "an-id"),
    request("pair", 2, outputs=("total", "y")),
)  # fmt: skip
RULES = (
    RouteRule(name="gold", version=3, header="x-tenant", values=("acme",)),
    RouteRule(name="large", version=2, feature="x[0]", compare=Compare.GT, values=("2",)),
)


class Two:
    """A house with the lane and one without, which are told and asked the same."""

    def __init__(self, folder: Path) -> None:
        self.loop = Loop()
        self.lane, self.none = House(folder / "lane"), House(folder / "none", lane=False)
        self.houses = (self.lane, self.none)
        for house in self.houses:
            for number, factor in ((1, 2.0), (2, 3.0), (3, 4.0)):
                house.load("scaled", number, models.scaled(factor))
            house.load("scaled", 4, models.pair())
            for number in (1, 2):
                house.load("pair", number, models.pair())
            self.loop.run(house.server.start())
        self.serve(route("scaled", (2, 3_000), shadows=(3,)), route("pair"))
        self.channels = [grpc.insecure_channel(f"127.0.0.1:{house.port}") for house in self.houses]

    def serve(self, *routes: Any, foresee: bool = True) -> None:
        for house in self.houses:
            self.loop.call(lambda house=house: house.serve(*routes, foresee=foresee))

    def ask(self, message: Any, metadata: Any = ()) -> list[tuple[Any, Any]]:
        """(answer, record) of each house."""
        data = message.SerializeToString(deterministic=True)
        answers = [ask(raw_call(channel), data, metadata) for channel in self.channels]
        return [(answer, house.records()[-1]) for answer, house in zip(answers, self.houses, strict=True)]

    def by_python(self, message: Any, metadata: Any = ()) -> int:
        """How many of one call went Python's way, which is as Python would have answered it."""
        before = self.lane.by_python
        assert_same(self.ask(message, metadata))
        return self.lane.by_python - before

    def close(self) -> None:
        for house, channel in zip(self.houses, self.channels, strict=True):
            channel.close()
            self.loop.run(house.server.stop(0))
            house.journal.close()
        self.loop.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    "then",
    [
        route("scaled", stable=2, revision=2),
        route("scaled", (1, 3_000), stable=2, shadows=(3,), revision=2),
        route("scaled", (2, 9_000), shadows=(3,), revision=2),
        route("scaled", (3, 2_000), (2, 2_000), revision=2),
    ],
    ids=["the other version", "arms change places", "a larger weight", "two canaries"],
)
def test_first_calls_after_a_switch_are_not_pythons_and_as_its_are(two: Two, then: Any) -> None:
    for message in MESSAGES:
        two.ask(message)
    two.serve(then, route("pair", stable=2, revision=3))
    assert [two.by_python(message) for message in MESSAGES] == [0] * len(MESSAGES)


def test_a_switch_that_was_not_foreseen_is_learned_from_its_first_calls(two: Two) -> None:
    message = request("scaled", key="k1")
    two.ask(message)
    two.serve(route("scaled", stable=2, revision=2), route("pair"), foresee=False)
    assert [two.by_python(message) for _ in range(2)] == [1, 0]


def test_until_the_switch_all_is_as_before_and_what_does_not_come_leaves_nothing(two: Two) -> None:
    message = request("scaled", key="k1")
    two.ask(message)
    table = Table.build(route("scaled", stable=3, revision=9))
    two.loop.call(lambda: list(two.lane.service.foresee(two.lane.service.serving.with_table(table))))
    assert two.by_python(message) == 0
    two.serve(route("scaled", stable=2, revision=2), route("pair"), foresee=False)
    assert [two.by_python(message) for _ in range(2)] == [1, 0]
    assert two.ask(message)[0][1][0]["version"] == 2


def test_a_version_of_another_signature_refuses_what_it_would_refuse_anyway(two: Two) -> None:
    message = request("scaled")
    two.ask(message)
    two.serve(route("scaled", stable=4, revision=2), route("pair"))
    ((code, _), _), _ = two.ask(message)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert two.by_python(message) == 1


def test_first_calls_after_a_switch_to_rules_are_not_pythons_and_as_its_are(two: Two) -> None:
    """By a rule for a version that is only warm, by another for an arm, by a column's key."""
    for message in MESSAGES:
        two.ask(message)
    then = replace(route("scaled", (2, 3_000), revision=2), warm=(3,), rules=RULES, routing_key_column="x[2]")
    two.serve(then, route("pair"))
    for message in MESSAGES:
        for metadata in ([("x-tenant", "acme")], [("x-tenant", "globex")]):
            assert two.by_python(message, metadata) == 0


@pytest.mark.parametrize(
    ("artifact", "shapes"), [(models.scaled(2.0), ({"x": (3,)}, ((3,),))), (models.reshaping(), None)]
)
def test_shapes_of_rows_are_known_where_outputs_have_rows(tmp_path: Path, artifact: bytes, shapes: Any) -> None:
    (tmp_path / "model").write_bytes(artifact)
    servable = Servable(Version(model="m", version=1, artifact_sha256="0" * 64), tmp_path / "model")
    servable.warm_up([{"x": np.ones((1, 3) if shapes else 6, np.float32)} for _ in range(2)])
    assert servable.row_shapes == shapes


def test_many_switches_keep_no_version_that_was_unloaded(two: Two) -> None:
    message, house = request("scaled"), two.lane
    gone = weakref.ref(house.servables.get("scaled", 3))
    lanes = house.service.lanes
    assert lanes is not None
    sizes = set()
    for revision in range(2, 20):
        two.serve(route("scaled", stable=1 + revision % 3, revision=revision), route("pair"))
        two.ask(message)
        sizes.add((len(lanes._targets), len(lanes._lanes), len(lanes._numbered)))
    two.serve(route("scaled", stable=1, revision=20), route("pair"))
    two.ask(message)
    two.loop.call(house.servables.keep, [("scaled", 1), ("pair", 1)])
    two.loop.call(house.servables.retire)
    gc.collect()
    assert gone() is None
    assert max(sizes) <= (3, 3, 3)
