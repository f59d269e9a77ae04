"""The values both planes speak of: frozen, and checked where they are built.

Source of the words: docs/architecture.md. Times are Unix milliseconds, latencies microseconds, weights basis points.
"""

import dataclasses
import enum
import math
import re
from dataclasses import dataclass, field
from typing import Any

from gnomon.errors import InvalidInput, RouteInvalid
from gnomon.rules import RouteRule, check_column, check_rules

ALL_BP = 10_000
MAX_BATCH_WAIT_US = 100_000
MAX_BATCH_WAIT_ROWS = 1 << 16
MAX_SHADOWS = 8
MAX_SLICES = 4
DECISION_THRESHOLD = 0.5  # where a route names none
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
HEADER_COLUMNS = ("request_id", "trace_id", "reason", "key_hash")  # of a call: a log policy may name them, too
SHA256 = re.compile(r"[0-9a-f]{64}")


class Stage(enum.IntEnum):
    """Where a version stands. One version of a model at most is in PRODUCTION."""

    NONE = 1
    STAGING = 2
    PRODUCTION = 3
    ARCHIVED = 4


class Role(enum.IntEnum):
    """What an arm is for."""

    STABLE = 1
    CANARY = 2
    SHADOW = 3


class RolloutState(enum.IntEnum):
    """A rollout runs, and ends one of two ways: PROMOTED or STOPPED."""

    RUNNING = 1
    PROMOTED = 2
    STOPPED = 3
    PAUSED = 4  # it goes nowhere but back
    GUARD = 5  # past its last step, and watched

    @property
    def is_over(self) -> bool:
        return self in (RolloutState.PROMOTED, RolloutState.STOPPED)


class OnTimeout(enum.IntEnum):
    """What becomes of a rollout whose step had no verdict in its time."""

    STOP = 0
    HOLD = 1  # paused, until somebody decides
    PROMOTE_IF_NO_EVIDENCE = 2  # goes on where every gate has seen its calls and none found harm


def check_model_name(name: str) -> str:
    """Raises: InvalidInput unless `name` can be a model's (and a folder's)."""
    if not MODEL_NAME.fullmatch(name):
        raise InvalidInput(f"model name {name!r}: letters, digits, '.', '_' and '-', at most 100, no leading sign")
    return name


