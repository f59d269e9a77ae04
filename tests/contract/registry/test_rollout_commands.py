"""`gnomon rollout` against a registry: every order arrives with who gave it and why."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from gnomon.cli.main import app
from gnomon.client import RegistryClient
from gnomon.evidence import Outcome
from tests.predictions import prediction_id as an_id

POLICY = """
max_error_share: 0.01
steps:
  - {role: canary, weight_bp: 100, min_calls: 10, needs_approval: true, on_timeout: hold}
guard: {min_s: 60, min_calls: 10}
"""


class Commands:
    """The command line on one model of a registry."""

    def __init__(self, target: str, model: str) -> None:
        self._more = ["--registry", target]
        self._model = model

    def run(self, command: str, *arguments: str) -> str:
        done = CliRunner().invoke(
            app,
            ["rollout", command, self._model, *arguments, *self._more],
            env={"COLUMNS": "160"},
            catch_exceptions=False,
        )
        assert done.exit_code == 0, done.output
        return done.output

    def json(self, command: str, *arguments: str) -> Any:
        return json.loads(self.run(command, *arguments, "--json"))


def test_every_order_arrives_with_who_gave_it_and_why(registry: Any, hand: Any, model: str, tmp_path: Path) -> None:
    for _ in range(2):
        hand.version()
    hand.production(1)
    (tmp_path / "policy.yaml").write_text(POLICY)
    rollout = Commands(registry.target, model)
    applied = rollout.json("apply", "2", "--policy", str(tmp_path / "policy.yaml"), "--actor", "ann")
    assert (applied["state"], applied["policy"]["steps"][0]["on_timeout"]) == ("running", "hold")
    assert "paused by ann: lunch" in rollout.run("pause", "--actor", "ann", "--reason", "lunch")
    assert rollout.json("resume", "--actor", "bob")["state"] == "running"
    rollout.run("approve", "--by", "bob", "--reason", "fine")
    assert "▶  1 canary  1 %" in rollout.run("status")
    ended = rollout.json("promote", "--actor", "bob", "--reason", "no time")
    assert ended["state"] == "promoted"
    assert [each["reason"] for each in ended["decisions"]][1:] == [
        "paused by ann: lunch", "resumed by bob", "approved by bob: fine", "promoted by bob: no time",
    ]  # fmt: skip
    assert "✓  1 canary  1 %" in rollout.run("status", "--watch"), "it is over: nothing to wait for"
    assert "promoted" in rollout.run("list")
    epoch = ended["decisions"][0]["epoch"]
    statement = rollout.run("predictions", "--sql")
    assert f"model = '{model}' and version = 2 and epoch in ({epoch}) and status = 'answered'" in statement


def test_calibration_of_known_outcomes_is_shown(
    registry: Any, client: RegistryClient, hand: Any, model: str, tmp_path: Path
) -> None:
    for _ in range(2):
        hand.version()
    hand.production(1)

    def shown(*more: str) -> str:
        arguments = ["outcomes", "show", model, "--registry", registry.target, *more]
        done = CliRunner().invoke(app, arguments, env={"COLUMNS": "160"}, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert f"no outcomes of {model} are known" in shown()
    (tmp_path / "policy.yaml").write_text(POLICY)
    applied = Commands(registry.target, model).json(
        "apply", "2", "--policy", str(tmp_path / "policy.yaml"), "--actor", "ann"
    )
    epoch = applied["decisions"][0]["epoch"]
    told = [
        Outcome(prediction_id=an_id(n), version=2, epoch=epoch, score=0.72, label=float(n % 4 != 0)) for n in range(400)
    ]
    assert client.record_outcomes(model, told) == 400
    text = shown()
    assert "version 2: 400 outcomes, mean score 0.720, 0.750 came true, calibration error 0.030" in " ".join(
        text.split()
    )
    (found,) = json.loads(shown("--json"))["versions"]
    assert [(each["low"], each["outcomes"], each["share"]) for each in found["bins"]] == [(0.7, 400, 0.75)]
    assert 0.1 < found["p_value"] <= 1
