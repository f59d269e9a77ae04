"""The lane gives what Python's way gives: the same reply, the same refusal, the same record, for any bytes."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.journal.format import ANSWERED, RULE_NAMES, id_text
from gateway.sampling import is_sampled
from gnomon import oip
from gnomon.routing import key_hash
from gnomon.rules import Compare, RouteRule
from tests import models
from tests.contract.lanes.house import House, Loop, ask, compared, raw_call, route

TENANT = RouteRule(name="gold", version=2, header="x-tenant", values=("acme",))
OTHERS = RouteRule(name="others", version=6, header="x-region", compare=Compare.NE, values=("eu",))
LARGE = RouteRule(name="large", version=1, feature="x[1]", compare=Compare.GE, values=("1",))
SOME = RouteRule(name="some", version=2, feature="b[1]", values=("1", "5", "3"))
ROUTES = (
    route("scaled", (2, 3_000), shadows=(3, 4, 5), revision=7),
    replace(
        route("ruled", (2, 3_000), shadows=(7,), revision=7),
        warm=(6,),
        rules=(TENANT, OTHERS, LARGE),
        routing_key_column="x[0]",
    ),
    replace(  # without a canary no breaker looks at what is no number
        route("calm", revision=7), warm=(2,), rules=(replace(LARGE, version=2),), routing_key_column="x[0]"
    ),
    replace(route("keyed", (2, 3_000), revision=7), rules=(SOME,), routing_key_column="b[0]"),
    route("pair", revision=7),
    route("several", revision=7),
)


def stocked(house: House) -> House:
    for number, factor in ((1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0), (5, 6.0)):
        house.load("scaled", number, models.scaled(factor))
        house.load("ruled", number, models.scaled(factor))
    for number in (6, 7):
        house.load("ruled", number, models.scaled(number))
    house.load("pair", 1, models.pair())
    for number in (1, 2):
        house.load("keyed", number, models.pair())
        house.load("calm", number, models.scaled(number))
    house.load("several", 1, models.several())
    house.serve(*ROUTES)
    return house


class Both:
    """The same calls to a house with the lane and to one without; twice, so that the lane knows the kind."""

    def __init__(self, folder: Path) -> None:
        self.loop = Loop()
        self.with_lane, self.without = stocked(House(folder / "lane")), stocked(House(folder / "none", lane=False))
        self.channels: list[Any] = []
        for house in (self.with_lane, self.without):
            self.loop.run(house.server.start())
            self.channels.append(grpc.insecure_channel(f"127.0.0.1:{house.port}"))

    def ask(self, data: bytes, metadata: Any = ()) -> list[tuple[Any, Any]]:
        """(answer, record) of each house's last call."""
        found = []
        for house, channel in zip((self.with_lane, self.without), self.channels, strict=True):
            for _ in range(2):
                answer = ask(raw_call(channel), data, metadata)
            record = house.records()[-1]
            found.append((answer, record))
        return found

    def close(self) -> None:
        for house, channel in zip((self.with_lane, self.without), self.channels, strict=True):
            channel.close()
            self.loop.run(house.server.stop(0))
            house.journal.close()
        self.loop.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    made = Both(tmp_path_factory.mktemp("both"))
    yield made
    made.close()


def request(
    model: str, rows: int = 1, request_id: str = "", key: str = "", version: str = "", outputs: Any = (), seed: int = 0
) -> Any:
    """Of an even `seed` the numbers are whole."""
    message = oip.ModelInferRequest(model_name=model, model_version=version, id=request_id)
    numbers = np.random.default_rng(rows + seed).normal(size=(rows, 3)).astype("<f4")
    if seed % 2 == 0:
        numbers = np.rint(3 * numbers) + np.float32(2)
    if model in ("pair", "keyed"):
        message.inputs.add(name="b", datatype="INT64", shape=[rows, 2])
        message.raw_input_contents.append(np.arange(seed, seed + 2 * rows, dtype="<i8").tobytes())
    message.inputs.add(name="x", datatype="FP32", shape=[rows, 3])
    message.raw_input_contents.append(numbers.tobytes())
    for name in outputs:
        message.outputs.add(name=name)
    if key:
        message.parameters["routing_key"].string_param = key
    return message


