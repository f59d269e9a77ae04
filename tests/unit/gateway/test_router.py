"""A call as a worker holds it answers a route's questions as the same call does that somebody describes."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.fastcodec.request import Decoder
from gateway.router import AskedCall
from gateway.serving import Serving
from gateway.unkeyed import Unkeyed
from gnomon import oip
from gnomon.asked import Described
from gnomon.columns import Column
from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Version
from gnomon.rules import Compare, RouteRule

RULES = (
    RouteRule(name="gold", version=2, header="x-tenant", values=("acme",)),
    RouteRule(name="big", version=3, feature="x[1]", compare=Compare.GT, values=("1",)),
)
ARMS = (Arm(version=1, role=Role.STABLE, weight_bp=6_000), Arm(version=2, role=Role.CANARY, weight_bp=4_000))
ROUTE = Route(model="m", arms=ARMS, warm=(3,), rules=RULES, routing_key_column="x[0]", revision=1)
SERVING = Serving.of(
    DesiredState(
        revision=1,
        models=(
            ModelState(
                route=ROUTE,
                versions=tuple(Version(model="m", version=number, artifact_sha256="0" * 64) for number in (1, 2, 3)),
            ),
        ),
    )
)


class Metadata:
    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def metadata(self, name: str) -> bytes | None:
        value = self._headers.get(name)
        return None if value is None else value.encode()


def request(rows: int, numbers: list[float], key: str, version: str, raw: bool) -> Any:
    message = oip.ModelInferRequest(model_name="m", model_version=version)
    array = np.resize(np.array(numbers, "<f4"), (rows, 2))
    tensor = message.inputs.add(name="x", datatype="FP32", shape=[rows, 2])
    if raw:
        message.raw_input_contents.append(array.tobytes())
    else:
        tensor.contents.fp32_contents.extend(array.ravel().tolist())
    if key:
        message.parameters["routing_key"].string_param = key
    return message


requests = st.builds(
    request, st.integers(1, 3), st.lists(st.floats(-2, 3, width=32), min_size=1, max_size=6),
    st.sampled_from(["", "k", "schlüssel"]), st.sampled_from(["", "", "", "2", "3"]), st.booleans(),
)  # fmt: skip
sent_tenants, sent_keys = st.sampled_from(["acme", "globex", ""]), st.sampled_from(["", "h", "42"])
headers = st.fixed_dictionaries({}, optional={"x-tenant": sent_tenants, "x-routing-key": sent_keys})


@given(requests, headers)
def test_a_worker_chooses_as_explain_says(message: Any, sent: dict[str, str]) -> None:
    call, decoded = Metadata(sent), Decoder().decode(message.SerializeToString())
    assert (decoded.raws is None) is bool(message.inputs[0].HasField("contents"))
    route, choice = SERVING.choose(decoded, call, Unkeyed())
    explained = SERVING.tables["m"].explain(headers=sent, request=message)
    assert choice == (explained or SERVING.tables["m"].by_sequence(1))
    assert route is ROUTE
    for column in (Column.named("x[1]"), Column.named("input.x[0]"), Column.named("y")):
        assert AskedCall(call, decoded).column(column) == Described(sent, message).column(column)


def test_a_call_by_rule_or_by_key_takes_nobodys_turn() -> None:
    unkeyed, quiet = Unkeyed(), Metadata({})
    ruled = Decoder().decode(request(1, [0, 2], "", "", True).SerializeToString())
    keyed = Decoder().decode(request(1, [7, 0], "", "", True).SerializeToString())
    turns = Decoder().decode(request(1, [float("nan"), 0], "", "", True).SerializeToString())
    chosen = [SERVING.choose(each, quiet, unkeyed)[1].rule for each in (ruled, keyed, turns, ruled, turns)]
    assert chosen == ["rule", "key", "sequence", "rule", "sequence"]
    assert unkeyed.next("m") == 3
