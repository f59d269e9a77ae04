"""`gnomon up` and the commands beside it: from a file somebody has to an answer, and on through restarts."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.native.library import cache_folder
from gnomon.cli.embedded import Embedded
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Arm, Role, Route
from gnomon.errors import Unavailable
from gnomon.oip import GRPCInferenceServiceStub
from tests import models
from tests.calling import Caller, request
from tests.e2e.conftest import GNOMON, Start, Up
from tests.servers import S3_ENVIRONMENT, make_bucket, nats_server, nats_url, s3_server, started
from tests.streams import stored
from tests.waiting import serves, until


def push(up: Up, name: str, artifact: bytes) -> None:
    file = up.folder / "pushed.onnx"
    file.write_bytes(artifact)
    up.cli("model", "push", name, str(file))


def infer(up: Up, model: str, version: str = "") -> tuple[str, int]:
    """(prediction id, version that answered)."""
    with grpc.insecure_channel(up.gateway) as channel:
        stub = GRPCInferenceServiceStub(channel)
        reply = stub.ModelInfer(request(model, version=version), timeout=10)  # type: ignore[attr-defined]
    return reply.parameters["prediction_id"].string_param, int(reply.model_version)


def serve(up: Up, name: str, version: int) -> None:
    up.cli("route", "set", name, "--stable", str(version))
    with GatewayClient(up.gateway) as gateway:
        until(lambda: serves(gateway, name, version))


def test_a_file_is_served_in_two_commands_and_again_after_a_restart(start: Start) -> None:
    up = start()
    push(up, "thing", models.scaled(2.0))
    serve(up, "thing", 1)
    first, _ = infer(up, "thing")
    assert up.stop() == 0
    again = start()
    assert infer(again, "thing")[1] == 1
    traced = again.json("trace", first, "--rescore")
    assert traced["rescore"]["equal"]
    assert traced["why"]["version"] == "1"
    assert again.json("journal", "status")["books"]["journaled"] == "2"


def test_a_prediction_is_traced_by_the_id_of_its_caller_and_scored_again_from_the_exports(start: Start) -> None:
    up = start()
    push(up, "thing", models.scaled(2.0))
    serve(up, "thing", 1)
    with grpc.insecure_channel(up.gateway) as channel:
        call = request("thing")
        call.id = "order 17"
        stub: Any = GRPCInferenceServiceStub(channel)
        identity = stub.ModelInfer(call, timeout=10).parameters["prediction_id"].string_param
    assert up.json("trace", "--request-id", "order 17")["prediction_id"] == identity
    assert up.stop() == 0
    for path in (up.folder / "gateway" / "journal").rglob("*.segment"):
        path.unlink()
    again = start()
    for arguments in ((identity,), ("--request-id", "order 17")):
        traced = again.json("trace", *arguments, "--rescore")
        assert (traced["source"], traced["prediction_id"]) == ("parquet", identity)
        assert traced["rescore"]["equal"]
    assert again.run("trace").returncode == 2
    assert again.run("trace", identity, "--request-id", "order 17").returncode == 2


def test_every_command_that_reads_takes_json(start: Start) -> None:
    up = start()
    push(up, "thing", models.scaled(2.0))
    push(up, "thing", models.scaled(3.0))
    serve(up, "thing", 1)
    identity, _ = infer(up, "thing")
    assert [model["name"] for model in up.json("model", "list")] == ["thing"]
    assert [version["version"] for version in up.json("model", "show", "thing")] == [1, 2]
    assert up.json("route", "show", "thing")["arms"][0]["role"] == "stable"
    assert up.json("route", "explain", "thing", "--key", "some-key")["version"] == "1"
    assert up.json("rollout", "list", "thing") == []
    assert up.json("trace", identity)["prediction_id"] == identity
    assert up.json("journal", "status")["books"]["answered"] == "1"
    until(
        lambda: (
            {one["cursor"] for one in up.json("journal", "status")["consumers"] if one["name"] == "observer"} >= {"1"}
        )
    )
    assert "bytes behind" in up.cli("journal", "status")
    assert up.json("journal", "verify", "--dir", str(up.folder))["ok"]
    up.cli("model", "approve", "thing", "2", "--actor", "somebody", "--note", "looked at it")
    assert up.json("model", "stage", "thing", "2", "production")[0]["stage"] == "production"
    assert up.json("model", "show", "thing")[1]["approval"]["approver"] == "somebody"


def test_a_log_policy_is_shown_set_read_from_a_file_and_followed(start: Start) -> None:
    up = start()
    push(up, "thing", models.scaled(2.0))
    serve(up, "thing", 1)
    assert up.json("model", "log-policy", "thing")["sample_bp"] == 10_000
    file = up.folder / "policy.toml"
    file.write_text('mask = ["x[1]"]\nothers = "keep"\nretention_days = 30\n')
    flags = ("--file", str(file), "--sample", "0.5", "--drop", "request_id", "--reason", "the auditor")
    policy = up.json("model", "log-policy", "thing", *flags)
    assert policy["rules"] == [
        {"column": "request_id", "treatment": "drop"},
        {"column": "x[1]", "treatment": "mask"},
    ]
    assert (policy["sample_bp"], policy["retention_s"], policy["otherwise"]) == (5_000, 30 * 86_400, "keep")
    assert up.json("model", "log-policy", "thing") == policy
    assert "x[1]" in up.cli("model", "log-policy", "thing")
    snapshot = up.folder / "gateway" / "snapshot.pb"
    until(lambda: b"the auditor" in snapshot.read_bytes())


def test_predictions_go_to_a_store_and_a_stream_where_they_are_set(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, store = nats_server(tmp_path), s3_server(tmp_path)
    settings = {"EXPORT_URL": "s3://exports/all", "NATS_URL": nats_url(broker)}
    environment = {f"GNOMON_GATEWAY_{name}": value for name, value in settings.items()} | S3_ENVIRONMENT
    for name, value in (environment | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{store.port}"}).items():
        monkeypatch.setenv(name, value)
    with started(broker, store):
        make_bucket(store, "exports")
        up = start()
        push(up, "thing", models.scaled(2.0))
        serve(up, "thing", 1)
        identities = {infer(up, "thing")[0] for _ in range(20)}
        assert up.stop() == 0  # sealed and drained on the way down
        asked = subprocess.run(
            [*GNOMON, "log", "query", "--from", "s3://exports/all", "--json", "--sql", "from thing"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        streamed = [row["prediction_id"] for _, _, table in stored(broker) for row in table.to_pylist()]
    assert {row["prediction_id"] for row in json.loads(asked.stdout)} == identities
    assert sorted(streamed) == sorted(identities)


def cursors(up: Up) -> dict[str, str]:
    consumers = up.json("journal", "status")["consumers"]
    return {one["name"]: one["cursor"] for one in consumers if one["journal"] == "w00"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("model", "show", "nobody"), "nobody"),
        (("route", "set", "thing", "--stable", "9"), "9"),
        (("route", "set", "thing", "--stable", "1", "--canary", "1"), "twice"),
        (("model", "stage", "thing", "1", "production"), "approval"),
        (("trace", "not-an-id"), "not-an-id"),
        (("trace", "01a206f5-1793-7000-bcf4-b80000000000"), "01a206f5"),
        (("drift", "show", "nobody"), "nobody"),
        (("drift", "show", "thing", "--png", "thing.png"), "name the --feature"),
        (("drift", "policy", "thing", "--psi", "-1"), "psi_tolerance -1"),
        (("model", "log-policy", "nobody"), "nobody"),
        (("model", "log-policy", "thing", "--others", "hide"), "hide"),
        (("model", "log-policy", "thing", "--sample", "1.5"), "15000"),
        (("model", "log-policy", "thing", "--mask", "a", "--drop", "a"), "more than one rule for a"),
        (("model", "log-policy", "thing", "--file", "/dev/null", "--sample", "-1"), "-10000"),
    ],
)
def test_a_command_that_cannot_be_done_says_why_in_a_line(shared: Up, arguments: tuple[str, ...], said: str) -> None:
    done = shared.run(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> object:
    up = Up(tmp_path_factory.mktemp("shared"))
    push(up, "thing", models.scaled(2.0))
    yield up
    up.stop()
    assert up.process.stdout is not None
    up.process.stdout.close()


def test_a_registry_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [*GNOMON, "model", "list", "--registry", "127.0.0.1:1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")


def test_metrics_count_calls_by_model_version_and_arm(start: Start) -> None:
    up = start()
    push(up, "thing", models.scaled(2.0))
    serve(up, "thing", 1)
    for _ in range(5):
        infer(up, "thing")

    def counted() -> bool:
        text = urllib.request.urlopen(f"http://{up.http}/metrics", timeout=5).read().decode()
        lines = [line for line in text.splitlines() if line.startswith("gnomon_calls_total{")]
        wanted = ('model="thing"', 'version="1"', 'arm="stable"', 'status="answered"')
        return any(all(part in line for part in wanted) and line.endswith(" 5") for line in lines)

    until(counted)
    assert urllib.request.urlopen(f"http://{up.http}/healthz", timeout=5).status == 200


def test_a_port_in_use_is_said_so_and_nothing_is_left_running(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        flags = ["--grpc-port", port, "--registry-port", "0", "--http-port", "0"]
        done = subprocess.run(
            [*GNOMON, "up", "--dir", str(tmp_path / "d"), *flags],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert port in done.stdout


def test_a_file_in_the_place_of_the_folder_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = subprocess.run([*GNOMON, "up", "--dir", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert str(file) in done.stdout.replace("\n", "")
    assert "Traceback" not in done.stdout + done.stderr


def test_a_folder_in_use_is_refused(start: Start) -> None:
    up = start()
    command = [*GNOMON, "up", "--dir", str(up.folder), "--grpc-port", "0", "--registry-port", "0", "--http-port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert infer_nothing(up)


def infer_nothing(up: Up) -> bool:
    """The first one still answers."""
    with RegistryClient(up.registry) as registry:
        return registry.list_models() == []


def test_a_worker_killed_under_load_comes_back_and_nothing_answered_is_lost(start: Start) -> None:
    up = start("--workers", "2")
    push(up, "thing", models.scaled(2.0))
    serve(up, "thing", 1)
    with up.clients() as (_, gateway), Caller(up.gateway, "thing") as caller:
        until(lambda: len(caller.answered) > 50)
        for round_ in range(3):
            answered = len(caller.answered)
            victim = next(worker for worker in patient_status(gateway).workers if worker.ready and worker.pid)
            os.kill(victim.pid, signal.SIGKILL)
            until(lambda before=answered: len(caller.answered) > before + 50)
            until(lambda wanted=round_ + 1: restarts(gateway) == wanted)
            until(lambda: all(worker.ready for worker in patient_status(gateway).workers))
    assert set(caller.errors) <= {grpc.StatusCode.UNAVAILABLE}
    with GatewayClient(up.gateway) as gateway:
        for identity in caller.answered[::7]:
            assert gateway.trace(identity).status == "answered"


def test_a_worker_told_to_go_under_load_fails_no_call(start: Start) -> None:
    up = start("--workers", "2")
    push(up, "thing", models.scaled(2.0))
    serve(up, "thing", 1)
    with GatewayClient(up.gateway) as gateway, contextlib.ExitStack() as callers:
        calling = [callers.enter_context(Caller(up.gateway, "thing", patient=True)) for _ in range(4)]
        for round_ in range(4):
            until(lambda wanted=100 * (round_ + 1): all(len(caller.answered) > wanted for caller in calling))
            victim = next(worker for worker in patient_status(gateway).workers if worker.ready and worker.pid)
            os.kill(victim.pid, signal.SIGTERM)
            until(lambda wanted=round_ + 1: restarts(gateway) == wanted)
            until(lambda: all(worker.ready for worker in patient_status(gateway).workers))
    assert [caller.errors for caller in calling] == [[], [], [], []]


def patient_status(gateway: GatewayClient) -> Any:
    """The status, asked again where the worker that was asked was the one killed."""

    def ask() -> Any:
        try:
            return gateway.status()
        except Unavailable:
            return None

    return until(ask)


def restarts(gateway: GatewayClient) -> int:
    return sum(worker.restarts for worker in patient_status(gateway).workers)


def test_consumers_killed_again_and_again_lose_and_double_nothing(start: Start) -> None:
    up = start()
    push(up, "thing", models.scaled(1.0))
    push(up, "thing", models.scaled(1.01))
    push(up, "thing", models.scaled(1.0))
    up.cli("route", "set", "thing", "--stable", "1", "--shadow", "2", "--shadow", "3", "--slice", "x[0]")
    with up.clients() as (_, gateway):
        until(lambda: serves(gateway, "thing", 1))
        with Caller(up.gateway, "thing") as caller:
            for round_ in range(6):
                until(lambda wanted=60 * (round_ + 1): len(caller.answered) > wanted)
                for role in ("observer", "shadow", "shipper"):
                    kill_child(up.folder, role)
        assert not caller.errors
        answered = len(caller.answered)

        def settled() -> bool:
            status = gateway.status()
            shadow = status.shadow
            ended = shadow.run + shadow.shed + shadow.expired + shadow.failed
            reads = {item.name: item.read for item in status.consumers if item.journal == "w00"}
            offered = shadow.offered == ended == status.books.shadow_offered == 2 * answered
            return offered and reads.get("observer") == answered

        until(settled)

        def told() -> bool:
            found = up.json("shadow", "show", "thing", "--max-share", "0.05")
            pairs = {each["version"]: each["pairs"] for each in found["comparisons"] if not each["slice"]}
            ends = {each["version"]: each["run"] + each["failed"] for each in found["books"]}
            return ends == {2: answered, 3: answered} and pairs == {
                each["version"]: each["run"] for each in found["books"]
            }

        until(told)
        found = up.json("shadow", "show", "thing", "--max-share", "0.05")["comparisons"]
        assert {each["version"] for each in found if each["equal"] == each["pairs"]} == {3}
        assert {each["slice"] for each in found} == {"", "x[0]"}
        assert up.json("shadow", "disagreements", "thing", "--version", "3") == []
        assert "version 3" in up.cli("shadow", "show", "thing")
    assert up.stop() == 0
    assert parquet_rows(up.folder) == answered


def kill_child(folder: Path, role: str) -> None:
    """SIGKILL to the consumer of that role of the gateway in `folder`, where it runs just now."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = (entry / "cmdline").read_bytes().decode().split("\0")
            if role in words and any(word.startswith(str(folder)) for word in words):
                os.kill(int(entry.name), signal.SIGKILL)


