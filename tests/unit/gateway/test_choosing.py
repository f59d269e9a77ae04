"""Compiled code chooses as Python does: the same arm, by the same reason, for any route and any call."""

import ctypes
import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import cfunc

from gateway.fastcodec.request import Decoder
from gateway.journal.format import NUMPY_OF, RULE_NAMES
from gateway.lanes.block import Block
from gateway.lanes.kinds import Aim, Known, Target, kind_block
from gateway.lanes.questions import Numbers
from gateway.native import blake2b, choosing
from gateway.native.blocks import KIND, STREAM, TARGET, WORLD
from gateway.native.memory import I64
from gateway.serving import Serving
from gateway.unkeyed import Unkeyed
from gnomon import oip
from gnomon.columns import Column
from gnomon.domain import ALL_BP, Arm, Role, Route
from gnomon.routing import KEY_BYTES, Choice, Table, role_of
from gnomon.rules import ORDERS, Compare, RouteRule

target_of: Any = cfunc(I64(I64, I64, I64, I64), error_model="numpy")(choosing.target_of.py_func).ctypes  # type: ignore[attr-defined]
key_state: Any = cfunc(I64(I64, I64, I64, I64), error_model="numpy")(blake2b.key_state).ctypes

NUMBERS = (
    *("0", "-0", "0.0", "1", "true", "2", "42", "-1", "0.1", "0.10000000149011612", "0.5", "2.5", "65504", "65520"),
    *("70000", "255", "-128", "9007199254740992", "9007199254740993", "9223372036854775807", "9223372036854775808"),
    *("-9223372036854775808", "18446744073709551615", "1e19", "1e300", "-1e300", "3.4028235e38", "3.5e38", "5e-324"),
    *("1e-45", "6e-8", "9" * 100),
)
WORDS = ("acme", "globex", "", "x", "kä", "acm", "acme2")
COLUMNS = ("x", "x[0]", "x[1]", "x[9]", "input.x[0]", "y", "y[0]", "y[1]", "nowhere")
HEADERS = ("x-tenant", "x-region", "x-routing-key", "x-none")
DATATYPES = sorted(NUMPY_OF)


def rule_of(name: str, version: int, feature: str, header: str, compare: Compare, values: list[str]) -> RouteRule:
    if header and compare in ORDERS:
        compare = Compare.EQ
    if compare in ORDERS:
        values = [value for value in values if value not in WORDS] or ["1"]
    values = values if compare is Compare.IN else values[:1]
    return RouteRule(
        name=name, version=version, feature="" if header else feature, header=header, compare=compare,
        values=tuple(values),
    )  # fmt: skip


values = st.lists(st.sampled_from(NUMBERS) | st.sampled_from(WORDS), min_size=1, max_size=5)
asked_headers = st.sampled_from(["", "", *HEADERS])
rules = st.builds(
    rule_of, st.just("r"), st.integers(1, 4), st.sampled_from(COLUMNS), asked_headers, st.sampled_from(Compare), values
)


@st.composite
def tables(draw: Any) -> Table:
    first = draw(st.integers(0, ALL_BP))
    second = draw(st.integers(0, ALL_BP - first))
    arms = (
        Arm(version=2, role=Role.CANARY, weight_bp=first),
        Arm(version=1, role=Role.STABLE, weight_bp=ALL_BP - first - second),
        Arm(version=3, role=Role.CANARY, weight_bp=second),
    )
    named = tuple(dataclasses.replace(rule, name=f"r{at}") for at, rule in enumerate(draw(st.lists(rules, max_size=5))))
    key = draw(st.sampled_from(["", *COLUMNS]))
    table = Table.build(Route(model="m", arms=arms, warm=(4,), rules=named, routing_key_column=key, revision=7))
    moved, tried = draw(st.sampled_from([((), ()), ((), ()), ((2,), ()), ((2,), (3,)), ((), (2, 3))]))
    return dataclasses.replace(table, diverted=frozenset(moved), tried=frozenset(tried))


