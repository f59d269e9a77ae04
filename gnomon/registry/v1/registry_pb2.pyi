from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_UNSPECIFIED: _ClassVar[Stage]
    STAGE_NONE: _ClassVar[Stage]
    STAGE_STAGING: _ClassVar[Stage]
    STAGE_PRODUCTION: _ClassVar[Stage]
    STAGE_ARCHIVED: _ClassVar[Stage]

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_STABLE: _ClassVar[Role]
    ROLE_CANARY: _ClassVar[Role]
    ROLE_SHADOW: _ClassVar[Role]

class Compare(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPARE_UNSPECIFIED: _ClassVar[Compare]
    COMPARE_EQ: _ClassVar[Compare]
    COMPARE_NE: _ClassVar[Compare]
    COMPARE_LT: _ClassVar[Compare]
    COMPARE_LE: _ClassVar[Compare]
    COMPARE_GT: _ClassVar[Compare]
    COMPARE_GE: _ClassVar[Compare]
    COMPARE_IN: _ClassVar[Compare]

class Treatment(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TREATMENT_UNSPECIFIED: _ClassVar[Treatment]
    TREATMENT_KEEP: _ClassVar[Treatment]
    TREATMENT_DROP: _ClassVar[Treatment]
    TREATMENT_MASK: _ClassVar[Treatment]
    TREATMENT_HASH: _ClassVar[Treatment]

class OnTimeout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_TIMEOUT_STOP: _ClassVar[OnTimeout]
    ON_TIMEOUT_HOLD: _ClassVar[OnTimeout]
    ON_TIMEOUT_PROMOTE_IF_NO_EVIDENCE: _ClassVar[OnTimeout]

class RolloutState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLLOUT_STATE_UNSPECIFIED: _ClassVar[RolloutState]
    ROLLOUT_STATE_RUNNING: _ClassVar[RolloutState]
    ROLLOUT_STATE_PROMOTED: _ClassVar[RolloutState]
    ROLLOUT_STATE_STOPPED: _ClassVar[RolloutState]
    ROLLOUT_STATE_PAUSED: _ClassVar[RolloutState]
    ROLLOUT_STATE_GUARD: _ClassVar[RolloutState]

class DriftEventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DRIFT_EVENT_KIND_UNSPECIFIED: _ClassVar[DriftEventKind]
    DRIFT_EVENT_KIND_RAISED: _ClassVar[DriftEventKind]
    DRIFT_EVENT_KIND_CLEARED: _ClassVar[DriftEventKind]
STAGE_UNSPECIFIED: Stage
STAGE_NONE: Stage
STAGE_STAGING: Stage
STAGE_PRODUCTION: Stage
STAGE_ARCHIVED: Stage
ROLE_UNSPECIFIED: Role
ROLE_STABLE: Role
ROLE_CANARY: Role
ROLE_SHADOW: Role
COMPARE_UNSPECIFIED: Compare
COMPARE_EQ: Compare
COMPARE_NE: Compare
COMPARE_LT: Compare
COMPARE_LE: Compare
COMPARE_GT: Compare
COMPARE_GE: Compare
COMPARE_IN: Compare
TREATMENT_UNSPECIFIED: Treatment
TREATMENT_KEEP: Treatment
TREATMENT_DROP: Treatment
TREATMENT_MASK: Treatment
TREATMENT_HASH: Treatment
ON_TIMEOUT_STOP: OnTimeout
ON_TIMEOUT_HOLD: OnTimeout
ON_TIMEOUT_PROMOTE_IF_NO_EVIDENCE: OnTimeout
ROLLOUT_STATE_UNSPECIFIED: RolloutState
ROLLOUT_STATE_RUNNING: RolloutState
ROLLOUT_STATE_PROMOTED: RolloutState
ROLLOUT_STATE_STOPPED: RolloutState
ROLLOUT_STATE_PAUSED: RolloutState
ROLLOUT_STATE_GUARD: RolloutState
DRIFT_EVENT_KIND_UNSPECIFIED: DriftEventKind
DRIFT_EVENT_KIND_RAISED: DriftEventKind
DRIFT_EVENT_KIND_CLEARED: DriftEventKind

class ArtifactChunk(_message.Message):
    __slots__ = ("sha256", "data")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    data: bytes
    def __init__(self, sha256: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("sha256", "size_bytes")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size_bytes: int
    def __init__(self, sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class GetArtifactRequest(_message.Message):
    __slots__ = ("sha256",)
    SHA256_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    def __init__(self, sha256: _Optional[str] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "created_unix_ms", "production_version", "versions")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    PRODUCTION_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    created_unix_ms: int
    production_version: int
    versions: int
    def __init__(self, name: _Optional[str] = ..., created_unix_ms: _Optional[int] = ..., production_version: _Optional[int] = ..., versions: _Optional[int] = ...) -> None: ...

class Lineage(_message.Message):
    __slots__ = ("data_sha256", "data_description", "git_commit", "framework", "trained_by", "trained_unix_ms", "parameters", "metrics")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    DATA_SHA256_FIELD_NUMBER: _ClassVar[int]
    DATA_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    GIT_COMMIT_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    TRAINED_BY_FIELD_NUMBER: _ClassVar[int]
    TRAINED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    data_sha256: str
    data_description: str
    git_commit: str
    framework: str
    trained_by: str
    trained_unix_ms: int
    parameters: _containers.ScalarMap[str, str]
    metrics: _containers.ScalarMap[str, float]
    def __init__(self, data_sha256: _Optional[str] = ..., data_description: _Optional[str] = ..., git_commit: _Optional[str] = ..., framework: _Optional[str] = ..., trained_by: _Optional[str] = ..., trained_unix_ms: _Optional[int] = ..., parameters: _Optional[_Mapping[str, str]] = ..., metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Score(_message.Message):
    __slots__ = ("output", "column")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    output: str
    column: int
    def __init__(self, output: _Optional[str] = ..., column: _Optional[int] = ...) -> None: ...

class Approval(_message.Message):
    __slots__ = ("approver", "note", "approved_unix_ms")
    APPROVER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    APPROVED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    approver: str
    note: str
    approved_unix_ms: int
    def __init__(self, approver: _Optional[str] = ..., note: _Optional[str] = ..., approved_unix_ms: _Optional[int] = ...) -> None: ...

class Version(_message.Message):
    __slots__ = ("model", "version", "artifact_sha256", "artifact_bytes", "profile_sha256", "warmup_sha256", "score", "lineage", "stage", "approval", "created_unix_ms")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_SHA256_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_BYTES_FIELD_NUMBER: _ClassVar[int]
    PROFILE_SHA256_FIELD_NUMBER: _ClassVar[int]
    WARMUP_SHA256_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    LINEAGE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    artifact_sha256: str
    artifact_bytes: int
    profile_sha256: str
    warmup_sha256: str
    score: Score
    lineage: Lineage
    stage: Stage
    approval: Approval
    created_unix_ms: int
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., artifact_sha256: _Optional[str] = ..., artifact_bytes: _Optional[int] = ..., profile_sha256: _Optional[str] = ..., warmup_sha256: _Optional[str] = ..., score: _Optional[_Union[Score, _Mapping]] = ..., lineage: _Optional[_Union[Lineage, _Mapping]] = ..., stage: _Optional[_Union[Stage, str]] = ..., approval: _Optional[_Union[Approval, _Mapping]] = ..., created_unix_ms: _Optional[int] = ...) -> None: ...

class Arm(_message.Message):
    __slots__ = ("version", "role", "weight_bp", "cpu_share")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_BP_FIELD_NUMBER: _ClassVar[int]
    CPU_SHARE_FIELD_NUMBER: _ClassVar[int]
    version: int
    role: Role
    weight_bp: int
    cpu_share: float
    def __init__(self, version: _Optional[int] = ..., role: _Optional[_Union[Role, str]] = ..., weight_bp: _Optional[int] = ..., cpu_share: _Optional[float] = ...) -> None: ...

class RouteRule(_message.Message):
    __slots__ = ("name", "version", "header", "feature", "compare", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    COMPARE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    header: str
    feature: str
    compare: Compare
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., header: _Optional[str] = ..., feature: _Optional[str] = ..., compare: _Optional[_Union[Compare, str]] = ..., values: _Optional[_Iterable[str]] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("model", "revision", "arms", "warm", "latency_thresholds_us", "disagreement_tolerance", "actor", "reason", "created_unix_ms", "batch_wait_us", "batch_wait_rows", "rules", "routing_key_column", "slices", "decision_threshold", "keep_quantile")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    LATENCY_THRESHOLDS_US_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENT_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    BATCH_WAIT_US_FIELD_NUMBER: _ClassVar[int]
    BATCH_WAIT_ROWS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    ROUTING_KEY_COLUMN_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    DECISION_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    KEEP_QUANTILE_FIELD_NUMBER: _ClassVar[int]
    model: str
    revision: int
    arms: _containers.RepeatedCompositeFieldContainer[Arm]
    warm: _containers.RepeatedScalarFieldContainer[int]
    latency_thresholds_us: _containers.RepeatedScalarFieldContainer[int]
    disagreement_tolerance: float
    actor: str
    reason: str
    created_unix_ms: int
    batch_wait_us: int
    batch_wait_rows: int
    rules: _containers.RepeatedCompositeFieldContainer[RouteRule]
    routing_key_column: str
    slices: _containers.RepeatedScalarFieldContainer[str]
    decision_threshold: float
    keep_quantile: float
    def __init__(self, model: _Optional[str] = ..., revision: _Optional[int] = ..., arms: _Optional[_Iterable[_Union[Arm, _Mapping]]] = ..., warm: _Optional[_Iterable[int]] = ..., latency_thresholds_us: _Optional[_Iterable[int]] = ..., disagreement_tolerance: _Optional[float] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., created_unix_ms: _Optional[int] = ..., batch_wait_us: _Optional[int] = ..., batch_wait_rows: _Optional[int] = ..., rules: _Optional[_Iterable[_Union[RouteRule, _Mapping]]] = ..., routing_key_column: _Optional[str] = ..., slices: _Optional[_Iterable[str]] = ..., decision_threshold: _Optional[float] = ..., keep_quantile: _Optional[float] = ...) -> None: ...

class ColumnRule(_message.Message):
    __slots__ = ("column", "treatment")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    TREATMENT_FIELD_NUMBER: _ClassVar[int]
    column: str
    treatment: Treatment
    def __init__(self, column: _Optional[str] = ..., treatment: _Optional[_Union[Treatment, str]] = ...) -> None: ...

class LogPolicy(_message.Message):
    __slots__ = ("model", "sample_bp", "rules", "otherwise", "retention_s", "actor", "reason", "set_unix_ms")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_BP_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_FIELD_NUMBER: _ClassVar[int]
    RETENTION_S_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SET_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    model: str
    sample_bp: int
    rules: _containers.RepeatedCompositeFieldContainer[ColumnRule]
    otherwise: Treatment
    retention_s: int
    actor: str
    reason: str
    set_unix_ms: int
    def __init__(self, model: _Optional[str] = ..., sample_bp: _Optional[int] = ..., rules: _Optional[_Iterable[_Union[ColumnRule, _Mapping]]] = ..., otherwise: _Optional[_Union[Treatment, str]] = ..., retention_s: _Optional[int] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., set_unix_ms: _Optional[int] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("role", "weight_bp", "min_calls", "timeout_s", "min_s", "on_timeout", "needs_approval")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_BP_FIELD_NUMBER: _ClassVar[int]
    MIN_CALLS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    MIN_S_FIELD_NUMBER: _ClassVar[int]
    ON_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    NEEDS_APPROVAL_FIELD_NUMBER: _ClassVar[int]
    role: Role
    weight_bp: int
    min_calls: int
    timeout_s: float
    min_s: float
    on_timeout: OnTimeout
    needs_approval: bool
    def __init__(self, role: _Optional[_Union[Role, str]] = ..., weight_bp: _Optional[int] = ..., min_calls: _Optional[int] = ..., timeout_s: _Optional[float] = ..., min_s: _Optional[float] = ..., on_timeout: _Optional[_Union[OnTimeout, str]] = ..., needs_approval: bool = ...) -> None: ...

class Guard(_message.Message):
    __slots__ = ("holdback_bp", "min_s", "min_calls", "timeout_s")
    HOLDBACK_BP_FIELD_NUMBER: _ClassVar[int]
    MIN_S_FIELD_NUMBER: _ClassVar[int]
    MIN_CALLS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    holdback_bp: int
    min_s: float
    min_calls: int
    timeout_s: float
    def __init__(self, holdback_bp: _Optional[int] = ..., min_s: _Optional[float] = ..., min_calls: _Optional[int] = ..., timeout_s: _Optional[float] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("steps", "alpha", "p99_budget_us", "max_latency_ratio", "max_error_share", "disagreement_tolerance", "max_disagreement_share", "max_run_ratio", "guard", "max_median_ratio", "max_score_psi", "max_score_ks", "max_input_psi", "max_wrong_ratio", "wrong_above", "min_outcomes")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    P99_BUDGET_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_RATIO_FIELD_NUMBER: _ClassVar[int]
    MAX_ERROR_SHARE_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENT_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    MAX_DISAGREEMENT_SHARE_FIELD_NUMBER: _ClassVar[int]
    MAX_RUN_RATIO_FIELD_NUMBER: _ClassVar[int]
    GUARD_FIELD_NUMBER: _ClassVar[int]
    MAX_MEDIAN_RATIO_FIELD_NUMBER: _ClassVar[int]
    MAX_SCORE_PSI_FIELD_NUMBER: _ClassVar[int]
    MAX_SCORE_KS_FIELD_NUMBER: _ClassVar[int]
    MAX_INPUT_PSI_FIELD_NUMBER: _ClassVar[int]
    MAX_WRONG_RATIO_FIELD_NUMBER: _ClassVar[int]
    WRONG_ABOVE_FIELD_NUMBER: _ClassVar[int]
    MIN_OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    alpha: float
    p99_budget_us: int
    max_latency_ratio: float
    max_error_share: float
    disagreement_tolerance: float
    max_disagreement_share: float
    max_run_ratio: float
    guard: Guard
    max_median_ratio: float
    max_score_psi: float
    max_score_ks: float
    max_input_psi: float
    max_wrong_ratio: float
    wrong_above: float
    min_outcomes: int
    def __init__(self, steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., alpha: _Optional[float] = ..., p99_budget_us: _Optional[int] = ..., max_latency_ratio: _Optional[float] = ..., max_error_share: _Optional[float] = ..., disagreement_tolerance: _Optional[float] = ..., max_disagreement_share: _Optional[float] = ..., max_run_ratio: _Optional[float] = ..., guard: _Optional[_Union[Guard, _Mapping]] = ..., max_median_ratio: _Optional[float] = ..., max_score_psi: _Optional[float] = ..., max_score_ks: _Optional[float] = ..., max_input_psi: _Optional[float] = ..., max_wrong_ratio: _Optional[float] = ..., wrong_above: _Optional[float] = ..., min_outcomes: _Optional[int] = ...) -> None: ...

class GateVerdict(_message.Message):
    __slots__ = ("gate", "verdict", "need", "reason", "evidence_json", "eta_s", "seen", "log_e", "fail_at")
    GATE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    NEED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_JSON_FIELD_NUMBER: _ClassVar[int]
    ETA_S_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    LOG_E_FIELD_NUMBER: _ClassVar[int]
    FAIL_AT_FIELD_NUMBER: _ClassVar[int]
    gate: str
    verdict: str
    need: int
    reason: str
    evidence_json: str
    eta_s: float
    seen: int
    log_e: float
    fail_at: float
    def __init__(self, gate: _Optional[str] = ..., verdict: _Optional[str] = ..., need: _Optional[int] = ..., reason: _Optional[str] = ..., evidence_json: _Optional[str] = ..., eta_s: _Optional[float] = ..., seen: _Optional[int] = ..., log_e: _Optional[float] = ..., fail_at: _Optional[float] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("decided_unix_ms", "step", "epoch", "action", "gate", "reason", "verdicts")
    DECIDED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    decided_unix_ms: int
    step: int
    epoch: int
    action: str
    gate: str
    reason: str
    verdicts: _containers.RepeatedCompositeFieldContainer[GateVerdict]
    def __init__(self, decided_unix_ms: _Optional[int] = ..., step: _Optional[int] = ..., epoch: _Optional[int] = ..., action: _Optional[str] = ..., gate: _Optional[str] = ..., reason: _Optional[str] = ..., verdicts: _Optional[_Iterable[_Union[GateVerdict, _Mapping]]] = ...) -> None: ...

class Rollout(_message.Message):
    __slots__ = ("model", "id", "version", "baseline", "policy", "state", "step", "gate", "reason", "decisions", "latest", "actor", "started_unix_ms", "ended_unix_ms")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    STARTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    ENDED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    model: str
    id: int
    version: int
    baseline: int
    policy: Policy
    state: RolloutState
    step: int
    gate: str
    reason: str
    decisions: _containers.RepeatedCompositeFieldContainer[Decision]
    latest: _containers.RepeatedCompositeFieldContainer[GateVerdict]
    actor: str
    started_unix_ms: int
    ended_unix_ms: int
    def __init__(self, model: _Optional[str] = ..., id: _Optional[int] = ..., version: _Optional[int] = ..., baseline: _Optional[int] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., state: _Optional[_Union[RolloutState, str]] = ..., step: _Optional[int] = ..., gate: _Optional[str] = ..., reason: _Optional[str] = ..., decisions: _Optional[_Iterable[_Union[Decision, _Mapping]]] = ..., latest: _Optional[_Iterable[_Union[GateVerdict, _Mapping]]] = ..., actor: _Optional[str] = ..., started_unix_ms: _Optional[int] = ..., ended_unix_ms: _Optional[int] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class RegisterVersionRequest(_message.Message):
    __slots__ = ("model", "version", "artifact_sha256", "profile_sha256", "warmup_sha256", "score", "lineage")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_SHA256_FIELD_NUMBER: _ClassVar[int]
    PROFILE_SHA256_FIELD_NUMBER: _ClassVar[int]
    WARMUP_SHA256_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    LINEAGE_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    artifact_sha256: str
    profile_sha256: str
    warmup_sha256: str
    score: Score
    lineage: Lineage
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., artifact_sha256: _Optional[str] = ..., profile_sha256: _Optional[str] = ..., warmup_sha256: _Optional[str] = ..., score: _Optional[_Union[Score, _Mapping]] = ..., lineage: _Optional[_Union[Lineage, _Mapping]] = ...) -> None: ...

class GetVersionRequest(_message.Message):
    __slots__ = ("model", "version")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[Version]
    def __init__(self, versions: _Optional[_Iterable[_Union[Version, _Mapping]]] = ...) -> None: ...

class ApproveVersionRequest(_message.Message):
    __slots__ = ("model", "version", "approver", "note")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    APPROVER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    approver: str
    note: str
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., approver: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class SetStageRequest(_message.Message):
    __slots__ = ("model", "version", "stage", "actor")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    stage: Stage
    actor: str
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., stage: _Optional[_Union[Stage, str]] = ..., actor: _Optional[str] = ...) -> None: ...

class GetRouteRequest(_message.Message):
    __slots__ = ("model", "revision")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    model: str
    revision: int
    def __init__(self, model: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class SetRouteRequest(_message.Message):
    __slots__ = ("route", "expected_revision")
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    route: Route
    expected_revision: int
    def __init__(self, route: _Optional[_Union[Route, _Mapping]] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class GetLogPolicyRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class AdoptProfileRequest(_message.Message):
    __slots__ = ("model", "version", "profile")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    profile: bytes
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., profile: _Optional[bytes] = ...) -> None: ...

class GetDriftPolicyRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ListDriftEventsRequest(_message.Message):
    __slots__ = ("model", "after_id", "limit")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    AFTER_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    model: str
    after_id: int
    limit: int
    def __init__(self, model: _Optional[str] = ..., after_id: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListDriftEventsResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[DriftEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[DriftEvent, _Mapping]]] = ...) -> None: ...

class WatchDriftEventsRequest(_message.Message):
    __slots__ = ("model", "after_id")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    AFTER_ID_FIELD_NUMBER: _ClassVar[int]
    model: str
    after_id: int
    def __init__(self, model: _Optional[str] = ..., after_id: _Optional[int] = ...) -> None: ...

class StartRolloutRequest(_message.Message):
    __slots__ = ("model", "version", "policy", "actor")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    policy: Policy
    actor: str
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., actor: _Optional[str] = ...) -> None: ...

class GetRolloutRequest(_message.Message):
    __slots__ = ("model", "id")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    model: str
    id: int
    def __init__(self, model: _Optional[str] = ..., id: _Optional[int] = ...) -> None: ...

class ListRolloutsRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ListRolloutsResponse(_message.Message):
    __slots__ = ("rollouts",)
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    rollouts: _containers.RepeatedCompositeFieldContainer[Rollout]
    def __init__(self, rollouts: _Optional[_Iterable[_Union[Rollout, _Mapping]]] = ...) -> None: ...

class AbortRolloutRequest(_message.Message):
    __slots__ = ("model", "reason", "actor")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    model: str
    reason: str
    actor: str
    def __init__(self, model: _Optional[str] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class PauseRolloutRequest(_message.Message):
    __slots__ = ("model", "reason", "actor")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    model: str
    reason: str
    actor: str
    def __init__(self, model: _Optional[str] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class ResumeRolloutRequest(_message.Message):
    __slots__ = ("model", "reason", "actor")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    model: str
    reason: str
    actor: str
    def __init__(self, model: _Optional[str] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class PromoteRolloutRequest(_message.Message):
    __slots__ = ("model", "reason", "actor")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    model: str
    reason: str
    actor: str
    def __init__(self, model: _Optional[str] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class ApproveStepRequest(_message.Message):
    __slots__ = ("model", "reason", "actor")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    model: str
    reason: str
    actor: str
    def __init__(self, model: _Optional[str] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("prediction_id", "version", "epoch", "score", "label")
    PREDICTION_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    prediction_id: str
    version: int
    epoch: int
    score: float
    label: float
    def __init__(self, prediction_id: _Optional[str] = ..., version: _Optional[int] = ..., epoch: _Optional[int] = ..., score: _Optional[float] = ..., label: _Optional[float] = ...) -> None: ...

class GetCalibrationRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class CalibrationBin(_message.Message):
    __slots__ = ("low", "high", "outcomes", "mean_score", "share")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    MEAN_SCORE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    outcomes: int
    mean_score: float
    share: float
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ..., outcomes: _Optional[int] = ..., mean_score: _Optional[float] = ..., share: _Optional[float] = ...) -> None: ...

class VersionCalibration(_message.Message):
    __slots__ = ("version", "outcomes", "mean_score", "share", "error", "brier", "p_value", "bins", "since_unix_ms", "reason")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    MEAN_SCORE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    BRIER_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    BINS_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    version: int
    outcomes: int
    mean_score: float
    share: float
    error: float
    brier: float
    p_value: float
    bins: _containers.RepeatedCompositeFieldContainer[CalibrationBin]
    since_unix_ms: int
    reason: str
    def __init__(self, version: _Optional[int] = ..., outcomes: _Optional[int] = ..., mean_score: _Optional[float] = ..., share: _Optional[float] = ..., error: _Optional[float] = ..., brier: _Optional[float] = ..., p_value: _Optional[float] = ..., bins: _Optional[_Iterable[_Union[CalibrationBin, _Mapping]]] = ..., since_unix_ms: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class CalibrationReport(_message.Message):
    __slots__ = ("model", "versions", "tolerance")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    model: str
    versions: _containers.RepeatedCompositeFieldContainer[VersionCalibration]
    tolerance: float
    def __init__(self, model: _Optional[str] = ..., versions: _Optional[_Iterable[_Union[VersionCalibration, _Mapping]]] = ..., tolerance: _Optional[float] = ...) -> None: ...

class RecordOutcomesRequest(_message.Message):
    __slots__ = ("model", "outcomes")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    model: str
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    def __init__(self, model: _Optional[str] = ..., outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ...) -> None: ...

class RecordOutcomesResponse(_message.Message):
    __slots__ = ("recorded",)
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    recorded: int
    def __init__(self, recorded: _Optional[int] = ...) -> None: ...

class WatchConfigRequest(_message.Message):
    __slots__ = ("gateway_id",)
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    gateway_id: str
    def __init__(self, gateway_id: _Optional[str] = ...) -> None: ...

class DesiredState(_message.Message):
    __slots__ = ("revision", "models")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    models: _containers.RepeatedCompositeFieldContainer[ModelState]
    def __init__(self, revision: _Optional[int] = ..., models: _Optional[_Iterable[_Union[ModelState, _Mapping]]] = ...) -> None: ...

class ModelState(_message.Message):
    __slots__ = ("route", "versions", "log_policy")
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    LOG_POLICY_FIELD_NUMBER: _ClassVar[int]
    route: Route
    versions: _containers.RepeatedCompositeFieldContainer[Version]
    log_policy: LogPolicy
    def __init__(self, route: _Optional[_Union[Route, _Mapping]] = ..., versions: _Optional[_Iterable[_Union[Version, _Mapping]]] = ..., log_policy: _Optional[_Union[LogPolicy, _Mapping]] = ...) -> None: ...

class LoadFailure(_message.Message):
    __slots__ = ("model", "version", "reason")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    reason: str
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Trip(_message.Message):
    __slots__ = ("model", "version", "slot", "state", "reason", "since_unix_ms", "trips", "calls", "bad")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    TRIPS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    BAD_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    slot: int
    state: str
    reason: str
    since_unix_ms: int
    trips: int
    calls: int
    bad: int
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., slot: _Optional[int] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., since_unix_ms: _Optional[int] = ..., trips: _Optional[int] = ..., calls: _Optional[int] = ..., bad: _Optional[int] = ...) -> None: ...

class GatewayStatus(_message.Message):
    __slots__ = ("gateway_id", "applied_revision", "workers", "failures", "trips")
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    APPLIED_REVISION_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    TRIPS_FIELD_NUMBER: _ClassVar[int]
    gateway_id: str
    applied_revision: int
    workers: int
    failures: _containers.RepeatedCompositeFieldContainer[LoadFailure]
    trips: _containers.RepeatedCompositeFieldContainer[Trip]
    def __init__(self, gateway_id: _Optional[str] = ..., applied_revision: _Optional[int] = ..., workers: _Optional[int] = ..., failures: _Optional[_Iterable[_Union[LoadFailure, _Mapping]]] = ..., trips: _Optional[_Iterable[_Union[Trip, _Mapping]]] = ...) -> None: ...

class Histogram(_message.Message):
    __slots__ = ("bucket", "count")
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    bucket: _containers.RepeatedScalarFieldContainer[int]
    count: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, bucket: _Optional[_Iterable[int]] = ..., count: _Optional[_Iterable[int]] = ...) -> None: ...

class ArmStats(_message.Message):
    __slots__ = ("model", "epoch", "version", "role", "answered", "failed", "over", "latency", "run")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    model: str
    epoch: int
    version: int
    role: Role
    answered: int
    failed: int
    over: _containers.RepeatedScalarFieldContainer[int]
    latency: Histogram
    run: Histogram
    def __init__(self, model: _Optional[str] = ..., epoch: _Optional[int] = ..., version: _Optional[int] = ..., role: _Optional[_Union[Role, str]] = ..., answered: _Optional[int] = ..., failed: _Optional[int] = ..., over: _Optional[_Iterable[int]] = ..., latency: _Optional[_Union[Histogram, _Mapping]] = ..., run: _Optional[_Union[Histogram, _Mapping]] = ...) -> None: ...

class PairStats(_message.Message):
    __slots__ = ("model", "epoch", "version", "live_version", "pairs", "disagreements", "flips_up", "flips_down", "delta", "sum_live", "sum_shadow", "sum_live_squared", "sum_shadow_squared", "sum_product", "run", "slice", "value", "equal", "not_finite", "sum_delta", "sum_delta_squared", "bins", "live_scores", "shadow_scores", "joint")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LIVE_VERSION_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENTS_FIELD_NUMBER: _ClassVar[int]
    FLIPS_UP_FIELD_NUMBER: _ClassVar[int]
    FLIPS_DOWN_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    SUM_LIVE_FIELD_NUMBER: _ClassVar[int]
    SUM_SHADOW_FIELD_NUMBER: _ClassVar[int]
    SUM_LIVE_SQUARED_FIELD_NUMBER: _ClassVar[int]
    SUM_SHADOW_SQUARED_FIELD_NUMBER: _ClassVar[int]
    SUM_PRODUCT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    SLICE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    EQUAL_FIELD_NUMBER: _ClassVar[int]
    NOT_FINITE_FIELD_NUMBER: _ClassVar[int]
    SUM_DELTA_FIELD_NUMBER: _ClassVar[int]
    SUM_DELTA_SQUARED_FIELD_NUMBER: _ClassVar[int]
    BINS_FIELD_NUMBER: _ClassVar[int]
    LIVE_SCORES_FIELD_NUMBER: _ClassVar[int]
    SHADOW_SCORES_FIELD_NUMBER: _ClassVar[int]
    JOINT_FIELD_NUMBER: _ClassVar[int]
    model: str
    epoch: int
    version: int
    live_version: int
    pairs: int
    disagreements: int
    flips_up: int
    flips_down: int
    delta: Histogram
    sum_live: float
    sum_shadow: float
    sum_live_squared: float
    sum_shadow_squared: float
    sum_product: float
    run: Histogram
    slice: str
    value: str
    equal: int
    not_finite: int
    sum_delta: float
    sum_delta_squared: float
    bins: str
    live_scores: Histogram
    shadow_scores: Histogram
    joint: Histogram
    def __init__(self, model: _Optional[str] = ..., epoch: _Optional[int] = ..., version: _Optional[int] = ..., live_version: _Optional[int] = ..., pairs: _Optional[int] = ..., disagreements: _Optional[int] = ..., flips_up: _Optional[int] = ..., flips_down: _Optional[int] = ..., delta: _Optional[_Union[Histogram, _Mapping]] = ..., sum_live: _Optional[float] = ..., sum_shadow: _Optional[float] = ..., sum_live_squared: _Optional[float] = ..., sum_shadow_squared: _Optional[float] = ..., sum_product: _Optional[float] = ..., run: _Optional[_Union[Histogram, _Mapping]] = ..., slice: _Optional[str] = ..., value: _Optional[str] = ..., equal: _Optional[int] = ..., not_finite: _Optional[int] = ..., sum_delta: _Optional[float] = ..., sum_delta_squared: _Optional[float] = ..., bins: _Optional[str] = ..., live_scores: _Optional[_Union[Histogram, _Mapping]] = ..., shadow_scores: _Optional[_Union[Histogram, _Mapping]] = ..., joint: _Optional[_Union[Histogram, _Mapping]] = ...) -> None: ...

class ShadowBooks(_message.Message):
    __slots__ = ("model", "epoch", "version", "run", "shed", "expired", "failed")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    SHED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    model: str
    epoch: int
    version: int
    run: int
    shed: int
    expired: int
    failed: int
    def __init__(self, model: _Optional[str] = ..., epoch: _Optional[int] = ..., version: _Optional[int] = ..., run: _Optional[int] = ..., shed: _Optional[int] = ..., expired: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...

class DriftTick(_message.Message):
    __slots__ = ("model", "version", "tick", "tick_s", "rows", "counts", "slice")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TICK_FIELD_NUMBER: _ClassVar[int]
    TICK_S_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    SLICE_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    tick: int
    tick_s: float
    rows: int
    counts: bytes
    slice: str
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., tick: _Optional[int] = ..., tick_s: _Optional[float] = ..., rows: _Optional[int] = ..., counts: _Optional[bytes] = ..., slice: _Optional[str] = ...) -> None: ...

class DriftCalls(_message.Message):
    __slots__ = ("model", "version", "tick", "tick_s", "sums")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TICK_FIELD_NUMBER: _ClassVar[int]
    TICK_S_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    tick: int
    tick_s: float
    sums: bytes
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., tick: _Optional[int] = ..., tick_s: _Optional[float] = ..., sums: _Optional[bytes] = ...) -> None: ...

class StatsReport(_message.Message):
    __slots__ = ("gateway_id", "arms", "pairs", "ticks", "calls", "told_through_unix_ms", "books")
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    TICKS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    TOLD_THROUGH_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    BOOKS_FIELD_NUMBER: _ClassVar[int]
    gateway_id: str
    arms: _containers.RepeatedCompositeFieldContainer[ArmStats]
    pairs: _containers.RepeatedCompositeFieldContainer[PairStats]
    ticks: _containers.RepeatedCompositeFieldContainer[DriftTick]
    calls: _containers.RepeatedCompositeFieldContainer[DriftCalls]
    told_through_unix_ms: int
    books: _containers.RepeatedCompositeFieldContainer[ShadowBooks]
    def __init__(self, gateway_id: _Optional[str] = ..., arms: _Optional[_Iterable[_Union[ArmStats, _Mapping]]] = ..., pairs: _Optional[_Iterable[_Union[PairStats, _Mapping]]] = ..., ticks: _Optional[_Iterable[_Union[DriftTick, _Mapping]]] = ..., calls: _Optional[_Iterable[_Union[DriftCalls, _Mapping]]] = ..., told_through_unix_ms: _Optional[int] = ..., books: _Optional[_Iterable[_Union[ShadowBooks, _Mapping]]] = ...) -> None: ...

class ReportAck(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetDriftRequest(_message.Message):
    __slots__ = ("model", "version", "from_unix_ms", "to_unix_ms", "points", "with_counts", "monitors", "slice")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FROM_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    TO_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    WITH_COUNTS_FIELD_NUMBER: _ClassVar[int]
    MONITORS_FIELD_NUMBER: _ClassVar[int]
    SLICE_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    from_unix_ms: int
    to_unix_ms: int
    points: int
    with_counts: bool
    monitors: _containers.RepeatedScalarFieldContainer[str]
    slice: str
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., from_unix_ms: _Optional[int] = ..., to_unix_ms: _Optional[int] = ..., points: _Optional[int] = ..., with_counts: bool = ..., monitors: _Optional[_Iterable[str]] = ..., slice: _Optional[str] = ...) -> None: ...

class DriftPoint(_message.Message):
    __slots__ = ("from_unix_ms", "rows", "psi", "ks", "missing_share")
    FROM_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    KS_FIELD_NUMBER: _ClassVar[int]
    MISSING_SHARE_FIELD_NUMBER: _ClassVar[int]
    from_unix_ms: int
    rows: int
    psi: float
    ks: float
    missing_share: float
    def __init__(self, from_unix_ms: _Optional[int] = ..., rows: _Optional[int] = ..., psi: _Optional[float] = ..., ks: _Optional[float] = ..., missing_share: _Optional[float] = ...) -> None: ...

class MonitorDrift(_message.Message):
    __slots__ = ("name", "is_score", "rows", "psi", "psi_corrected", "psi_p_value", "psi_lower", "ks_lo", "ks_hi", "ks_p_value", "missing_share", "missing_reference", "alarmed", "reason", "history", "since_unix_ms", "p_value", "listed", "edges", "reference", "window", "labels")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IS_SCORE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    PSI_CORRECTED_FIELD_NUMBER: _ClassVar[int]
    PSI_P_VALUE_FIELD_NUMBER: _ClassVar[int]
    PSI_LOWER_FIELD_NUMBER: _ClassVar[int]
    KS_LO_FIELD_NUMBER: _ClassVar[int]
    KS_HI_FIELD_NUMBER: _ClassVar[int]
    KS_P_VALUE_FIELD_NUMBER: _ClassVar[int]
    MISSING_SHARE_FIELD_NUMBER: _ClassVar[int]
    MISSING_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    ALARMED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    LISTED_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    name: str
    is_score: bool
    rows: int
    psi: float
    psi_corrected: float
    psi_p_value: float
    psi_lower: float
    ks_lo: float
    ks_hi: float
    ks_p_value: float
    missing_share: float
    missing_reference: float
    alarmed: bool
    reason: str
    history: _containers.RepeatedCompositeFieldContainer[DriftPoint]
    since_unix_ms: int
    p_value: float
    listed: bool
    edges: _containers.RepeatedScalarFieldContainer[float]
    reference: _containers.RepeatedScalarFieldContainer[int]
    window: _containers.RepeatedScalarFieldContainer[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., is_score: bool = ..., rows: _Optional[int] = ..., psi: _Optional[float] = ..., psi_corrected: _Optional[float] = ..., psi_p_value: _Optional[float] = ..., psi_lower: _Optional[float] = ..., ks_lo: _Optional[float] = ..., ks_hi: _Optional[float] = ..., ks_p_value: _Optional[float] = ..., missing_share: _Optional[float] = ..., missing_reference: _Optional[float] = ..., alarmed: bool = ..., reason: _Optional[str] = ..., history: _Optional[_Iterable[_Union[DriftPoint, _Mapping]]] = ..., since_unix_ms: _Optional[int] = ..., p_value: _Optional[float] = ..., listed: bool = ..., edges: _Optional[_Iterable[float]] = ..., reference: _Optional[_Iterable[int]] = ..., window: _Optional[_Iterable[int]] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class ArmDrift(_message.Message):
    __slots__ = ("name", "version", "against", "rows", "rows_against", "ks_lo", "ks_hi", "ks_p_value", "psi")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGAINST_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ROWS_AGAINST_FIELD_NUMBER: _ClassVar[int]
    KS_LO_FIELD_NUMBER: _ClassVar[int]
    KS_HI_FIELD_NUMBER: _ClassVar[int]
    KS_P_VALUE_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    against: int
    rows: int
    rows_against: int
    ks_lo: float
    ks_hi: float
    ks_p_value: float
    psi: float
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., against: _Optional[int] = ..., rows: _Optional[int] = ..., rows_against: _Optional[int] = ..., ks_lo: _Optional[float] = ..., ks_hi: _Optional[float] = ..., ks_p_value: _Optional[float] = ..., psi: _Optional[float] = ...) -> None: ...

class Drift(_message.Message):
    __slots__ = ("model", "version", "from_unix_ms", "to_unix_ms", "rows", "alpha", "tolerance", "monitors", "silent", "arms", "ks_tolerance", "slice", "slices", "calibration", "reference")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FROM_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    TO_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    MONITORS_FIELD_NUMBER: _ClassVar[int]
    SILENT_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    KS_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    SLICE_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    from_unix_ms: int
    to_unix_ms: int
    rows: int
    alpha: float
    tolerance: float
    monitors: _containers.RepeatedCompositeFieldContainer[MonitorDrift]
    silent: _containers.RepeatedScalarFieldContainer[str]
    arms: _containers.RepeatedCompositeFieldContainer[ArmDrift]
    ks_tolerance: float
    slice: str
    slices: _containers.RepeatedCompositeFieldContainer[SliceDrift]
    calibration: _containers.RepeatedCompositeFieldContainer[VersionCalibration]
    reference: str
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., from_unix_ms: _Optional[int] = ..., to_unix_ms: _Optional[int] = ..., rows: _Optional[int] = ..., alpha: _Optional[float] = ..., tolerance: _Optional[float] = ..., monitors: _Optional[_Iterable[_Union[MonitorDrift, _Mapping]]] = ..., silent: _Optional[_Iterable[str]] = ..., arms: _Optional[_Iterable[_Union[ArmDrift, _Mapping]]] = ..., ks_tolerance: _Optional[float] = ..., slice: _Optional[str] = ..., slices: _Optional[_Iterable[_Union[SliceDrift, _Mapping]]] = ..., calibration: _Optional[_Iterable[_Union[VersionCalibration, _Mapping]]] = ..., reference: _Optional[str] = ...) -> None: ...

class SliceDrift(_message.Message):
    __slots__ = ("name", "rows", "reference_rows", "alarmed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_ROWS_FIELD_NUMBER: _ClassVar[int]
    ALARMED_FIELD_NUMBER: _ClassVar[int]
    name: str
    rows: int
    reference_rows: int
    alarmed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., rows: _Optional[int] = ..., reference_rows: _Optional[int] = ..., alarmed: _Optional[_Iterable[str]] = ...) -> None: ...

class DriftPolicy(_message.Message):
    __slots__ = ("model", "false_alarms", "per_s", "psi_tolerance", "ks_tolerance", "missing_tolerance", "window_s", "clear", "raise_after_s", "clear_after_s", "design_effect", "min_rows", "muted", "actor", "reason", "set_unix_ms", "calibration_tolerance")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FALSE_ALARMS_FIELD_NUMBER: _ClassVar[int]
    PER_S_FIELD_NUMBER: _ClassVar[int]
    PSI_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    KS_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    MISSING_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    RAISE_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    CLEAR_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    DESIGN_EFFECT_FIELD_NUMBER: _ClassVar[int]
    MIN_ROWS_FIELD_NUMBER: _ClassVar[int]
    MUTED_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SET_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    model: str
    false_alarms: float
    per_s: float
    psi_tolerance: float
    ks_tolerance: float
    missing_tolerance: float
    window_s: float
    clear: float
    raise_after_s: float
    clear_after_s: float
    design_effect: float
    min_rows: int
    muted: bool
    actor: str
    reason: str
    set_unix_ms: int
    calibration_tolerance: float
    def __init__(self, model: _Optional[str] = ..., false_alarms: _Optional[float] = ..., per_s: _Optional[float] = ..., psi_tolerance: _Optional[float] = ..., ks_tolerance: _Optional[float] = ..., missing_tolerance: _Optional[float] = ..., window_s: _Optional[float] = ..., clear: _Optional[float] = ..., raise_after_s: _Optional[float] = ..., clear_after_s: _Optional[float] = ..., design_effect: _Optional[float] = ..., min_rows: _Optional[int] = ..., muted: bool = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., set_unix_ms: _Optional[int] = ..., calibration_tolerance: _Optional[float] = ...) -> None: ...

class DriftEvent(_message.Message):
    __slots__ = ("id", "kind", "model", "version", "slice", "monitor", "at_unix_ms", "since_unix_ms", "rows", "psi", "psi_lower", "ks", "ks_lower", "missing_share", "missing_reference", "p_value", "level", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SLICE_FIELD_NUMBER: _ClassVar[int]
    MONITOR_FIELD_NUMBER: _ClassVar[int]
    AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    PSI_LOWER_FIELD_NUMBER: _ClassVar[int]
    KS_FIELD_NUMBER: _ClassVar[int]
    KS_LOWER_FIELD_NUMBER: _ClassVar[int]
    MISSING_SHARE_FIELD_NUMBER: _ClassVar[int]
    MISSING_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: DriftEventKind
    model: str
    version: int
    slice: str
    monitor: str
    at_unix_ms: int
    since_unix_ms: int
    rows: int
    psi: float
    psi_lower: float
    ks: float
    ks_lower: float
    missing_share: float
    missing_reference: float
    p_value: float
    level: float
    reason: str
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[_Union[DriftEventKind, str]] = ..., model: _Optional[str] = ..., version: _Optional[int] = ..., slice: _Optional[str] = ..., monitor: _Optional[str] = ..., at_unix_ms: _Optional[int] = ..., since_unix_ms: _Optional[int] = ..., rows: _Optional[int] = ..., psi: _Optional[float] = ..., psi_lower: _Optional[float] = ..., ks: _Optional[float] = ..., ks_lower: _Optional[float] = ..., missing_share: _Optional[float] = ..., missing_reference: _Optional[float] = ..., p_value: _Optional[float] = ..., level: _Optional[float] = ..., reason: _Optional[str] = ...) -> None: ...

class GetShadowRequest(_message.Message):
    __slots__ = ("model", "from_epoch", "max_disagreement_share", "alpha")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FROM_EPOCH_FIELD_NUMBER: _ClassVar[int]
    MAX_DISAGREEMENT_SHARE_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    model: str
    from_epoch: int
    max_disagreement_share: float
    alpha: float
    def __init__(self, model: _Optional[str] = ..., from_epoch: _Optional[int] = ..., max_disagreement_share: _Optional[float] = ..., alpha: _Optional[float] = ...) -> None: ...

class ShadowComparison(_message.Message):
    __slots__ = ("version", "live_version", "slice", "value", "pairs", "disagreements", "equal", "not_finite", "flips_up", "flips_down", "delta_p50", "delta_p90", "delta_p99", "delta_max", "mean_shift", "pearson", "rank_correlation", "psi", "ks", "run_p50_us", "run_p99_us", "verdict", "need", "reason")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LIVE_VERSION_FIELD_NUMBER: _ClassVar[int]
    SLICE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENTS_FIELD_NUMBER: _ClassVar[int]
    EQUAL_FIELD_NUMBER: _ClassVar[int]
    NOT_FINITE_FIELD_NUMBER: _ClassVar[int]
    FLIPS_UP_FIELD_NUMBER: _ClassVar[int]
    FLIPS_DOWN_FIELD_NUMBER: _ClassVar[int]
    DELTA_P50_FIELD_NUMBER: _ClassVar[int]
    DELTA_P90_FIELD_NUMBER: _ClassVar[int]
    DELTA_P99_FIELD_NUMBER: _ClassVar[int]
    DELTA_MAX_FIELD_NUMBER: _ClassVar[int]
    MEAN_SHIFT_FIELD_NUMBER: _ClassVar[int]
    PEARSON_FIELD_NUMBER: _ClassVar[int]
    RANK_CORRELATION_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    KS_FIELD_NUMBER: _ClassVar[int]
    RUN_P50_US_FIELD_NUMBER: _ClassVar[int]
    RUN_P99_US_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    NEED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    version: int
    live_version: int
    slice: str
    value: str
    pairs: int
    disagreements: int
    equal: int
    not_finite: int
    flips_up: int
    flips_down: int
    delta_p50: float
    delta_p90: float
    delta_p99: float
    delta_max: float
    mean_shift: float
    pearson: float
    rank_correlation: float
    psi: float
    ks: float
    run_p50_us: float
    run_p99_us: float
    verdict: str
    need: int
    reason: str
    def __init__(self, version: _Optional[int] = ..., live_version: _Optional[int] = ..., slice: _Optional[str] = ..., value: _Optional[str] = ..., pairs: _Optional[int] = ..., disagreements: _Optional[int] = ..., equal: _Optional[int] = ..., not_finite: _Optional[int] = ..., flips_up: _Optional[int] = ..., flips_down: _Optional[int] = ..., delta_p50: _Optional[float] = ..., delta_p90: _Optional[float] = ..., delta_p99: _Optional[float] = ..., delta_max: _Optional[float] = ..., mean_shift: _Optional[float] = ..., pearson: _Optional[float] = ..., rank_correlation: _Optional[float] = ..., psi: _Optional[float] = ..., ks: _Optional[float] = ..., run_p50_us: _Optional[float] = ..., run_p99_us: _Optional[float] = ..., verdict: _Optional[str] = ..., need: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ShadowReport(_message.Message):
    __slots__ = ("model", "from_epoch", "to_epoch", "max_disagreement_share", "alpha", "books", "comparisons")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FROM_EPOCH_FIELD_NUMBER: _ClassVar[int]
    TO_EPOCH_FIELD_NUMBER: _ClassVar[int]
    MAX_DISAGREEMENT_SHARE_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    BOOKS_FIELD_NUMBER: _ClassVar[int]
    COMPARISONS_FIELD_NUMBER: _ClassVar[int]
    model: str
    from_epoch: int
    to_epoch: int
    max_disagreement_share: float
    alpha: float
    books: _containers.RepeatedCompositeFieldContainer[ShadowBooks]
    comparisons: _containers.RepeatedCompositeFieldContainer[ShadowComparison]
    def __init__(self, model: _Optional[str] = ..., from_epoch: _Optional[int] = ..., to_epoch: _Optional[int] = ..., max_disagreement_share: _Optional[float] = ..., alpha: _Optional[float] = ..., books: _Optional[_Iterable[_Union[ShadowBooks, _Mapping]]] = ..., comparisons: _Optional[_Iterable[_Union[ShadowComparison, _Mapping]]] = ...) -> None: ...