def parquet_rows(folder: Path) -> int:
    import pyarrow.parquet

    files = (folder / "gateway" / "parquet" / "predictions").rglob("*.parquet")
    identities = [
        value
        for file in files
        for value in pyarrow.parquet.read_table(file, columns=["prediction_id"], partitioning=None)[0].to_pylist()
    ]
    assert len(set(identities)) == len(identities)
    return len(identities)


def test_a_version_that_cannot_be_loaded_leaves_the_route_as_it_was(start: Start) -> None:
    up = start()
    push(up, "thing", models.scaled(2.0))
    serve(up, "thing", 1)
    push(up, "thing", b"this is no model")
    up.cli("route", "set", "thing", "--stable", "2")
    with GatewayClient(up.gateway) as gateway:
        failure = until(lambda: list(gateway.status().failures))[0]
    assert (failure.model, failure.version) == ("thing", 2)
    assert "not a model" in failure.reason
    assert infer(up, "thing")[1] == 1


def test_the_gateway_serves_on_without_the_registry_and_boots_without_it(tmp_path: Path) -> None:
    with Embedded(tmp_path) as pair:
        with RegistryClient(pair.registry) as registry, GatewayClient(pair.gateway) as gateway:
            registry.register_version("thing", artifact_sha256=registry.put_artifact(models.scaled(2.0)))
            registry.set_route(Route(model="thing", arms=(Arm(version=1, role=Role.STABLE),), actor="test"))
            until(lambda: serves(gateway, "thing", 1))
        os.kill(pair.processes["registry"], signal.SIGKILL)
        with Caller(pair.gateway, "thing") as caller:
            until(lambda: len(caller.answered) > 20)
        assert not caller.errors
    alone = subprocess.Popen(
        [GNOMON[0], "-m", "gateway", "--dir", str(tmp_path / "gateway"), "--grpc-port", "0", "--http-port", "0",
         "--registry", "127.0.0.1:1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        endpoints = tmp_path / "gateway" / "run" / "endpoints.json"
        until(endpoints.exists)
        with Caller(json.loads(endpoints.read_text())["grpc"], "thing") as caller:
            until(lambda: len(caller.answered) > 20)
        assert not caller.errors
    finally:
        alone.send_signal(signal.SIGTERM)
        assert alone.wait(30) == 0


def test_no_process_writes_to_the_home_of_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime keeps an event database there unless told not to before it is imported."""
    home, compiled = tmp_path / "home", cache_folder()
    home.mkdir()
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("GNOMON_CACHE_DIR", str(compiled))  # what is compiled once a machine is not written anew
    up = Up(tmp_path / "data")
    try:
        push(up, "thing", models.scaled(2.0))
        serve(up, "thing", 1)
        identity, _ = infer(up, "thing")
        up.cli("trace", identity, "--rescore")
    finally:
        up.stop()
        assert up.process.stdout is not None
        up.process.stdout.close()
    assert list(home.rglob("*")) == []
