"""Policy files, and what is said of them and of rollouts on the command line."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from gnomon.cli.main import app
from gnomon.cli.policy_file import read_policy
from gnomon.cli.rollout_view import bar, duration, view
from gnomon.domain import OnTimeout, Role, RolloutState
from gnomon.errors import InvalidInput
from gnomon.plan import GATES, check_can_finish
from gnomon.rollout import GateVerdict, Guard, Policy, Rollout, Step

TOML = """
alpha = 0.02
max_error_share = 0.001

[[steps]]
role = "shadow"
weight_bp = 10_000
min_calls = 2_000

[[steps]]
role = "canary"
weight_bp = 500
min_calls = 500
min_s = 60
timeout_s = 3_600
on_timeout = "promote-if-no-evidence"

[guard]
min_s = 300
min_calls = 1_000
holdback_bp = 200
"""

YAML = """
alpha: 0.02
max_error_share: 0.001
steps:
  - {role: shadow, weight_bp: 10000, min_calls: 2000}
  - role: canary
    weight_bp: 500
    min_calls: 500
    min_s: 60
    timeout_s: 3600
    on_timeout: promote-if-no-evidence
guard: {min_s: 300, min_calls: 1000, holdback_bp: 200}
"""

MEANT = Policy(
    alpha=0.02,
    max_error_share=0.001,
    steps=(
        Step(role=Role.SHADOW, weight_bp=10_000, min_calls=2_000),
        Step(
            role=Role.CANARY, weight_bp=500, min_calls=500, min_s=60, timeout_s=3_600,
            on_timeout=OnTimeout.PROMOTE_IF_NO_EVIDENCE,
        ),
    ),
    guard=Guard(min_s=300, min_calls=1_000, holdback_bp=200),
)  # fmt: skip


def written(folder: Path, text: str, name: str = "policy.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_toml_and_yaml_say_the_same(tmp_path: Path) -> None:
    assert read_policy(written(tmp_path, TOML)) == MEANT
    assert read_policy(written(tmp_path, YAML, "policy.yaml")) == MEANT


STEP = '[[steps]]\nrole = "canary"\nweight_bp = 1\nmin_calls = 1\n'
WRONG = {
    "no steps": ("alpha = 0.1", "'steps'; fields are steps, alpha"),
    "a role that is none": (STEP.replace("canary", "stable-ish"), "step role 'stable-ish': shadow or canary expected"),
    "a time-out that is none": (STEP + 'on_timeout = "panic"', "on_timeout 'panic': one of stop, hold, promote-if-no"),
    "a field that is none": ("max_errors = 0.1\n" + STEP, "max_errors"),
    "a guard of another kind": (STEP + "[guard]\nmin_s = 1", "min_calls"),
    "not TOML": ("steps = [", "policy.toml"),
}


@pytest.mark.parametrize(("text", "why"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_no_policy_is_told_why(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_policy(written(tmp_path, text))
    assert why in str(refused.value)


@pytest.mark.parametrize("text", ["- 1", "steps: [", "just words"])
def test_yaml_that_is_no_policy_is_told_why(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match=r"policy\.yml"):
        read_policy(written(tmp_path, text, "policy.yml"))


@pytest.mark.parametrize("name", ["policy.toml", "policy.yaml"])
def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xf4\x00\xff")
    with pytest.raises(InvalidInput, match=name):
        read_policy(tmp_path / name)


def test_a_plan_says_what_each_step_does_and_what_its_gates_need(tmp_path: Path) -> None:
    path = written(tmp_path, TOML)
    said = CliRunner().invoke(app, ["rollout", "plan", str(path), "--calls-per-s", "100"], env={"COLUMNS": "200"})
    assert said.exit_code == 0
    rows = [" ".join(line.split()) for line in said.output.splitlines()]
    assert "1 shadow 100 % 2000 pairs 600 s stop 20 s" in rows
    assert "2 canary 5 % 500 calls, 60 s 3600 s go on, if no evidence 100 s" in rows
    assert "guard 98 % 1000 calls, 300 s 86400 s hold 300 s" in rows
    assert any(row.startswith("2 canary errors ≥ 500 ≥ ") for row in rows)


def test_the_policy_of_the_docs_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "rollouts.md").read_text()
    text = page.split("```toml")[1].split("```")[0]
    policy = read_policy(written(tmp_path, text))
    check_can_finish(policy)
    assert all(getattr(policy, field) is not None for _, field, _ in GATES), "every gate is shown"


def test_a_plan_that_can_never_finish_is_refused(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["rollout", "plan", str(written(tmp_path, TOML.replace("= 60", "= 9_999")))])
    assert isinstance(refused.exception, InvalidInput)
    assert "step 2: min_s 9999 is more than timeout_s 3600" in str(refused.exception)


def test_a_rollout_is_seen_with_its_steps_and_its_gates() -> None:
    open_ = GateVerdict(
        gate="errors", verdict="need_more", need=250, reason="3 of 250", eta_s=150.0, seen=250, log_e=2.0, fail_at=4.0
    )
    rollout = Rollout(
        model="pricing", id=1, version=2, baseline=1, policy=MEANT, state=RolloutState.PAUSED, step=1,
        reason="paused by ann: lunch", latest=(open_,),
    )  # fmt: skip
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(view(rollout))
    rows = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert rows[0] == "pricing: version 2 against 1, paused"
    assert "✓ 1 shadow 100 % 2000 pairs 600 s" in rows
    assert "‖ 2 canary 5 % 500 calls, 60 s 3600 s" in rows
    assert "· guard 98 % 1000 calls, 300 s 86400 s" in rows
    assert "paused by ann: lunch" in rows
    assert "errors need_more █████░░░░░ 2.0 of 4.0 250 2 min 3 of 250" in rows


def test_evidence_for_a_version_is_an_empty_bar() -> None:
    assert bar(GateVerdict(gate="g", verdict="pass", log_e=-9.0, fail_at=4.0)).startswith("░" * 10)
    assert bar(GateVerdict(gate="time", verdict="pass")) == ""


def test_durations_are_told_as_people_tell_them() -> None:
    told = [duration(seconds) for seconds in (None, 0.4, 119, 150, 7_300, 200_000)]
    assert told == ["", "0 s", "119 s", "2 min", "2 h", "2 d"]