def without_id(answer: tuple[Any, Any], record: Any) -> tuple[Any, Any]:
    """The answer with the prediction's id, which is the record's, taken out."""
    code, body = answer
    if code is not grpc.StatusCode.OK:
        return answer
    text = id_text(bytes(record[0]["prediction_id"])).encode()
    assert body.count(text) == 1
    return code, body.replace(text, b"")


def assert_same(found: list[tuple[Any, Any]]) -> None:
    (mine, my_record), (theirs, their_record) = found
    assert without_id(mine, my_record) == without_id(theirs, their_record)
    assert compared(my_record) == compared(their_record)


texts = st.text(st.characters(codec="utf-8"), max_size=40)
requests = st.one_of(
    st.builds(
        request, st.sampled_from(["scaled", "ruled"]), st.integers(1, 9), texts, texts,
        st.sampled_from(["", "1", "2", "3", "9", "x"]),
        st.sampled_from([(), ("score",), ("score", "score"), ("nothing",)]), st.integers(0, 5),
    ),
    st.builds(
        request, st.sampled_from(["pair", "keyed"]), st.integers(1, 5), texts, st.just("") | texts, st.just(""),
        st.sampled_from([(), ("total",), ("y", "total"), ("total", "y")]), st.integers(0, 5),
    ),
    st.builds(request, st.sampled_from(["several", "nobody"])),
)  # fmt: skip
keys = st.tuples(st.just("x-routing-key"), st.text("abcXYZ 019-_.", max_size=200).map(str.strip))
traces = st.tuples(
    st.just("traceparent"), st.from_regex(r"(00|ff)-[0-9a-fA-Fg]{31,32}-[0-9a-f]{16}-01", fullmatch=True)
)
tenants = st.tuples(st.just("x-tenant"), st.sampled_from(["acme", "globex"]))
regions = st.tuples(st.just("x-region"), st.sampled_from(["eu", "us", ""]))
fields = st.lists(st.one_of(keys, traces, tenants, regions), max_size=3)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=requests, metadata=fields)
def test_any_call_has_the_same_answer_and_the_same_record(both: Both, message: Any, metadata: Any) -> None:
    assert_same(both.ask(message.SerializeToString(deterministic=True), metadata))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=requests, data=st.data())
def test_damaged_calls_have_the_same_fate(both: Both, message: Any, data: Any) -> None:
    raw = bytearray(message.SerializeToString(deterministic=True))
    at = data.draw(st.integers(0, len(raw) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "insert", "delete"])):
        case "flip":
            raw[at] = data.draw(st.integers(0, 255))
        case "cut":
            del raw[at:]
        case "insert":
            raw[at:at] = data.draw(st.binary(min_size=1, max_size=4))
        case _:
            del raw[at]
    assert_same(both.ask(bytes(raw)))


def test_the_second_call_of_a_kind_is_not_pythons(both: Both) -> None:
    house = both.with_lane
    for message in (request("scaled", 4, key="k1"), request("pair", 3, "an-id"), request("scaled", 2, version="2")):
        data = message.SerializeToString(deterministic=True)
        both.ask(data)
        before = house.by_python
        both.ask(data)
        assert house.by_python == before


def ruled(first: float, second: float, model: str = "ruled") -> bytes:
    """A call of one row."""
    message = request(model)
    message.raw_input_contents[0] = np.array([first, second, 0], "<f4").tobytes()
    return message.SerializeToString(deterministic=True)


CANARYS = next(key for key in range(1, 100) if key_hash("ruled", str(key).encode()) % 10_000 < 3_000)
STABLES = next(key for key in range(1, 100) if key_hash("ruled", str(key).encode()) % 10_000 >= 3_000)
NAN = float("nan")


