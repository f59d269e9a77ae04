"""The registry as a process: how it starts, what it says when it cannot, and how it ends."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from gnomon import wire
from gnomon.client import RegistryClient
from gnomon.domain import Arm, Role, RolloutState, Route, Stage
from gnomon.drift import DriftPolicy
from gnomon.evidence import DriftTick, StatsReport
from gnomon.rollout import Policy, Step
from gnomon.stats import Profile, Sketch
from tests.servers import free_port
from tests.waiting import until

Process = subprocess.Popen[str]
Start = Callable[..., Process]
PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Process] = []

    def begin(*arguments: str, **environment: str) -> Process:
        command = [sys.executable, "-m", "registry", *arguments]
        started.append(subprocess.Popen(command, env=os.environ | environment, **PIPES))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate(timeout=10)


def endpoint(folder: Path, process: Process) -> str:
    """What the process wrote once it listened."""
    file = folder / "registry.endpoint"
    for _ in range(1_000):
        if file.exists():
            return file.read_text()
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError("no endpoint file")


def end(process: Process) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    return process.returncode, errors


def test_it_serves_until_sigterm_and_then_again_what_it_served_before(start: Start, tmp_path: Path) -> None:
    process = start("--dir", str(tmp_path), "--port", "0")
    policy = Policy(steps=(Step(role=Role.SHADOW, weight_bp=10_000, min_calls=5),), max_error_share=0.1)
    with RegistryClient(endpoint(tmp_path, process)) as client:
        digest = client.put_artifact(b"model")
        for number in (1, 2):
            client.register_version("m", artifact_sha256=digest, version=number)
            client.approve_version("m", number, "ann")
        client.set_stage("m", 1, Stage.PRODUCTION, "bob")
        client.start_rollout("m", 2, policy, "ann")
        before = (client.list_models(), client.list_versions("m"), client.get_route("m"))
    assert end(process)[0] == 0
    assert not (tmp_path / "registry.endpoint").exists()
    process = start("--dir", str(tmp_path), "--port", "0")
    with RegistryClient(endpoint(tmp_path, process)) as client:
        assert (client.list_models(), client.list_versions("m"), client.get_route("m")) == before
        assert client.get_artifact(digest) == b"model"
        assert client.get_rollout("m").state is RolloutState.RUNNING
    code, errors = end(process)
    assert (code, "Traceback" in errors) == (0, False)


def test_health_and_reflection_answer(start: Start, tmp_path: Path) -> None:
    process = start("--dir", str(tmp_path), "--port", "0")
    with grpc.insecure_channel(endpoint(tmp_path, process)) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "gnomon.registry.v1.Registry"):
            reply = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            assert reply.status == health_pb2.HealthCheckResponse.SERVING
        assert "gnomon.registry.v1.Registry" in ProtoReflectionDescriptorDatabase(channel).get_services()


def test_a_watcher_does_not_keep_it_from_stopping(start: Start, tmp_path: Path) -> None:
    process = start("--dir", str(tmp_path), "--port", "0")
    with grpc.insecure_channel(endpoint(tmp_path, process)) as channel:
        statuses = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(statuses).status == health_pb2.HealthCheckResponse.SERVING
        assert end(process)[0] == 0
        assert next(statuses).status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_port_in_use_is_one_clear_line(start: Start, tmp_path: Path) -> None:
    first = start("--dir", str(tmp_path / "one"), "--port", "0")
    port = endpoint(tmp_path / "one", first).rpartition(":")[2]
    second = start("--dir", str(tmp_path / "two"), "--port", port)
    _, errors = second.communicate(timeout=10)
    assert second.returncode == 1
    assert f"registry: port {port} of 127.0.0.1 cannot be bound" in errors
    assert "Traceback" not in errors


def test_a_folder_in_use_is_one_clear_line(start: Start, tmp_path: Path) -> None:
    endpoint(tmp_path, start("--dir", str(tmp_path), "--port", "0"))
    second = start("--dir", str(tmp_path), "--port", "0")
    _, errors = second.communicate(timeout=10)
    assert second.returncode == 1
    assert errors.splitlines() == [f"registry: folder {tmp_path}: another registry is running on it"]


def test_a_damaged_database_is_one_clear_line(start: Start, tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_bytes(b"this is no database, and long enough to be taken for one" * 100)
    process = start("--dir", str(tmp_path), "--port", "0")
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "file is not a database" in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_a_bad_option_ends_with_64_before_anything_is_made(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "never"
    process = start("--dir", str(folder), GNOMON_REGISTRY_PORT="eighty")
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 64
    assert errors.splitlines() == ["registry: port 'eighty': a whole number expected"]
    assert not folder.exists()


def test_the_operators_route_survives_being_killed(start: Start, tmp_path: Path) -> None:
    process = start("--dir", str(tmp_path), "--port", "0")
    with RegistryClient(endpoint(tmp_path, process)) as client:
        client.register_version("m", artifact_sha256=client.put_artifact(b"model"))
        route = client.set_route(Route(model="m", arms=(Arm(version=1, role=Role.STABLE),), actor="bob"))
    process.kill()
    process.communicate(timeout=10)
    (tmp_path / "registry.endpoint").unlink()
    with RegistryClient(endpoint(tmp_path, start("--dir", str(tmp_path), "--port", "0"))) as client:
        assert client.get_route("m") == route


def test_a_window_of_drift_survives_being_killed_and_nothing_is_counted_twice(start: Start, tmp_path: Path) -> None:
    """Ten minutes of a gateway's sub-windows, told to one process; the newest three again, as ever, to the next."""
    values = np.random.default_rng(3).normal(size=(4_000, 1)).astype(np.float32)
    profile, options = Profile.fit(values, names=["x"]), ("--port", "0", "--drift-interval-s", "0.1")
    newest = int(time.time() // 5) - 1
    ticks = [tick(profile, values[50 * number :][:50], newest - number) for number in range(60)]
    process = start("--dir", str(tmp_path), *options)
    with RegistryClient(endpoint(tmp_path, process)) as client:
        digest = client.put_artifact(profile.to_bytes())
        client.register_version("m", artifact_sha256=client.put_artifact(b"model"), profile_sha256=digest)
        client.set_route(Route(model="m", arms=(Arm(version=1, role=Role.STABLE),), actor="bob"))
        client.set_drift_policy(DriftPolicy(model="m", window_s=300, actor="bob"))
        told(client, ticks)
        until(lambda: kept_rows(tmp_path) == 60 * 50)
        before = history(client)
    process.kill()
    process.communicate(timeout=10)
    (tmp_path / "registry.endpoint").unlink()
    with RegistryClient(endpoint(tmp_path, start("--dir", str(tmp_path), *options))) as client:
        told(client, ticks[:3])
        until(lambda: len(history(client)) > 3)
        after = history(client)
    assert sum(before.values()) == 60 * 50
    assert {start: rows for start, rows in after.items() if start in before and rows != before[start]} == {}
    assert len(after.keys() & before.keys()) >= 55


def tick(profile: Profile, values: Any, number: int) -> DriftTick:
    sketch = Sketch(profile)
    sketch.update(values)
    counts = sketch.snapshot().astype("<i8").tobytes()
    return DriftTick(model="m", version=1, tick=number, tick_s=5.0, rows=len(values), counts=counts)


def told(client: RegistryClient, ticks: list[DriftTick]) -> None:
    report = StatsReport(gateway_id="g1", ticks=tuple(ticks), told_through_unix_ms=int(time.time() * 1000))
    client._call(client._stub.ReportStats, wire.message_of(report))


def history(client: RegistryClient) -> dict[int, int]:
    """Rows by the start of the sub-window: of the rings, which reach further back than what was told."""
    drift = client.get_drift("m", points=62)
    return {point.from_unix_ms: point.rows for point in drift.monitors[0].history if point.rows}


def kept_rows(folder: Path) -> int:
    with sqlite3.connect(folder / "registry.db") as file:
        return int(file.execute("select coalesce(sum(rows), 0) from drift_counts where what = 'rows'").fetchone()[0])


def test_metrics_are_served_where_a_port_was_given(start: Start, tmp_path: Path) -> None:
    port = free_port()
    process = start("--dir", str(tmp_path), "--port", "0", "--metrics-port", str(port))
    endpoint(tmp_path, process)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
        assert "\ngnomon_registry_revision 0\n" in reply.read().decode()
    taken = start("--dir", str(tmp_path / "other"), "--port", "0", "--metrics-port", str(port))
    assert taken.wait(timeout=10) == 1
    assert f"metrics_port: cannot listen on 127.0.0.1:{port}: " in taken.communicate()[1]
    assert end(process)[0] == 0