def special(datatype: str) -> list[Any]:
    """What the datatype has of the numbers that rules are made of, and of what is odd in it."""
    dtype = NUMPY_OF[datatype]
    if dtype.kind == "f":
        finite = np.finfo(dtype)
        odd = [float("nan"), float("inf"), float("-inf"), -0.0, finite.smallest_subnormal, finite.max, finite.tiny]
        with np.errstate(over="ignore"):
            return [dtype.type(value) for value in [*odd, *(float(text) for text in NUMBERS if text != "true")]]
    bounds = (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    found = {*bounds, *(int(float(text)) for text in NUMBERS if text != "true"), 2**53 + 1, 2**63}
    return [dtype.type(value) for value in sorted(found) if bounds[0] <= value <= bounds[1]]


SPECIAL = {datatype: special(datatype) for datatype in DATATYPES}


@st.composite
def requests(draw: Any) -> Any:
    message = oip.ModelInferRequest(model_name="m")
    rows = draw(st.integers(1, 3))
    for name in draw(st.sampled_from([("x",), ("y", "x"), ("x", "y")])):
        datatype, width = draw(st.sampled_from(DATATYPES)), draw(st.integers(1, 3))
        dtype, count = NUMPY_OF[datatype], rows * width
        shape = [rows] if width == 1 and draw(st.booleans()) else [rows, width]
        message.inputs.add(name=name, datatype=datatype, shape=shape)
        if draw(st.booleans()):
            raw = draw(st.binary(min_size=count * dtype.itemsize, max_size=count * dtype.itemsize))
        else:
            elements = draw(st.lists(st.sampled_from(SPECIAL[datatype]), min_size=count, max_size=count))
            raw = np.array(elements, dtype).tobytes()
        message.raw_input_contents.append(raw)
    key = draw(st.sampled_from(["", "", "k", "customer-7"]))
    if key:
        message.parameters["routing_key"].string_param = key
    return message


sent = st.lists(st.tuples(st.sampled_from(HEADERS[:3]), st.sampled_from([*WORDS, "42"])), max_size=4).map(
    lambda found: [(name, value) for name, value in found if value or name != "x-routing-key"]
)


class Sent:
    """A call's metadata."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self.fields = fields

    def metadata(self, name: str) -> bytes | None:
        return next((value.encode() for key, value in self.fields if key == name), None)

    def kept(self) -> bytes:
        """As compiled code keeps them."""
        pairs = [(key.encode(), value.encode()) for key, value in [(":method", "POST"), *self.fields]]
        return b"".join(
            len(key).to_bytes(4, "little") + len(value).to_bytes(4, "little") + key + value for key, value in pairs
        )


class Compiled:
    """What the lane knows of one kind of calls, with an answer of each arm known."""

    def __init__(self, table: Table, message: Any) -> None:
        self.unkeyed, self._world = Unkeyed(), Block(WORLD.SIZE)
        asked = Decoder().decode(message.SerializeToString())
        index = {tensor.name: place for place, tensor in enumerate(message.inputs)}
        choice = Choice(1, Role.STABLE, 0, 0, "sequence", 0)
        taken: Any = SimpleNamespace(
            request=asked, choice=choice, route=table.route, inputs=SimpleNamespace(rows=message.inputs[0].shape[0]),
            servable=SimpleNamespace(input_index=index),
        )  # fmt: skip
        self.known: Known = kind_block(taken, table, self.unkeyed.address("m"))
        name = b"m"[:KEY_BYTES]
        text = ctypes.create_string_buffer(name, len(name))
        scratch = self._world.address + WORLD.SCRATCH
        key_state(self.known.block.address + KIND.KEY_STATE, ctypes.addressof(text), len(name), scratch)
        self.targets: dict[int, Choice] = {}
        for number in table.route.loaded:
            role = role_of(table.route, number)
            weight = next((arm.weight_bp for arm in table.route.arms if arm.version == number), 0)
            self._aim(Aim(number), Choice(number, role, weight, 0, "", 0))
            self._aim(Aim(number, ruled=True), Choice(number, role, ALL_BP, 0, "", 0))
        self._aim(Aim(1, diverted=True), Choice(1, Role.STABLE, 0, 0, "", 0))

    def _aim(self, aim: Aim, choice: Choice) -> None:
        block: Any = Block(TARGET.SIZE)
        self.targets[block.address] = choice
        self.known.aim(aim, Target(block, None, 0, 0))  # type: ignore[arg-type]

    def choose(self, message: Any, call: Sent) -> Choice | None:
        """None: it is left to Python."""
        key = call.metadata("x-routing-key") or message.parameters["routing_key"].string_param.encode()
        headers, contents = call.kept(), oip.ModelInferRequest(raw_input_contents=message.raw_input_contents)
        raw = contents.SerializeToString()
        buffer = ctypes.create_string_buffer(headers + key + raw)
        at, stream = ctypes.addressof(buffer), Block(STREAM.SIZE)
        stream[STREAM.BUFFER], stream[STREAM.HEADERS] = at, len(headers)
        stream[STREAM.KEY], stream[STREAM.KEY_SIZE] = len(headers), len(key)
        stream[STREAM.ROW] = begin = at + len(headers) + len(key)
        found = target_of(self._world.address, stream.address, self.known.block.address, begin + len(raw))
        if not found:
            return None
        if stream[STREAM.TAKES_TURN]:
            self.unkeyed.next("m")
        key_hash = stream[STREAM.KEY_HASH] % (1 << 64)
        return self.targets[found]._replace(
            bucket=stream[STREAM.BUCKET], rule=RULE_NAMES[stream[STREAM.RULE]], key_hash=key_hash
        )


def is_pythons(table: Table, message: Any, choice: Choice) -> bool:
    """Whether a call may be left to Python: its arm is half open, or its key is a number with a fraction, or too
    large."""
    if choice.version in table.tried:
        return True
    if choice.rule not in ("key", "breaker") or not choice.key_hash or table.key_column is None:
        return False
    if message.parameters["routing_key"].string_param:
        return False
    values = table.key_column.of_message(message)
    assert values is not None
    value = values.rows[0]
    return isinstance(value, float) and not (value.is_integer() and abs(value) < 2**63)


@settings(max_examples=3_000, deadline=None)
@given(tables(), requests(), sent)
def test_an_arm_is_chosen_as_python_chooses_it(table: Table, message: Any, fields: list[tuple[str, str]]) -> None:
    call, compiled, unkeyed = Sent(fields), Compiled(table, message), Unkeyed()
    decoded = Decoder().decode(message.SerializeToString())
    _, wanted = Serving(1, {"m": table}).choose(decoded, call, unkeyed)
    found = compiled.choose(message, call)
    if found is None:
        assert is_pythons(table, message, wanted)
    else:
        assert found == wanted
        assert compiled.unkeyed.next("m") == unkeyed.next("m")


@pytest.mark.parametrize("datatype", DATATYPES)
@given(data=st.data())
def test_numbers_stand_in_the_order_of_their_values(datatype: str, data: Any) -> None:
    numbers = Numbers(datatype)
    one, other = (data.draw(st.integers(numbers.least, numbers.most)) for _ in range(2))
    assert (numbers.value(one) < numbers.value(other)) == (one < other)
    assert numbers.number(numbers.value(one)) == one


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("compare", Compare)
def test_a_rule_takes_the_same_special_numbers_of_each_datatype(datatype: str, compare: Compare) -> None:
    """All of them, against each value a rule may have."""
    for text in NUMBERS:
        rule = RouteRule(name="r", version=2, feature="x", compare=compare, values=(text,))
        table = Table.build(Route(model="m", arms=(Arm(version=1, role=Role.STABLE),), warm=(2,), rules=(rule,)))
        message = oip.ModelInferRequest(model_name="m")
        message.inputs.add(name="x", datatype=datatype, shape=[1, 1])
        message.raw_input_contents.append(bytes(NUMPY_OF[datatype].itemsize))
        compiled, call = Compiled(table, message), Sent([])
        for value in SPECIAL[datatype]:
            message.raw_input_contents[0] = np.array(value, NUMPY_OF[datatype]).tobytes()
            choice = table.explain(request=message)
            found = compiled.choose(message, call)
            assert found is not None
            assert (found.rule == "rule") == (choice is not None), (text, value)


@pytest.mark.parametrize("datatype", DATATYPES)
def test_a_key_of_a_column_is_written_as_python_writes_it(datatype: str) -> None:
    table = Table.build(
        Route(model="m", arms=(Arm(version=1, role=Role.STABLE),), routing_key_column="x", revision=1)
    )  # fmt: skip
    message = oip.ModelInferRequest(model_name="m")
    message.inputs.add(name="x", datatype=datatype, shape=[1, 1])
    message.raw_input_contents.append(bytes(NUMPY_OF[datatype].itemsize))
    compiled, call = Compiled(table, message), Sent([])
    finite = [value for value in SPECIAL[datatype] if np.isfinite(value) and value == int(value)]
    whole = [value for value in finite if NUMPY_OF[datatype].kind != "f" or abs(int(value)) < 2**63]
    assert len(whole) > 1
    for value in SPECIAL[datatype]:
        message.raw_input_contents[0] = np.array(value, NUMPY_OF[datatype]).tobytes()
        values = Column.named("x").of_message(message)
        assert values is not None
        found, key = compiled.choose(message, call), values.key()
        if key:
            assert found == table.by_key(key) if value in whole else found is None, value
        else:
            assert found is not None
            assert found.rule == "sequence"
