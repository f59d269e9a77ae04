"""What a rollout is: a policy of steps and gates, and the record of what was decided on which numbers."""

import enum
import math
from dataclasses import dataclass

from gnomon.domain import ALL_BP, OnTimeout, Role, RolloutState
from gnomon.errors import InvalidInput

BEGINNINGS = ("started", "advanced", "guarded")  # decisions that put a route of the rollout in force
MAX_HOLDBACK_BP = ALL_BP // 2
POSITIVE = (
    "p99_budget_us", "max_latency_ratio", "max_run_ratio", "max_score_psi", "max_input_psi", "max_wrong_ratio",
)  # fmt: skip
MEDIAN_RATIO = 2  # half of stable's calls are over its median, and no more than all of the candidate's can be


class Phase(enum.Enum):
    """What kind of evidence there is at a step; gates gather theirs over all steps of a phase."""

    SHADOW = "shadow"
    CANARY = "canary"
    GUARD = "guard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A share of traffic, and how much of it must be seen before the step may pass."""

    role: Role
    weight_bp: int
    min_calls: int
    timeout_s: float = 600.0
    min_s: float = 0.0
    on_timeout: OnTimeout = OnTimeout.STOP
    needs_approval: bool = False  # somebody has to say yes before it may pass

    def __post_init__(self) -> None:
        if self.role not in (Role.SHADOW, Role.CANARY):
            raise InvalidInput(f"step role {self.role.name}: SHADOW or CANARY expected")
        if not 1 <= self.weight_bp <= ALL_BP:
            raise InvalidInput(f"step weight {self.weight_bp}: 1 to {ALL_BP} basis points expected")
        if self.min_calls < 1:
            raise InvalidInput(f"step min_calls {self.min_calls}: 1 or more expected")
        if not 0 < self.timeout_s < math.inf:
            raise InvalidInput(f"step timeout_s {self.timeout_s}: a positive number expected")
        if not 0 <= self.min_s < math.inf:
            raise InvalidInput(f"step min_s {self.min_s}: a number from 0 expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """After the last step: the candidate is stable and watched; the old version is held back on some calls, or warm."""

    min_s: float
    min_calls: int  # of the candidate
    holdback_bp: int = 500
    timeout_s: float = 86_400.0  # no verdict by then: paused

    def __post_init__(self) -> None:
        if not 0 <= self.holdback_bp <= MAX_HOLDBACK_BP:
            raise InvalidInput(f"guard holdback_bp {self.holdback_bp}: 0 to {MAX_HOLDBACK_BP} basis points expected")
        self.as_step()

    def as_step(self) -> Step:
        """The same conditions as a step of a policy has them. Raises: InvalidInput."""
        return Step(
            role=Role.CANARY,
            weight_bp=ALL_BP - self.holdback_bp,
            min_calls=self.min_calls,
            min_s=self.min_s,
            timeout_s=self.timeout_s,
            on_timeout=OnTimeout.HOLD,
        )


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
    guard: Guard | None = None
    max_median_ratio: float | None = None
    max_score_psi: float | None = None
    max_score_ks: float | None = None
    max_input_psi: float | None = None
    max_wrong_ratio: float | None = None
    wrong_above: float = 0.5  # wrong is a score further than this from its label
    min_outcomes: int = 100  # of the candidate, before that gate may pass

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
        if self.max_median_ratio is not None and not 0 < self.max_median_ratio < MEDIAN_RATIO:
            raise InvalidInput(
                f"max_median_ratio {self.max_median_ratio}: between 0 and {MEDIAN_RATIO} expected: all calls of the "
                "candidate are over stable's median at twice its share"
            )
        for name in ("max_error_share", "max_disagreement_share", "max_score_ks"):
            share = getattr(self, name)
            if share is not None and not 0 < share < 1:
                raise InvalidInput(f"{name} {share}: between 0 and 1 expected")
        for name in POSITIVE:
            limit = getattr(self, name)
            if limit is not None and not 0 < limit < math.inf:
                raise InvalidInput(f"{name} {limit}: a positive number expected")
        if not 0 <= self.wrong_above < math.inf:
            raise InvalidInput(f"wrong_above {self.wrong_above}: a number from 0 expected")
        if self.max_wrong_ratio is not None and self.min_outcomes < 1:
            raise InvalidInput(f"min_outcomes {self.min_outcomes}: 1 or more expected")
        tolerance = self.disagreement_tolerance
        if tolerance is not None and not 0 <= tolerance < math.inf:
            raise InvalidInput(f"disagreement_tolerance {tolerance}: a number from 0 expected")

    @property
    def whole(self) -> tuple[Step, ...]:
        """Its steps, and the guard as the last of them."""
        return self.steps if self.guard is None else (*self.steps, self.guard.as_step())

    def phase(self, index: int) -> Phase:
        if index >= len(self.steps):
            return Phase.GUARD
        return Phase.SHADOW if self.steps[index].role is Role.SHADOW else Phase.CANARY


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What one gate said: pass, fail, or need_more with how many more calls it needs, and when it may have them."""

    gate: str
    verdict: str
    need: int = 0
    reason: str = ""
    evidence_json: str = ""
    eta_s: float | None = None  # with need_more, at the rate of calls seen; None: not known
    seen: int = 0  # calls of the running step
    log_e: float | None = None  # evidence of harm …
    fail_at: float = 0.0  # … and how much of it fails the gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One change of a rollout, with the verdicts it rests on."""

    decided_unix_ms: int
    step: int
    epoch: int
    action: str  # started, advanced, guarded, paused, resumed, approved, promoted, stopped
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

    @property
    def epochs(self) -> tuple[int, ...]:
        """Under which it had a part of the traffic: those of its steps, and of the guard."""
        return tuple(each.epoch for each in self.decisions if each.action in BEGINNINGS)
