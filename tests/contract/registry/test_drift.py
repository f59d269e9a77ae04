"""Drift over the wire: policies, alarms as they come, and the webhook of a whole registry."""

import hashlib
import http.server
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from typer.testing import CliRunner

from gnomon.cli.main import app
from gnomon.client import AsyncRegistryClient, RegistryClient
from gnomon.domain import Route
from gnomon.drift import DriftEvent, DriftEventKind, DriftPolicy
from gnomon.errors import InvalidInput, ModelNotFound, Unavailable
from gnomon.evidence import DriftTick, StatsReport
from gnomon.registry.v1 import registry_pb2 as pb
from gnomon.stats import Profile, Sketch
from registry.webhook import sign
from tests.contract.registry.conftest import Running, stable

RNG = np.random.default_rng(3)
PROFILE = Profile.fit(RNG.normal(size=(4_000, 2)).astype(np.float32), names=["temperature", "wind"])


def test_a_policy_is_the_default_until_one_is_set(client: RegistryClient, hand: Any, model: str) -> None:
    hand.version()
    assert client.get_drift_policy(model) == DriftPolicy(model=model)
    wanted = DriftPolicy(model=model, false_alarms=2, psi_tolerance=0.1, window_s=600, actor="ann", reason="seasons")
    stored = client.set_drift_policy(wanted)
    assert stored.set_unix_ms > 0
    assert client.get_drift_policy(model) == stored
    assert (stored.false_alarms, stored.psi_tolerance, stored.reason) == (2, 0.1, "seasons")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"false_alarms": 0}, "false_alarms 0.0 of the drift policy: a positive number expected"),
        ({"window_s": 0.5}, "window_s 0.5 of the drift policy: 1 s to a week expected"),
        ({"design_effect": 0.1}, "design_effect 0.1 of the drift policy: 1 or more, or 0 expected"),
        ({"clear": 1.5}, "clear 1.5 of the drift policy: 0 to 1 expected"),
        ({"min_rows": 0}, "min_rows 0 of the drift policy: 1 or more expected"),
        ({"psi_tolerance": float("nan")}, "psi_tolerance nan of the drift policy: a number from 0 expected"),
        ({"actor": ""}, "actor '': a name expected"),
    ],
)
def test_a_policy_out_of_range_is_refused_by_name(
    stub: Any, hand: Any, model: str, changes: dict[str, Any], message: str
) -> None:
    hand.version()
    fields: dict[str, Any] = {
        "model": model, "false_alarms": 1, "per_s": 1, "window_s": 60, "design_effect": 1, "min_rows": 1, "actor": "ann"
    }  # fmt: skip
    with pytest.raises(grpc.RpcError) as caught:
        stub.SetDriftPolicy(pb.DriftPolicy(**fields | changes))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT  # type: ignore[attr-defined]
    assert message in caught.value.details()  # type: ignore[attr-defined]


def test_a_model_that_does_not_exist_has_no_policy_and_no_events(client: RegistryClient) -> None:
    for call in (
        lambda: client.get_drift_policy("nobody"),
        lambda: client.set_drift_policy(DriftPolicy(model="nobody", actor="ann")),
        lambda: client.list_drift_events("nobody"),
        lambda: next(client.watch_drift_events("nobody", 0)),
    ):
        with pytest.raises(ModelNotFound):
            call()
    with pytest.raises(InvalidInput, match="after_id -1: 0 or more"):
        client.list_drift_events(after_id=-1)
    with pytest.raises(InvalidInput, match="points 501: 0 to 500"):
        client.get_drift("nobody", points=501)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps the one post it gets, with its headers."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got = (body, dict(self.headers.items()))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


