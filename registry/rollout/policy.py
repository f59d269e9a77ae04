"""What a rollout may be started on: pure, so that every refusal is a line in a table of situations."""

from gnomon.domain import Role, Route, Version
from gnomon.errors import ApprovalMissing, GateNotPassed, IllegalTransition, Precondition
from gnomon.plan import P99_CALLS
from gnomon.rollout import Policy, Rollout


def check_start(candidate: Version, route: Route | None, running: Rollout | None) -> Route:
    """The route the rollout starts from.

    Raises: Precondition, ApprovalMissing, IllegalTransition.
    """
    model, number = candidate.model, candidate.version
    if running is not None:
        raise Precondition(f"rollout {running.id} of {model!r} runs with version {running.version}; abort it first")
    if candidate.approval is None:
        raise ApprovalMissing(f"version {number} of {model!r} has no approval; approve it first")
    if route is None:
        raise Precondition(f"model {model!r} has no route: nothing to compare version {number} with; set one first")
    if route.stable.version == number:
        raise IllegalTransition(f"version {number} of {model!r} is the stable arm already; roll out another")
    return route


def check_comparable(policy: Policy, route: Route, stable_calls: int) -> None:
    """A canary that begins at once is held to stable's latencies from its first call: they must be known by then.

    Raises: GateNotPassed.
    """
    compares = policy.max_latency_ratio is not None or policy.max_median_ratio is not None
    if policy.steps[0].role is Role.CANARY and compares and stable_calls < P99_CALLS:
        raise GateNotPassed(
            f"version {route.stable.version} of {route.model!r} has {stable_calls} calls reported in epoch "
            f"{route.revision}; its p99 needs {P99_CALLS}: begin with a shadow step, or wait for them"
        )
