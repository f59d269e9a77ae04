"""Arguments of the load generator."""

from typing import Any

import pytest

from bench.load import EXIT_USAGE, main
from bench.plan import Plan, PlanInvalid, parse
from bench.target import Target, by_address


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"rows": 0}, "rows = 0: at least 1"),
        ({"connections": 0}, "connections = 0"),
        ({"in_flight": -1}, "in_flight = -1"),
        ({"seconds": 0.0}, "seconds = 0.0: more than 0"),
        ({"seconds": 4_000.0}, "at most 3600"),
        ({"rate": -1.0}, "rate = -1.0: 0 or more"),
        ({"arrivals": "weekly"}, "one of constant, poisson, bursts"),
        ({"target": "8500"}, "target = '8500': HOST:PORT"),
        ({"target": "localhost:http"}, "HOST:PORT"),
        ({"target": "localhost:70000"}, "HOST:PORT"),
        ({"rate": 1e6, "seconds": 60.0}, "at most 5000000 expected"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_what_would_be_right(
    setting: dict[str, Any], expected: str
) -> None:
    with pytest.raises(PlanInvalid) as caught:
        Plan(**setting)
    assert expected in str(caught.value)


def test_the_command_line_of_a_plan_is_the_plan() -> None:
    plan = Plan(target="[::1]:9", rows=8, rate=12.5, arrivals="bursts", server_pid=(7, 8), core=1)
    assert parse(plan.flags()) == plan
    assert plan.address == ("::1", 9)
    assert parse([]) == Plan()


def test_a_bad_argument_ends_the_generator_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rows", "0"]) == EXIT_USAGE
    assert capsys.readouterr().err == "bench.load: rows = 0: at least 1 expected\n"


def test_a_peer_is_given_by_name_and_address() -> None:
    assert by_address("triton=10.0.0.2:8001") == Target(name="triton", address="10.0.0.2:8001")


@pytest.mark.parametrize("text", ["triton", "=h:1", "triton=host", "triton=:1", "triton=h:x"])
def test_a_peer_without_name_or_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NAME=HOST:PORT expected"):
        by_address(text)
