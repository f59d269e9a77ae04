"""The generator over real sockets: against an echo, a server that refuses, and one that goes away."""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest

from bench.load import EXIT_UNREACHABLE, main, run
from bench.peers import child
from bench.plan import Plan
from bench.target import Target
from gnomon import oip


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    log = tmp_path_factory.mktemp("echo") / "echo.log"
    with child.echo("ngh2_echo", 1, log, os.sched_getaffinity(0)) as target:
        yield target


@pytest.fixture
def refusing() -> Iterator[str]:
    """A grpcio server that answers UNAVAILABLE."""

    def infer(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode.UNAVAILABLE, "too many calls in flight")
        raise AssertionError

    server = grpc.server(futures.ThreadPoolExecutor(2))
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(infer)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(oip.SERVICE, {"ModelInfer": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def plan_for(address: str, **settings: object) -> Plan:
    return Plan(target=address, **({"seconds": 0.3, "warm_up_s": 0.0, "grace_s": 2.0} | settings))  # type: ignore[arg-type]


def test_a_closed_loop_counts_every_call_and_the_price_of_it(echo: Target) -> None:
    found = run(plan_for(echo.address, connections=3, in_flight=5, server_pid=echo.pids))
    assert found["ok"] == found["calls"] > 15
    assert found["statuses"] == {"OK": found["calls"]}
    assert found["latency_us"]["p50"] <= found["latency_us"]["p99"] <= found["latency_us"]["max"]
    assert found["server_cpu_us_per_call"] > 0
    assert found["client_cpu_us_per_call"] > 0


def test_an_open_loop_sends_what_the_schedule_says(echo: Target) -> None:
    found = run(plan_for(echo.address, rate=500.0, arrivals="constant"))
    assert found["statuses"] == {"OK": 150}
    assert found["late_us"]["p50"] >= 0


def test_large_requests_pass_the_window_of_the_server(echo: Target) -> None:
    found = run(plan_for(echo.address, rows=1_000, in_flight=8, seconds=0.2))
    assert found["ok"] == found["calls"] - found["statuses"]["WRONG_ANSWER"]


def test_the_first_answer_of_each_connection_is_looked_into(echo: Target) -> None:
    found = run(plan_for(echo.address, rows=2, connections=3))
    assert found["statuses"]["WRONG_ANSWER"] == 3  # the echo always answers one row


def test_refused_calls_are_counted_by_status(refusing: str) -> None:
    found = run(plan_for(refusing, connections=1, in_flight=2, most_calls=20))
    assert found["statuses"] == {"UNAVAILABLE": 20}
    assert found["latency_us"] == {}
    assert found["calls_per_s"] == 0


@pytest.fixture
def cutting() -> Iterator[str]:
    """A server that accepts, reads a little, and closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def cut() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1 << 16)

    thread = threading.Thread(target=cut, name="cutting")
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_a_connection_that_goes_away_loses_its_calls_and_is_replaced(cutting: str) -> None:
    found = run(plan_for(cutting, connections=1, in_flight=2, most_calls=6))
    assert found["statuses"] == {"CONNECTION_LOST": 6}


def test_nobody_there_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--target", "127.0.0.1:1"]) == EXIT_UNREACHABLE
    assert capsys.readouterr().err.startswith("bench.load: 127.0.0.1:1: ")


def test_the_command_prints_one_line_of_json(echo: Target, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--target", echo.address, "--seconds", "0.1", "--warm-up-s", "0", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["failed"] == 0