def check_sha256(digest: str) -> str:
    """Raises: InvalidInput unless `digest` is 64 lower-case hexadecimal digits."""
    if not SHA256.fullmatch(digest):
        raise InvalidInput(f"digest {digest!r}: 64 lower-case hexadecimal digits expected")
    return digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Which number of a version's outputs is compared and sketched."""

    output: str = ""  # empty: the last floating-point output
    column: int = -1  # of its last axis; -1: the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a version came from."""

    data_sha256: str = ""
    data_description: str = ""
    git_commit: str = ""
    framework: str = ""
    trained_by: str = ""
    trained_unix_ms: int = 0
    parameters: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who let a version go on, and why."""

    approver: str
    note: str = ""
    approved_unix_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A name clients call."""

    name: str
    created_unix_ms: int = 0
    production_version: int = 0  # 0: none
    versions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """An immutable artifact of a model with its lineage."""

    model: str
    version: int
    artifact_sha256: str
    artifact_bytes: int = 0
    profile_sha256: str = ""
    warmup_sha256: str = ""
    score: Score = Score()
    lineage: Lineage = Lineage()
    stage: Stage = Stage.NONE
    approval: Approval | None = None
    created_unix_ms: int = 0

    @property
    def blobs(self) -> tuple[str, ...]:
        """Digests of everything a gateway pulls for it."""
        return tuple(digest for digest in (self.artifact_sha256, self.profile_sha256, self.warmup_sha256) if digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One version inside a route, with its role and weight."""

    version: int
    role: Role
    weight_bp: int = ALL_BP
    cpu_share: float = 0.0  # of a shadow: the share of one core it may use; 0: as much as is left over

    def __post_init__(self) -> None:
        if self.version < 1:
            raise RouteInvalid(f"arm version {self.version}: versions count from 1")
        if not 0 <= self.cpu_share <= 1:
            raise RouteInvalid(f"cpu_share {self.cpu_share} of version {self.version}: 0 to 1 of a core")
        if self.cpu_share and self.role is not Role.SHADOW:
            raise RouteInvalid(f"cpu_share {self.cpu_share} of version {self.version}: only a shadow has a budget")
        if not 0 <= self.weight_bp <= ALL_BP:
            raise RouteInvalid(f"weight {self.weight_bp} of version {self.version}: 0 to {ALL_BP} basis points")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which arms a model has; its revision is the epoch of the predictions made under it.

    Raises: RouteInvalid unless there is exactly one stable arm, stable and canary weights sum to 10 000, no version
    stands twice (so a shadow is no other arm's version) and there are at most MAX_SHADOWS shadows; and every rule names
    a version that may answer.
    """

    model: str
    arms: tuple[Arm, ...]
    revision: int = 0
    warm: tuple[int, ...] = ()
    latency_thresholds_us: tuple[int, ...] = ()
    disagreement_tolerance: float = 0.1
    actor: str = ""
    reason: str = ""
    created_unix_ms: int = 0
    batch_wait_us: int = 0  # a call may wait so long for others to run with; 0: none waits
    batch_wait_rows: int = 0  # no longer than until there are so many rows; 0: as many as one run takes
    rules: tuple[RouteRule, ...] = ()  # the first that matches takes the call; else the weights do
    routing_key_column: str = ""  # an input column whose value is the key of calls that name none
    slices: tuple[str, ...] = ()  # input columns by whose values pairs are told apart: features[3], or a feature's name
    decision_threshold: float | None = None  # of scores; None: DECISION_THRESHOLD
    keep_quantile: float = 0.0  # pairs that differ by more than this share of them does are kept; 0: none is

    def __post_init__(self) -> None:
        check_model_name(self.model)
        if len(self.with_role(Role.STABLE)) != 1:
            raise RouteInvalid(
                f"route of {self.model}: {len(self.with_role(Role.STABLE))} stable arms; exactly one needed"
            )
        if len(self.shadows) > MAX_SHADOWS:
            raise RouteInvalid(f"route of {self.model}: {len(self.shadows)} shadow arms; at most {MAX_SHADOWS}")
        versions = [arm.version for arm in self.arms]
        if len(set(versions)) != len(versions):
            raise RouteInvalid(f"route of {self.model}: a version stands twice in {versions}")
        total = sum(arm.weight_bp for arm in self.arms if arm.role is not Role.SHADOW)
        if total != ALL_BP:
            raise RouteInvalid(f"route of {self.model}: stable and canary weights sum to {total}, not {ALL_BP}")

        self._check_numbers()

    def _check_numbers(self) -> None:
        if not 0 <= self.disagreement_tolerance < math.inf:
            raise InvalidInput(f"disagreement_tolerance {self.disagreement_tolerance}: a number from 0 expected")
        if any(threshold < 0 for threshold in self.latency_thresholds_us):
            raise InvalidInput(f"latency_thresholds_us {self.latency_thresholds_us}: no threshold below 0")
        if any(version < 1 for version in self.warm):
            raise RouteInvalid(f"warm versions {self.warm}: versions count from 1")
        self._check_wait()
        check_rules(self.model, self.rules, set(self.answering))
        if self.routing_key_column:
            check_column(self.routing_key_column)
        self._check_pairs()

    def _check_pairs(self) -> None:
        if self.decision_threshold is not None and not math.isfinite(self.decision_threshold):
            raise InvalidInput(f"decision_threshold {self.decision_threshold}: a number expected")
        if not 0 <= self.keep_quantile < 1:
            raise InvalidInput(f"keep_quantile {self.keep_quantile}: 0 (none kept) to less than 1 expected")
        if len(self.slices) > MAX_SLICES or len(set(self.slices)) != len(self.slices):
            raise InvalidInput(f"slices {list(self.slices)}: at most {MAX_SLICES} different columns expected")
        if not all(1 <= len(column) <= 100 for column in self.slices):
            raise InvalidInput(f"slices {list(self.slices)}: names of 1 to 100 characters expected")

    def _check_wait(self) -> None:
        if not 0 <= self.batch_wait_us <= MAX_BATCH_WAIT_US:
            raise InvalidInput(f"batch_wait_us {self.batch_wait_us}: 0 to {MAX_BATCH_WAIT_US} expected")
        if not 0 <= self.batch_wait_rows <= MAX_BATCH_WAIT_ROWS or self.batch_wait_rows == 1:
            raise InvalidInput(f"batch_wait_rows {self.batch_wait_rows}: 0, or 2 to {MAX_BATCH_WAIT_ROWS} expected")
        if self.batch_wait_rows and not self.batch_wait_us:
            raise InvalidInput(f"batch_wait_rows {self.batch_wait_rows} with batch_wait_us 0: a time to wait expected")

    def with_role(self, role: Role) -> tuple[Arm, ...]:
        return tuple(arm for arm in self.arms if arm.role is role)

    @property
    def stable(self) -> Arm:
        return self.with_role(Role.STABLE)[0]

    @property
    def canaries(self) -> tuple[Arm, ...]:
        return self.with_role(Role.CANARY)

    @property
    def shadows(self) -> tuple[Arm, ...]:
        return self.with_role(Role.SHADOW)

    @property
    def threshold(self) -> float:
        """The decision threshold in force."""
        return DECISION_THRESHOLD if self.decision_threshold is None else self.decision_threshold

    def with_arms(self, arms: tuple[Arm, ...], warm: tuple[int, ...], **changes: Any) -> "Route":
        """The same with other arms. Rules for a version that it then does not answer with are left out."""
        bare = dataclasses.replace(self, arms=arms, warm=warm, rules=(), **changes)
        return dataclasses.replace(bare, rules=tuple(rule for rule in self.rules if rule.version in bare.answering))

    @property
    def answering(self) -> tuple[int, ...]:
        """Versions that calls may be sent to by a rule: stable, canary and warm ones, ascending."""
        shadows = {arm.version for arm in self.with_role(Role.SHADOW)}
        return tuple(number for number in self.loaded if number not in shadows)

    @property
    def loaded(self) -> tuple[int, ...]:
        """Versions a gateway keeps loaded under this route, ascending."""
        return tuple(sorted({arm.version for arm in self.arms} | set(self.warm)))


class Treatment(enum.IntEnum):
    """What becomes of a column's values before they leave the host."""

    KEEP = 1
    DROP = 2  # no such column
    MASK = 3  # a column without values
    HASH = 4  # keyed digests in place of values


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """What becomes of one column, of all columns of a tensor, or of a text about the call (HEADER_COLUMNS)."""

    column: str
    treatment: Treatment

    def __post_init__(self) -> None:
        if not self.column.strip():
            raise InvalidInput(f"column {self.column!r}: a name expected, as features[3], features or request_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPolicy:
    """What of a model's predictions leaves a gateway's host, in Parquet or in a stream.

    Raises: InvalidInput: a share out of range, or two rules for one column.
    """

    model: str
    sample_bp: int = ALL_BP  # share of the calls whose tensors leave
    rules: tuple[ColumnRule, ...] = ()
    otherwise: Treatment = Treatment.KEEP  # of tensors that no rule names
    retention_s: int = 0  # exported files go after this; 0: never
    actor: str = ""
    reason: str = ""
    set_unix_ms: int = 0

    def __post_init__(self) -> None:
        check_model_name(self.model)
        if not 0 <= self.sample_bp <= ALL_BP:
            raise InvalidInput(f"sample_bp {self.sample_bp}: 0 to {ALL_BP} basis points expected")
        if self.retention_s < 0:
            raise InvalidInput(f"retention_s {self.retention_s}: 0 or more expected")
        columns = [rule.column for rule in self.rules]
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise InvalidInput(f"log policy of {self.model}: more than one rule for {', '.join(twice)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """One model of the desired state: its route, every version the route loads, and what of it may leave the host."""

    route: Route
    versions: tuple[Version, ...]
    log_policy: LogPolicy | None = None  # None: everything

    def __post_init__(self) -> None:
        missing = set(self.route.loaded) - {version.version for version in self.versions}
        if missing:
            raise RouteInvalid(
                f"route of {self.route.model} names versions {sorted(missing)} that are not in the state"
            )

    def version(self, number: int) -> Version:
        return next(version for version in self.versions if version.version == number)


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """What a gateway is to serve, whole: what is left out is to be unloaded."""

    revision: int = 0
    models: tuple[ModelState, ...] = ()
