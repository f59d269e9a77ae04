"""What a rollout is: a policy of steps and gates, and the record of what was decided on which numbers."""

import math
from dataclasses import dataclass

from gnomon.domain import ALL_BP, Role, RolloutState
from gnomon.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A share of traffic, and how much of it must be seen before the step may pass."""

    role: Role
    weight_bp: int
    min_calls: int
    timeout_s: float = 600.0

    def __post_init__(self) -> None:
        if self.role not in (Role.SHADOW, Role.CANARY):
            raise InvalidInput(f"step role {self.role.name}: SHADOW or CANARY expected")
        if not 1 <= self.weight_bp <= ALL_BP:
            raise InvalidInput(f"step weight {self.weight_bp}: 1 to {ALL_BP} basis points expected")
        if self.min_calls < 1:
            raise InvalidInput(f"step min_calls {self.min_calls}: 1 or more expected")
        if not 0 < self.timeout_s < math.inf:
            raise InvalidInput(f"step timeout_s {self.timeout_s}: a positive number expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The steps in their order and the gates every step is held to. A gate that is None is off."""

    steps: tuple[Step, ...]
    alpha: float = 0.05
    p99_budget_us: int | None = None
    max_latency_ratio: float | None = None
    max_error_share: float | None = None
    disagreement_tolerance: float | None = None
    max_disagreement_share: float | None = None
    max_run_ratio: float | None = None

    def __post_init__(self) -> None:
        if not self.steps:
            raise InvalidInput("a policy without steps decides nothing; name at least one")
        if not 0 < self.alpha < 1:
            raise InvalidInput(f"alpha {self.alpha}: between 0 and 1 expected")
        roles = [step.role for step in self.steps]
        if roles != sorted(roles, reverse=True):
            raise InvalidInput("shadow steps come before canary steps")
        weights = [step.weight_bp for step in self.steps if step.role is Role.CANARY]
        if weights != sorted(set(weights)):
            raise InvalidInput(f"canary weights {weights}: each must be above the one before")
        for name in ("max_error_share", "max_disagreement_share"):
            share = getattr(self, name)
            if share is not None and not 0 < share < 1:
                raise InvalidInput(f"{name} {share}: between 0 and 1 expected")
        for name in ("p99_budget_us", "max_latency_ratio", "max_run_ratio"):
            limit = getattr(self, name)
            if limit is not None and not 0 < limit < math.inf:
                raise InvalidInput(f"{name} {limit}: a positive number expected")
        tolerance = self.disagreement_tolerance
        if tolerance is not None and not 0 <= tolerance < math.inf:
            raise InvalidInput(f"disagreement_tolerance {tolerance}: a number from 0 expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What one gate said: pass, fail, or need_more with how many more calls it needs."""

    gate: str
    verdict: str
    need: int = 0
    reason: str = ""
    evidence_json: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One change of a rollout, with the verdicts it rests on."""

    decided_unix_ms: int
    step: int
    epoch: int
    action: str  # started, advanced, promoted, stopped
    gate: str = ""
    reason: str = ""
    verdicts: tuple[GateVerdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A version's way into production, or out of it."""

    model: str
    id: int
    version: int
    baseline: int
    policy: Policy
    state: RolloutState = RolloutState.RUNNING
    step: int = 0
    gate: str = ""
    reason: str = ""
    decisions: tuple[Decision, ...] = ()
    latest: tuple[GateVerdict, ...] = ()
    actor: str = ""
    started_unix_ms: int = 0
    ended_unix_ms: int = 0
