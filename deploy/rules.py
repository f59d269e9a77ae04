"""Recording and alert rules. An alert says what is wrong, how long it must have been so, and what to do."""

from dataclasses import dataclass
from typing import Final

PAGE: Final = "docs/operations.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A series that dashboards and alerts share, with the labels that its name begins with."""

    record: str
    by: tuple[str, ...]
    expr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`wait` is how long it must hold; `severity` is page (now), ticket (today) or note."""

    alert: str
    expr: str
    wait: str
    severity: str
    summary: str
    remedy: str


CALLS = "model_version_arm_status:gnomon_calls:rate5m"
ERRORS = "model_version_arm:gnomon_errors:ratio_rate5m"
BUCKETS = "model_version_arm_le:gnomon_call_latency_seconds_bucket:rate5m"
P99 = "model_version_arm:gnomon_call_latency_seconds:p99_rate5m"
OVER_BUDGET = "model_version_arm:gnomon_over_budget:ratio_rate5m"
SHED = "instance:gnomon_shed:ratio_rate5m"
DISAGREE = "model_version_live_version:gnomon_shadow_disagreements:ratio_rate1h"

ARM: Final = ("model", "version", "arm")
RECORDINGS: Final = (
    Recording(
        record=CALLS, by=(*ARM, "status"), expr="sum by (model, version, arm, status) (rate(gnomon_calls_total[5m]))"
    ),
    Recording(
        record=ERRORS,
        by=ARM,
        expr=f"""sum by (model, version, arm) ({CALLS}{{status="failed"}})
  / sum by (model, version, arm) ({CALLS}{{status=~"failed|answered"}})""",
    ),
    Recording(
        record=BUCKETS,
        by=(*ARM, "le"),
        expr="sum by (model, version, arm, le) (rate(gnomon_call_latency_seconds_bucket[5m]))",
    ),
    Recording(record=P99, by=ARM, expr=f"histogram_quantile(0.99, {BUCKETS})"),
    # The bucket whose edge is the budget, against all: exact, where a quantile of a histogram is not.
    Recording(
        record=OVER_BUDGET,
        by=ARM,
        expr=f"""1 - sum by (model, version, arm) (
    {BUCKETS} * on (model, le) group_left () (max by (model, le) (gnomon_route_budget_seconds) > bool 0)
  )
  / sum by (model, version, arm) ({BUCKETS}{{le="+Inf"}} > 0)""",
    ),
    Recording(
        record=SHED,
        by=("instance",),
        expr="""sum by (instance) (rate(gnomon_worker_shed_total[5m]))
  / (sum by (instance) (rate(gnomon_worker_received_total[5m])) > 0)""",
    ),
    Recording(
        record=DISAGREE,
        by=("model", "version", "live_version"),
        expr="""sum by (model, version, live_version) (rate(gnomon_shadow_disagreements_total[1h]))
  / (sum by (model, version, live_version) (rate(gnomon_shadow_pairs_total[1h])) > 0)""",
    ),
)

ALERTS: Final = (
    Alert(
        alert="GnomonDown", expr='up{job=~"gnomon.*"} == 0', wait="2m", severity="page",
        summary="{{ $labels.job }} at {{ $labels.instance }} does not answer",
        remedy="start it again; a gateway serves its last state without the registry",
    ),
    Alert(
        alert="GnomonWorkerNotReady", expr="gnomon_worker_ready == 0", wait="5m", severity="page",
        summary="worker {{ $labels.process }} at {{ $labels.instance }} does not serve the state in force",
        remedy="its log under log/ says what it cannot load",
    ),
    Alert(
        alert="GnomonProcessRestarts", expr="increase(gnomon_process_restarts_total[15m]) > 2", wait="0m",
        severity="ticket", summary="{{ $labels.process }} at {{ $labels.instance }} keeps ending",
        remedy="its log under log/ says why",
    ),
    Alert(
        alert="GnomonJournalDiskFull", expr="gnomon_worker_journal_failing == 1", wait="15s", severity="page",
        summary="{{ $labels.process }} at {{ $labels.instance }} gets no journal segment: records are about to be lost",
        remedy="free the disk; it recovers by itself",
    ),
    Alert(
        alert="GnomonJournalLosing", expr="increase(gnomon_worker_journal_lost_total[5m]) > 0", wait="0m",
        severity="page", summary="{{ $labels.process }} at {{ $labels.instance }} answers calls it cannot record",
        remedy="free the disk; it recovers by itself",
    ),
    Alert(
        alert="GnomonDiskFillsUp", expr="predict_linear(gnomon_disk_free_bytes[1h], 4 * 3600) < 0", wait="15m",
        severity="ticket", summary="the disk of {{ $labels.instance }} is full within four hours",
        remedy="more disk, or smaller retention_bytes and retention_s",
    ),
    Alert(
        alert="GnomonConsumerMissed",
        expr="increase(gnomon_consumer_missed_total[10m]) > 0 or increase(gnomon_retention_unread_total[10m]) > 0",
        wait="0m", severity="ticket",
        summary="{{ $labels.consumer }} at {{ $labels.instance }} came too late for records of {{ $labels.journal }}",
        remedy="more disk, or find out why it is slow",
    ),
    Alert(
        alert="GnomonConsumerBehind",
        expr='gnomon_consumer_pending{consumer!="shadow"} > 100000 and deriv(gnomon_consumer_pending[10m]) > 0',
        wait="10m", severity="ticket", summary="{{ $labels.consumer }} at {{ $labels.instance }} falls behind",
        remedy="its log under log/ says what it waits for; a store or a broker that does not answer shows as errors",
    ),
    Alert(
        alert="GnomonExportFails",
        expr="increase(gnomon_shipped_errors_total[15m]) > 3 or increase(gnomon_published_errors_total[15m]) > 3",
        wait="0m", severity="ticket", summary="{{ $labels.process }} at {{ $labels.instance }} cannot export",
        remedy="the store or the broker refuses; segments wait in the journal until retention_bytes takes them",
    ),
    Alert(
        alert="GnomonShedding", expr=f"{SHED} > 0.01", wait="5m", severity="page",
        summary="{{ $value | humanizePercentage }} of the calls to {{ $labels.instance }} are shed",
        remedy="more workers or hosts; gnomon_worker_shed_total has the reasons",
    ),
    Alert(
        alert="GnomonErrors", expr=f'{ERRORS}{{arm!="shadow"}} > 0.01', wait="5m", severity="page",
        summary="{{ $labels.model }} version {{ $labels.version }}: {{ $value | humanizePercentage }} of calls fail",
        remedy="gnomon rollout abort, or gnomon route set to a version that is well; gnomon trace tells what failed",
    ),
    Alert(
        alert="GnomonOverBudget", expr=f'{OVER_BUDGET}{{arm!="shadow"}} > 0.01', wait="10m", severity="page",
        summary="{{ $labels.model }} version {{ $labels.version }}: {{ $value | humanizePercentage }} of the calls are"
        " slower than the p99 budget",
        remedy="gnomon_call_stage_seconds_total says whether they wait or run",
    ),
    Alert(
        alert="GnomonDrift", expr="gnomon_registry_drift_alarms > 0", wait="0m", severity="ticket",
        summary="{{ $value }} features or scores of {{ $labels.model }} version {{ $labels.version }} have drifted"
        "{{ if $labels.slice }} in {{ $labels.slice }}{{ end }}",
        remedy="gnomon drift show; by the model's own policy and budget of false alarms, so no further wait",
    ),
    Alert(
        alert="GnomonDriftNotJudged", expr="time() - gnomon_drift_judged_timestamp_seconds > 900", wait="5m",
        severity="note", summary="drift of {{ $labels.model }} version {{ $labels.version }} was not judged for long",
        remedy="the observer is gone, or far behind: gnomon_consumer_pending",
    ),
    Alert(
        alert="GnomonRegistryGone", expr="gnomon_registry_connected == 0", wait="5m", severity="page",
        summary="{{ $labels.instance }} does not hear the registry, and serves its last state on",
        remedy="start the registry",
    ),
    Alert(
        alert="GnomonStale",
        expr="gnomon_applied_revision < on () group_left () max(gnomon_registry_revision)", wait="5m",
        severity="ticket", summary="{{ $labels.instance }} serves an old state",
        remedy="gnomon journal status names what keeps out",
    ),
    Alert(
        alert="GnomonLoadFails", expr="gnomon_load_failures > 0", wait="5m", severity="ticket",
        summary="{{ $value }} versions cannot be loaded at {{ $labels.instance }}: their models keep the old route",
        remedy="gnomon journal status names them, and why",
    ),
    Alert(
        alert="GnomonGatewaySilent", expr="gnomon_registry_gateway_age_seconds > 60", wait="1m", severity="ticket",
        summary="gateway {{ $labels.gateway }} has told the registry nothing for {{ $value | humanizeDuration }}",
        remedy="it is gone, or cannot reach the registry; a rollout does not wait for it",
    ),
    Alert(
        alert="GnomonGateFails", expr="gnomon_gate_verdict == -1", wait="0m", severity="note",
        summary="gate {{ $labels.gate }} stops {{ $labels.model }} version {{ $labels.version }}",
        remedy="the rollout goes back by itself; gnomon rollout show has the evidence",
    ),
    Alert(
        alert="GnomonCountsRefused", expr="increase(gnomon_page_refused_total[15m]) > 0", wait="0m", severity="note",
        summary="{{ $labels.process }} at {{ $labels.instance }} has more to count than a page holds",
        remedy="some versions are not counted; report it",
    ),
)  # fmt: skip


def text() -> str:
    """rules.yml."""
    lines = ["# Made by `python -m deploy.generate`; edit deploy/rules.py.", "groups:"]
    lines += ["  - name: gnomon-recordings", "    rules:"]
    for recording in RECORDINGS:
        lines += [f"      - record: {recording.record}", *_block("expr", recording.expr, 8)]
    lines += ["  - name: gnomon-alerts", "    rules:"]
    for alert in ALERTS:
        lines += [f"      - alert: {alert.alert}", *_block("expr", alert.expr, 8)]
        lines += [f"        for: {alert.wait}", "        labels:", f"          severity: {alert.severity}"]
        lines += ["        annotations:", *_block("summary", alert.summary, 10), *_block("remedy", alert.remedy, 10)]
        lines += [f"          runbook: {PAGE}"]
    return "\n".join(lines) + "\n"


def _block(key: str, value: str, indent: int) -> list[str]:
    """A text as YAML takes it whatever is in it: a block, its line ends kept but for the last."""
    return [f"{' ' * indent}{key}: |-", *(f"{' ' * (indent + 2)}{line}" for line in value.splitlines())]
