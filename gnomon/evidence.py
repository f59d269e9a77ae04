"""What gateways report and gates judge: totals, so that a report may be lost or repeated without harm."""

import math
import re
from dataclasses import dataclass
from typing import Any

from gnomon.domain import Role, check_model_name
from gnomon.errors import InvalidInput

COUNT_BYTES = 8


def _check_counts(value: Any, *names: str) -> None:
    for name in names:
        if getattr(value, name) < 0:
            raise InvalidInput(f"{name} {getattr(value, name)} of {type(value).__name__}: a count cannot be negative")


def _check_gateway(gateway_id: str) -> None:
    if not gateway_id:
        raise InvalidInput("gateway_id '': a gateway has a name")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFailure:
    """A version a gateway could not load, and why."""

    model: str
    version: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A canary arm whose calls a worker leads to stable, as too many of them ended badly."""

    model: str
    version: int
    slot: int = 0  # the worker's
    state: str = "open"  # or half_open
    reason: str = ""  # failed, timed_out, non_finite
    since_unix_ms: int = 0
    trips: int = 0
    calls: int = 0  # of the arm, counted there
    bad: int = 0

    def __post_init__(self) -> None:
        check_model_name(self.model)
        _check_counts(self, "version", "slot", "since_unix_ms", "trips", "calls", "bad")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    """Which revision every worker of a gateway serves."""

    gateway_id: str
    applied_revision: int
    workers: int = 0
    failures: tuple[LoadFailure, ...] = ()
    trips: tuple[Trip, ...] = ()

    def __post_init__(self) -> None:
        _check_gateway(self.gateway_id)
        _check_counts(self, "applied_revision", "workers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """A gnomon.stats.latency histogram without its zeros: buckets ascending, a count each."""

    bucket: tuple[int, ...] = ()
    count: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.bucket) != len(self.count):
            raise InvalidInput(f"histogram of {len(self.bucket)} buckets with {len(self.count)} counts: one a bucket")
        if any(number < 0 for number in (*self.bucket, *self.count)):
            raise InvalidInput(f"histogram {self.bucket[:8]} {self.count[:8]}: a negative bucket or count")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmStats:
    """Calls one arm took in one epoch. Latencies in microseconds."""

    model: str
    epoch: int
    version: int
    role: Role
    answered: int = 0
    failed: int = 0
    over: tuple[int, ...] = ()  # answered slower than each of the route's latency_thresholds_us
    latency: Histogram = Histogram()
    run: Histogram = Histogram()

    def __post_init__(self) -> None:
        check_model_name(self.model)
        _check_counts(self, "epoch", "version", "answered", "failed")
        if any(count < 0 for count in self.over):
            raise InvalidInput(f"over {self.over} of ArmStats: a count cannot be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStats:
    """A shadow's scores beside the live ones of the same calls, in one epoch."""

    model: str
    epoch: int
    version: int
    live_version: int
    pairs: int = 0
    disagreements: int = 0
    flips_up: int = 0
    flips_down: int = 0
    delta: Histogram = Histogram()
    sum_live: float = 0.0
    sum_shadow: float = 0.0
    sum_live_squared: float = 0.0
    sum_shadow_squared: float = 0.0
    sum_product: float = 0.0
    run: Histogram = Histogram()
    slice: str = ""  # an input column; empty: all pairs
    value: str = ""  # the one its rows have
    equal: int = 0
    not_finite: int = 0
    sum_delta: float = 0.0  # shadow - live
    sum_delta_squared: float = 0.0
    bins: str = ""  # by which scores are counted
    live_scores: Histogram = Histogram()
    shadow_scores: Histogram = Histogram()
    joint: Histogram = Histogram()  # groups of live scores times groups of the shadow's

    def __post_init__(self) -> None:
        check_model_name(self.model)
        _check_counts(self, "epoch", "version", "live_version", "pairs", "disagreements", "flips_up", "flips_down")
        _check_counts(self, "equal", "not_finite")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowBooks:
    """What became of the calls that a shadow was offered in one epoch."""

    model: str
    epoch: int
    version: int
    run: int = 0
    shed: int = 0
    expired: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        check_model_name(self.model)
        _check_counts(self, "epoch", "version", "run", "shed", "expired", "failed")

    @property
    def offered(self) -> int:
        return self.run + self.shed + self.expired + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftTick:
    """Drift counts of one sub-window: int64 little-endian, the profile's monitors one after the other."""

    model: str
    version: int
    tick: int
    tick_s: float
    rows: int
    counts: bytes
    slice: str = ""  # COLUMN=VALUE, in the profile's coarse bins; empty: all traffic

    def __post_init__(self) -> None:
        check_model_name(self.model)
        _check_counts(self, "version", "tick", "rows")
        if not 0 < self.tick_s < math.inf:
            raise InvalidInput(f"tick_s {self.tick_s} of DriftTick: a positive number of seconds expected")
        if len(self.counts) % COUNT_BYTES:
            raise InvalidInput(f"counts of {len(self.counts)} bytes: a whole number of int64 expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftCalls:
    """How alike the rows of calls are in one sub-window: gnomon.stats.design.call_sums, int64 little-endian."""

    model: str
    version: int
    tick: int
    tick_s: float
    sums: bytes

    def __post_init__(self) -> None:
        check_model_name(self.model)
        _check_counts(self, "version", "tick")
        if not 0 < self.tick_s < math.inf:
            raise InvalidInput(f"tick_s {self.tick_s} of DriftCalls: a positive number of seconds expected")
        if len(self.sums) % COUNT_BYTES:
            raise InvalidInput(f"sums of {len(self.sums)} bytes: a whole number of int64 expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsReport:
    """Everything one observer has to tell, whole."""

    gateway_id: str
    arms: tuple[ArmStats, ...] = ()
    pairs: tuple[PairStats, ...] = ()
    ticks: tuple[DriftTick, ...] = ()
    calls: tuple[DriftCalls, ...] = ()
    told_through_unix_ms: int = 0  # the ticks of all that arrived before it have been told; 0: not known
    books: tuple[ShadowBooks, ...] = ()

    def __post_init__(self) -> None:
        _check_gateway(self.gateway_id)
        _check_counts(self, "told_through_unix_ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPoint:
    """A stretch of a span; NaN where it had too few rows."""

    from_unix_ms: int
    rows: int = 0
    psi: float = math.nan
    ks: float = math.nan
    missing_share: float = math.nan


PREDICTION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # in the order of time


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a prediction had scored, and what turned out to be true."""

    prediction_id: str
    version: int
    epoch: int
    score: float
    label: float

    def __post_init__(self) -> None:
        _check_counts(self, "version", "epoch")
        if not self.prediction_id:
            raise InvalidInput("prediction_id '' of Outcome: a prediction has an id")
        if not PREDICTION_ID.fullmatch(self.prediction_id):
            raise InvalidInput(f"prediction_id {self.prediction_id!r} of Outcome: an id as a gateway gives it expected")
        if not (math.isfinite(self.score) and math.isfinite(self.label)):
            raise InvalidInput(f"score {self.score} and label {self.label} of {self.prediction_id}: numbers expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Predictions with a score in [low, high): their mean score, and the share that came true."""

    low: float
    high: float
    outcomes: int
    mean_score: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionCalibration:
    """Whether a version's scores say how often what they speak of comes true. See gnomon.stats.calibration."""

    version: int
    outcomes: int
    mean_score: float
    share: float
    error: float
    brier: float
    p_value: float
    bins: tuple[CalibrationBin, ...] = ()
    since_unix_ms: int = 0  # of the standing alarm; 0: there is none
    reason: str = ""  # of the last look; empty: none, for the version is in no route


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport:
    """Of the newest outcomes of each version, beside what the drift policy tolerates."""

    model: str
    tolerance: float
    versions: tuple[VersionCalibration, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorDrift:
    """One feature's, or the score's, distance from the profile."""

    name: str
    is_score: bool = False
    rows: int = 0
    psi: float = 0.0
    psi_corrected: float = 0.0
    psi_p_value: float = 1.0
    psi_lower: float = 0.0
    ks_lo: float = 0.0
    ks_hi: float = 0.0
    ks_p_value: float = 1.0
    missing_share: float = 0.0
    missing_reference: float = 0.0
    alarmed: bool = False
    reason: str = ""
    history: tuple[DriftPoint, ...] = ()
    since_unix_ms: int = 0  # of the standing alarm; 0: there is none
    p_value: float = math.nan  # of no drift at all, over all statistics
    listed: bool = False  # drifted, by a list of which one in twenty is expected to be false
    edges: tuple[float, ...] = ()
    reference: tuple[int, ...] = ()  # of each bin, then of missing values
    window: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()  # of a column of names, in place of edges: of each slot but that of missing values


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmDrift:
    """A monitor of one arm beside the same of another, over one span. PSI is NaN where their bins differ."""

    name: str
    version: int
    against: int
    rows: int = 0
    rows_against: int = 0
    ks_lo: float = math.nan
    ks_hi: float = math.nan
    ks_p_value: float = math.nan
    psi: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceDrift:
    """A slice of a version's traffic: rows of the policy's window and of the reference, monitors with an alarm."""

    name: str
    rows: int
    reference_rows: int
    alarmed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """All monitors of a version, or of a slice of its traffic, over one span of time."""

    model: str
    version: int
    from_unix_ms: int
    to_unix_ms: int
    rows: int
    alpha: float
    tolerance: float
    monitors: tuple[MonitorDrift, ...] = ()
    silent: tuple[str, ...] = ()  # gateways that have not told all of the span yet
    arms: tuple[ArmDrift, ...] = ()
    ks_tolerance: float = 0.1
    slice: str = ""  # COLUMN=VALUE; empty: all traffic
    slices: tuple[SliceDrift, ...] = ()  # those that the version's profile has
    reference: str = ""  # what rows that is of, where they are not those of training
    calibration: tuple[VersionCalibration, ...] = ()  # of this version; none where no outcomes are known

    @property
    def alarmed(self) -> tuple[str, ...]:
        return tuple(monitor.name for monitor in self.monitors if monitor.alarmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowComparison:
    """A shadow beside a live version, over all pairs or a slice. What too little was seen for is NaN."""

    version: int
    live_version: int
    slice: str = ""
    value: str = ""
    pairs: int = 0
    disagreements: int = 0
    equal: int = 0
    not_finite: int = 0
    flips_up: int = 0
    flips_down: int = 0
    delta_p50: float = math.nan
    delta_p90: float = math.nan
    delta_p99: float = math.nan
    delta_max: float = math.nan
    mean_shift: float = math.nan
    pearson: float = math.nan
    rank_correlation: float = math.nan
    psi: float = math.nan
    ks: float = math.nan
    run_p50_us: float = math.nan
    run_p99_us: float = math.nan
    verdict: str = "need_more"
    need: int = 0
    reason: str = ""

    @property
    def agreement(self) -> float:
        """Share of the pairs that are no disagreement."""
        return 1 - self.disagreements / self.pairs if self.pairs else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowReport:
    """All of a model's shadows over some epochs, with what became of the calls they were offered."""

    model: str
    from_epoch: int
    to_epoch: int
    max_disagreement_share: float
    alpha: float
    books: tuple[ShadowBooks, ...] = ()
    comparisons: tuple[ShadowComparison, ...] = ()
