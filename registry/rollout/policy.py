"""What a rollout may be started on: pure, so that every refusal is a line in a table of situations."""

from gnomon.domain import Route, Version
from gnomon.errors import ApprovalMissing, IllegalTransition, Precondition
from gnomon.rollout import Rollout


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