@pytest.mark.parametrize(
    ("data", "metadata", "rule", "version", "weight_bp"),
    [
        (ruled(7, 0), [("x-tenant", "acme"), ("x-tenant", "globex")], "rule", 2, 10_000),
        (ruled(7, 9), [("x-tenant", "acme"), ("x-region", "us")], "rule", 2, 10_000),
        (ruled(7, 9), [("x-tenant", "globex"), ("x-region", "us")], "rule", 6, 10_000),
        (ruled(7, 9), [("x-region", "eu")], "rule", 1, 10_000),
        (ruled(7, 9), [("x-routing-key", "k1")], "rule", 1, 10_000),
        (ruled(STABLES, 0), [], "key", 1, 7_000),
        (ruled(CANARYS, 0), [], "key", 2, 3_000),
        (ruled(0.5, 0), [("x-routing-key", str(CANARYS))], "key", 2, 3_000),
        (ruled(7, NAN, "calm"), [], "key", 1, 10_000),
        (ruled(NAN, 0, "calm"), [], "sequence", 1, 10_000),
        (ruled(float("-inf"), 0.5, "calm"), [], "sequence", 1, 10_000),
        (ruled(NAN, 1, "calm"), [], "rule", 2, 10_000),
    ],
    ids=["header", "first rule", "other header", "feature", "feature before key", "column", "column of the canary",
         "key before column", "no feature", "no key", "a key that is no number", "rule without a key"],
)  # fmt: skip
def test_calls_by_rule_and_by_a_columns_key_are_not_pythons(
    both: Both, data: bytes, metadata: Any, rule: str, version: int, weight_bp: int
) -> None:
    for _ in range(4):
        both.ask(data, metadata)
    before = both.with_lane.by_python
    found = both.ask(data, metadata)
    assert_same(found)
    assert both.with_lane.by_python == before
    header = found[0][1][0]
    assert RULE_NAMES[int(header["rule"])] == rule
    assert (int(header["version"]), int(header["weight_bp"])) == (version, weight_bp)


def test_a_key_with_a_fraction_is_pythons_to_write(both: Both) -> None:
    for data, pythons in ((ruled(7.5, 0), 2), (ruled(7, 0), 0)):
        both.ask(data)
        before = both.with_lane.by_python
        assert_same(both.ask(data))
        assert both.with_lane.by_python - before == pythons


def test_each_shadow_is_offered_what_its_reader_will_choose(both: Both) -> None:
    """Three shadows of half the calls each, counted by either way of the worker; pinned to one, it is no pair."""
    for version in ("", "3"):
        for _ in range(40):
            both.ask(request("scaled", version=version).SerializeToString(deterministic=True))
    for house in (both.with_lane, both.without):
        headers = [header for header, _, _ in house.records() if header["status"] == ANSWERED and header["version"]]
        of_scaled = [header for header in headers if house.journal._schemas[int(header["schema"])].count(b"scaled")]
        for arm in ROUTES[0].shadows:
            wanted = [
                header for header in of_scaled
                if header["version"] != arm.version and is_sampled("w00", int(header["sequence"]), arm)
            ]  # fmt: skip
            assert house.count(f"offered to {arm.version}") == len(wanted) > 0


@pytest.mark.parametrize("size", [1, 8, 127, 128, 129, 256, 257, 1000])
def test_a_key_falls_to_the_same_arm_whatever_its_length(both: Both, size: int) -> None:
    key = (hashlib.sha256(str(size).encode()).hexdigest() * 20)[:size]
    message = request("scaled")
    found = both.ask(message.SerializeToString(), [("x-routing-key", key)])
    assert_same(found)
    header = found[0][1][0]
    assert int(header["key_hash"]) == key_hash("scaled", key.encode())
    assert int(header["bucket"]) == key_hash("scaled", key.encode()) % 10_000


def test_calls_without_a_key_take_turns_exactly_whichever_way_they_go(both: Both) -> None:
    """3,000 basis points: of ten thousand calls in a row 3,000 are the canary's, and so it is in the lane."""
    call, data = raw_call(both.channels[0]), request("scaled").SerializeToString()
    before = len(both.with_lane.records())
    for _ in range(20):
        for future in [call.future(data, timeout=20) for _ in range(50)]:
            future.result()
    buckets = [int(header["bucket"]) for header, _, _ in both.with_lane.records()[before:]]
    assert len(set(buckets)) == 1_000
    canary = sum(bucket < 3_000 for bucket in buckets)
    assert abs(canary - 300) <= 1
