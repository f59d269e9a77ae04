"""Rows to values and back."""

import dataclasses
from typing import Any

from sqlalchemy import Row

from gnomon.domain import Approval, Arm, Lineage, OnTimeout, Role, RolloutState, Route, Score, Stage, Version
from gnomon.rollout import Decision, GateVerdict, Guard, Policy, Rollout, Step
from gnomon.rules import Compare, RouteRule


def row_of_version(version: Version) -> dict[str, Any]:
    """A version as it is first written: unapproved."""
    return {
        "model": version.model,
        "version": version.version,
        "artifact_sha256": version.artifact_sha256,
        "artifact_bytes": version.artifact_bytes,
        "profile_sha256": version.profile_sha256,
        "warmup_sha256": version.warmup_sha256,
        "score_output": version.score.output,
        "score_column": version.score.column,
        "lineage": dataclasses.asdict(version.lineage),
        "stage": int(version.stage),
        "approval_note": "",
        "approved_unix_ms": 0,
        "created_unix_ms": version.created_unix_ms,
    }


def version_of(row: Row[Any]) -> Version:
    return Version(
        model=row.model,
        version=row.version,
        artifact_sha256=row.artifact_sha256,
        artifact_bytes=row.artifact_bytes,
        profile_sha256=row.profile_sha256,
        warmup_sha256=row.warmup_sha256,
        score=Score(output=row.score_output, column=row.score_column),
        lineage=Lineage(**row.lineage),
        stage=Stage(row.stage),
        approval=_approval_of(row),
        created_unix_ms=row.created_unix_ms,
    )


def _approval_of(row: Row[Any]) -> Approval | None:
    if row.approver is None:
        return None
    return Approval(approver=row.approver, note=row.approval_note, approved_unix_ms=row.approved_unix_ms)


def row_of_route(route: Route) -> dict[str, Any]:
    return dataclasses.asdict(route)


def route_of(row: Row[Any]) -> Route:
    return Route(
        model=row.model,
        revision=row.revision,
        arms=tuple(Arm(**{**arm, "role": Role(arm["role"])}) for arm in row.arms),
        warm=tuple(row.warm),
        latency_thresholds_us=tuple(row.latency_thresholds_us),
        disagreement_tolerance=row.disagreement_tolerance,
        actor=row.actor,
        reason=row.reason,
        created_unix_ms=row.created_unix_ms,
        batch_wait_us=row.batch_wait_us,
        batch_wait_rows=row.batch_wait_rows,
        rules=tuple(_rule_of(rule) for rule in row.rules),
        routing_key_column=row.routing_key_column,
        slices=tuple(row.slices),
        decision_threshold=row.decision_threshold,
        keep_quantile=row.keep_quantile,
    )


def _rule_of(fields: dict[str, Any]) -> RouteRule:
    return RouteRule(**{**fields, "compare": Compare(fields["compare"]), "values": tuple(fields["values"])})


def row_of_rollout(rollout: Rollout) -> dict[str, Any]:
    """A rollout without its decisions, which have their own table."""
    row = dataclasses.asdict(rollout)
    del row["decisions"], row["latest"]
    return row


def rollout_of(row: Row[Any], decisions: tuple[Decision, ...]) -> Rollout:
    return Rollout(
        model=row.model,
        id=row.id,
        version=row.version,
        baseline=row.baseline,
        policy=_policy_of(row.policy),
        state=RolloutState(row.state),
        step=row.step,
        gate=row.gate,
        reason=row.reason,
        decisions=decisions,
        latest=decisions[-1].verdicts if decisions else (),
        actor=row.actor,
        started_unix_ms=row.started_unix_ms,
        ended_unix_ms=row.ended_unix_ms,
    )


def _policy_of(fields: dict[str, Any]) -> Policy:
    """Fields that an older registry did not know are left at their defaults."""
    guard = fields.get("guard")
    steps = tuple(_step_of(step) for step in fields["steps"])
    return Policy(**{**fields, "steps": steps, "guard": None if guard is None else Guard(**guard)})


def _step_of(fields: dict[str, Any]) -> Step:
    on_timeout = OnTimeout(fields.get("on_timeout", OnTimeout.STOP))
    return Step(**{**fields, "role": Role(fields["role"]), "on_timeout": on_timeout})


def row_of_decision(decision: Decision) -> dict[str, Any]:
    return dataclasses.asdict(decision)


def decision_of(row: Row[Any]) -> Decision:
    return Decision(
        decided_unix_ms=row.decided_unix_ms,
        step=row.step,
        epoch=row.epoch,
        action=row.action,
        gate=row.gate,
        reason=row.reason,
        verdicts=tuple(GateVerdict(**verdict) for verdict in row.verdicts),
    )
