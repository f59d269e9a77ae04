"""A rollout's policy out of a file, and what it would do, in words."""

import dataclasses
from pathlib import Path
from typing import Any

from rich.table import Table

from gnomon.cli.options import read_toml, table
from gnomon.domain import OnTimeout, Role
from gnomon.errors import InvalidInput
from gnomon.plan import calls_to_fail, calls_to_pass, fail_at, gates_of, must_be_shown
from gnomon.rollout import Guard, Phase, Policy, Step

ON_TIMEOUT = {member.name.lower().replace("_", "-"): member for member in OnTimeout}


def read_policy(path: Path) -> Policy:
    """A policy from TOML, or YAML by the file's name: the fields of Policy, steps with those of Step; docs/rollouts.md.

    Raises: InvalidInput, naming the field.
    """
    written = _written(path)
    try:
        steps = tuple(_step(dict(step)) for step in written.pop("steps"))
        guard = written.pop("guard", None)
        return Policy(steps=steps, guard=None if guard is None else Guard(**guard), **written)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        known = ", ".join(field.name for kind in (Policy, Step, Guard) for field in dataclasses.fields(kind))
        raise InvalidInput(f"{path}: {error}; fields are {known}") from None


def _written(path: Path) -> dict[str, Any]:
    return _yaml(path) if path.suffix in (".yaml", ".yml") else read_toml(path)


def _yaml(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError:
        raise InvalidInput(f"{path}: YAML needs PyYAML: pip install gnomon[yaml], or write TOML") from None
    try:
        written = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"{path}: {' '.join(str(error).split())}") from None
    if not isinstance(written, dict):
        raise InvalidInput(f"{path}: {written!r} is no policy; fields of one, as alpha and steps, expected")
    return written


def _step(written: dict[str, Any]) -> Step:
    role, on_timeout = str(written.pop("role")).upper(), written.pop("on_timeout", "stop")
    if role not in Role.__members__:
        raise InvalidInput(f"step role {role.lower()!r}: shadow or canary expected")
    if on_timeout not in ON_TIMEOUT:
        raise InvalidInput(f"step on_timeout {on_timeout!r}: one of {', '.join(ON_TIMEOUT)} expected")
    return Step(role=Role[role], on_timeout=ON_TIMEOUT[on_timeout], **written)


def plan_table(policy: Policy, title: str, calls_per_s: float | None) -> Table:
    """A row each step: its share, how long it takes at least and at most, and what becomes of it then."""
    names = ["step", "share", "at least", "at most", "then", *(["soonest"] if calls_per_s else [])]
    shown = table(title, *names)
    for index, step in enumerate(policy.whole):
        share = f"{step.weight_bp / 100:g} %"
        least = [f"{calls_of(policy, index)} {unit(policy, index)}", *([f"{step.min_s:g} s"] if step.min_s else [])]
        least += ["a yes"] if step.needs_approval else []
        row = [where(policy, index), share, ", ".join(least), f"{step.timeout_s:g} s", then(step)]
        shown.add_row(*row, *([f"{_soonest_s(policy, index, calls_per_s):.0f} s"] if calls_per_s else []))
    return shown


def gates_table(policy: Policy) -> Table:
    """A row each gate of each step: on how many calls it passes when all are good, on how many bad ones it fails."""
    title = f"log E {fail_at(policy):.2f} fails a gate"
    shown = table(title, "step", "gate", "passes on", "fails on", "must be shown")
    for index in range(len(policy.whole)):
        for gate in gates_of(policy, index):
            fewest = calls_to_fail(policy, index, gate)
            proof = "yes" if must_be_shown(policy, index, gate) else ""
            passes = f"≥ {calls_to_pass(policy, index, gate)}"
            shown.add_row(where(policy, index), gate, passes, "" if fewest is None else f"≥ {fewest} bad", proof)
    return shown


def where(policy: Policy, index: int) -> str:
    guard = policy.phase(index) is Phase.GUARD
    return "guard" if guard else f"{index + 1} {policy.steps[index].role.name.lower()}"


def unit(policy: Policy, index: int) -> str:
    return "pairs" if policy.phase(index) is Phase.SHADOW else "calls"


def then(step: Step) -> str:
    return {OnTimeout.STOP: "stop", OnTimeout.HOLD: "hold", OnTimeout.PROMOTE_IF_NO_EVIDENCE: "go on, if no evidence"}[
        step.on_timeout
    ]


def calls_of(policy: Policy, index: int) -> int:
    """What the step must have seen when nothing is bad."""
    needs = [calls_to_pass(policy, index, gate) for gate in gates_of(policy, index)]
    return max((need for need in needs if need is not None), default=policy.whole[index].min_calls)


def _soonest_s(policy: Policy, index: int, calls_per_s: float) -> float:
    step = policy.whole[index]
    return max(step.min_s, calls_of(policy, index) / (calls_per_s * step.weight_bp / 10_000))