async def test_an_alarm_reaches_who_watches_who_asks_and_the_webhook(
    own_registry: Callable[..., Running], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("between us\n")
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    posted = threading.Thread(target=server.handle_request)
    posted.start()
    running = own_registry(
        drift_interval_s=0.05,
        drift_webhook_url=f"http://127.0.0.1:{server.server_port}/",
        drift_webhook_secret_file=secret,
    )
    with RegistryClient(running.target) as client:
        profile = client.put_artifact(PROFILE.to_bytes())
        client.register_version("m", artifact_sha256=client.put_artifact(b"onnx"), profile_sha256=profile)
        client.set_route(Route(model="m", arms=(stable(1),), actor="bob"))
        client.set_drift_policy(DriftPolicy(model="m", window_s=60, raise_after_s=0, actor="ann"))
        heard = client.watch_drift_events("m", 0)
        async with AsyncRegistryClient(running.target) as gateway:
            await gateway.report_stats(report(shift=3.0))
        event = next(heard)
        assert (event.kind, event.monitor, event.rows) == (DriftEventKind.RAISED, "temperature", 500)
        assert client.list_drift_events("m") == client.list_drift_events() == [event]
        assert client.list_drift_events("m", after_id=event.id) == []
        drift = client.get_drift("m", points=3, with_counts=True, monitors=["temperature"])
        assert [(each.name, each.since_unix_ms > 0, len(each.history)) for each in drift.monitors] == [
            ("temperature", True, 3)
        ]
        with pytest.raises(InvalidInput, match="monitor 'rain' of 'm': one of temperature, wind expected"):
            client.get_drift("m", monitors=["rain"])
        commands(running.target, tmp_path, event)
        posted.join(timeout=20)
        server.server_close()
        body, headers = server.got  # type: ignore[attr-defined]
        assert headers["X-Gnomon-Signature"] == sign(b"between us", headers["X-Gnomon-Timestamp"], body)
        assert b'"monitor": "temperature"' in body
        running.stop()
        with pytest.raises(Unavailable):
            next(heard)


def commands(target: str, folder: Path, event: DriftEvent) -> None:
    """What the command line says of the same alarm."""

    def gnomon(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["drift", *arguments, "--registry", target], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    shown = json.loads(gnomon("show", "m", "--json"))
    assert [(each["name"], each["since_unix_ms"] > 0) for each in shown["monitors"]] == [
        ("temperature", True),
        ("wind", False),
    ]
    assert sum(point["rows"] for point in shown["monitors"][0]["history"]) == 500
    assert "● temperature: PSI" in gnomon("show", "m")
    png, page = folder / "temperature.png", folder / "report.html"
    gnomon("show", "m", "--feature", "temperature", "--png", str(png))
    gnomon("show", "m", "--report", str(page))
    assert png.read_bytes().startswith(b"\x89PNG")
    assert page.read_text().count("<article>") == 2
    assert json.loads(gnomon("events", "m", "--json"))["id"] == event.id
    assert gnomon("events", "--after", str(event.id)) == ""
    assert json.loads(gnomon("policy", "m", "--psi", "0.5", "--actor", "bob", "--json"))["psi_tolerance"] == 0.5
    assert "0.5" in gnomon("policy", "m")


def report(shift: float) -> StatsReport:
    """Five hundred rows of the last half minute, from a gateway that has told everything."""
    now_s = time.time()
    ticks = []
    for back in range(1, 6):
        sketch = Sketch(PROFILE)
        sketch.update((RNG.normal(size=(100, 2)) + np.array([shift, 0])).astype(np.float32))
        counts = np.asarray(sketch.counts, "<i8").tobytes()
        ticks.append(DriftTick(model="m", version=1, tick=int(now_s // 5) - back, tick_s=5.0, rows=100, counts=counts))
    return StatsReport(gateway_id="g1", ticks=tuple(ticks), told_through_unix_ms=int(now_s * 1000))


def test_the_first_profile_that_is_told_stays(client: RegistryClient, hand: Any, model: str, stub: Any) -> None:
    client.register_version(model, artifact_sha256=client.put_artifact(b"model"))
    client.set_route(Route(model=model, arms=(stable(1),), actor="ann"))
    before = client.get_route(model).revision
    first, second = (
        Profile.fit(RNG.normal(size=100), names=["x"], data_sha256=digest).to_bytes() for digest in ("1", "2")
    )
    found = [
        stub.AdoptProfile(pb.AdoptProfileRequest(model=model, version=1, profile=data)).profile_sha256
        for data in (first, second, first)
    ]
    assert found == [hashlib.sha256(first).hexdigest()] * 3
    assert client.get_version(model, 1).profile_sha256 == found[0]
    assert client.get_route(model).revision == before
    with pytest.raises(grpc.RpcError) as caught:
        stub.AdoptProfile(pb.AdoptProfileRequest(model=model, version=1, profile=b"\xff\xff"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "profile: 2 bytes are not a gnomon.profile.v1.Profile" in caught.value.details()
    with pytest.raises(grpc.RpcError) as caught:
        stub.AdoptProfile(pb.AdoptProfileRequest(model=model, version=9, profile=first))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
