"""Dashboards for Grafana: what each panel asks, laid out by rows. The JSON is made; nothing in it is edited by hand."""

import json
from dataclasses import dataclass
from typing import Any, Final

from deploy.rules import BUCKETS, CALLS, DISAGREE, ERRORS, OVER_BUDGET, P99, SHED

WIDTH, HEIGHT = 24, 8  # Grafana's columns, and rows a panel takes
SECONDS, SHARE, RATE, BYTES, COUNT = "s", "percentunit", "reqps", "bytes", "short"
SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
MODEL: Final = 'model=~"$model"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph; `asks` are (expression, legend)."""

    title: str
    unit: str
    asks: tuple[tuple[str, str], ...]
    kind: str = "timeseries"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Rows of panels, side by side. `variables` are (name, what lists its values)."""

    name: str
    title: str
    rows: tuple[tuple[Panel, ...], ...]
    variables: tuple[tuple[str, str], ...] = (("model", "label_values(gnomon_calls_total, model)"),)


ARM = "{{model}} {{version}} {{arm}}"
WHO = "{{instance}} {{process}}"

OVERVIEW = Dashboard(
    "overview", "Gnomon: overview",
    (
        (
            Panel("Calls a second", RATE, ((f"sum by (model, status) ({CALLS})", "{{model}} {{status}}"),)),
            Panel("p99", SECONDS, ((f'{P99}{{arm!="shadow"}}', ARM),)),
            Panel("Slower than the budget", SHARE, ((f'{OVER_BUDGET}{{arm!="shadow"}}', ARM),)),
        ),
        (
            Panel("Shed", SHARE, ((SHED, "{{instance}}"),)),
            Panel("Why", RATE, (("sum by (reason) (rate(gnomon_worker_shed_total[5m]))", "{{reason}}"),)),
            Panel("Failed", SHARE, ((f"{ERRORS} > 0", ARM),)),
        ),
        (
            Panel("In flight", COUNT, (("gnomon_worker_in_flight", WHO),)),
            Panel("Work that waits", SECONDS, (("gnomon_worker_backlog_seconds", WHO),)),
            Panel("Workers that serve", COUNT, (("sum by (instance) (gnomon_worker_ready)", "{{instance}}"),)),
        ),
        (
            Panel("Journaled a second", RATE, (
                ("sum by (instance) (rate(gnomon_worker_journaled_total[5m]))", "{{instance}}"),)),
            Panel("Lost", COUNT, (("increase(gnomon_worker_journal_lost_total[5m])", WHO),
                                  ("increase(gnomon_consumer_missed_total[5m])", "{{consumer}} {{journal}} missed"))),
            Panel("Consumers behind", COUNT, (("gnomon_consumer_pending", "{{instance}} {{consumer}} {{journal}}"),)),
        ),
        (
            Panel("Restarts", COUNT, (("increase(gnomon_process_restarts_total[1h])", WHO),)),
            Panel("Free disk", BYTES, (("gnomon_disk_free_bytes", "{{instance}}"),)),
            Panel("Revision", COUNT, (("gnomon_applied_revision", "{{instance}}"),
                                      ("max(gnomon_registry_revision)", "registry"))),
        ),
    ),
    variables=(),
)  # fmt: skip

OF_MODEL = Dashboard(
    "model", "Gnomon: model",
    (
        (
            Panel("Calls a second", RATE, ((f"sum by (version, arm, status) ({CALLS}{{{MODEL}}})",
                                            "{{version}} {{arm}} {{status}}"),)),
            Panel("Share of an arm, as routed", SHARE, ((f"gnomon_route_weight_ratio{{{MODEL}}}", ARM),)),
            Panel("Epoch of the route", COUNT, ((f"gnomon_route_epoch{{{MODEL}}}", "{{instance}} {{model}}"),)),
        ),
        (
            Panel("p50, p99 and the budget", SECONDS, (
                (f"histogram_quantile(0.5, {BUCKETS}{{{MODEL}}})", f"p50 {ARM}"),
                (f"{P99}{{{MODEL}}}", f"p99 {ARM}"),
                (f"max by (model) (gnomon_route_budget_seconds{{{MODEL}}})", "budget"))),
            Panel("Slower than the budget", SHARE, ((f"{OVER_BUDGET}{{{MODEL}}}", ARM),)),
            Panel("Latency", SECONDS,
                  ((f"sum by (le) (rate(gnomon_call_latency_seconds_bucket{{{MODEL}}}[5m]))", "{{le}}"),), "heatmap"),
        ),
        (
            Panel("Where the time goes, a call", SECONDS, (
                (f"sum by (stage) (rate(gnomon_call_stage_seconds_total{{{MODEL}}}[5m])) / on () group_left ()"
                 f" sum(rate(gnomon_call_latency_seconds_count{{{MODEL}}}[5m]))", "{{stage}}"),)),
            Panel("Rows of a run", COUNT, (
                (f"sum(rate(gnomon_run_rows_sum{{{MODEL}}}[5m])) / sum(rate(gnomon_run_rows_count{{{MODEL}}}[5m]))",
                 "mean"),
                (f"histogram_quantile(0.95, sum by (le) (rate(gnomon_run_rows_bucket{{{MODEL}}}[5m])))", "p95"))),
            Panel("Failed", SHARE, ((f"{ERRORS}{{{MODEL}}}", ARM),)),
        ),
    ),
)  # fmt: skip

ROLLOUT = Dashboard(
    "rollout", "Gnomon: rollouts and shadows",
    (
        (
            Panel("Step", COUNT, ((f"gnomon_rollout_step{{{MODEL}}}", "{{model}} {{version}}"),
                                  (f"gnomon_rollout_steps{{{MODEL}}}", "of"))),
            Panel("How the latest one stands", COUNT, (
                (f"gnomon_rollout_state{{{MODEL}}}", "{{model}} {{version}} {{state}}"),), "stat"),
            Panel("Gates: 1 pass, 0 need more, -1 fail", COUNT, ((f"gnomon_gate_verdict{{{MODEL}}}", "{{gate}}"),)),
        ),
        (
            Panel("Evidence against the candidate", COUNT, (
                (f"gnomon_gate_log_e{{{MODEL}}}", "{{gate}}"),
                (f"gnomon_gate_fail_at{{{MODEL}}}", "{{gate}} fails at"))),
            Panel("Evidence that a limit is kept", COUNT, (
                (f"gnomon_gate_log_e_compliance{{{MODEL}}}", "{{gate}}"),
                (f"gnomon_gate_pass_at{{{MODEL}}}", "{{gate}} passes at"))),
            Panel("Calls seen, and needed", COUNT, (
                (f"gnomon_gate_seen{{{MODEL}}}", "{{gate}} seen"),
                (f"gnomon_gate_need{{{MODEL}}}", "{{gate}} needs"))),
        ),
        (
            Panel("p99 by arm", SECONDS, ((f"{P99}{{{MODEL}}}", ARM),)),
            Panel("Failed by arm", SHARE, ((f"{ERRORS}{{{MODEL}}}", ARM),)),
            Panel("Disagreement with the live version", SHARE, (
                (f"{DISAGREE}{{{MODEL}}}", "{{version}} with {{live_version}}"),)),
        ),
        (
            Panel("Offered to a shadow", RATE, (
                (f"sum by (version) (rate(gnomon_shadow_offered_total{{{MODEL}}}[5m]))", "{{version}}"),)),
            Panel("Left out", RATE, (
                (f"sum by (version) (rate(gnomon_shadow_shed_total{{{MODEL}}}[5m]))", "{{version}} shed"),
                (f"sum by (version) (rate(gnomon_shadow_expired_total{{{MODEL}}}[5m]))", "{{version}} expired"),
                (f"sum by (version) (rate(gnomon_shadow_failed_total{{{MODEL}}}[5m]))", "{{version}} failed"))),
            Panel("Shadow behind", COUNT, (
                ('gnomon_consumer_pending{consumer="shadow"}', "{{instance}} {{journal}}"),)),
        ),
        (
            Panel("Gateways: heard of", SECONDS, (("gnomon_registry_gateway_age_seconds", "{{gateway}}"),)),
            Panel("Gateways: revision", COUNT, (("gnomon_registry_gateway_revision", "{{gateway}}"),
                                                ("gnomon_registry_revision", "wanted"))),
            Panel("Versions that cannot be loaded", COUNT, (
                ("gnomon_registry_gateway_load_failures", "{{gateway}}"),)),
        ),
    ),
)  # fmt: skip

FEATURE = "{{version}} {{feature}}"
DRIFT = Dashboard(
    "drift", "Gnomon: drift",
    (
        (
            Panel("Features and scores that have drifted", COUNT, (
                (f"gnomon_drift_alarmed_features{{{MODEL}}}", "{{instance}} {{model}} {{version}}"),)),
            Panel("Rows in the window", COUNT, ((f"gnomon_drift_rows{{{MODEL}}}", "{{instance}} {{version}}"),)),
            Panel("Since it was judged", SECONDS, (
                (f"time() - gnomon_drift_judged_timestamp_seconds{{{MODEL}}}", "{{instance}} {{version}}"),)),
        ),
        (
            Panel("PSI, at least: the ten most drifted", COUNT, (
                (f"topk(10, max by (version, feature) (gnomon_drift_psi_lower{{{MODEL}}}))", FEATURE),)),
            Panel("PSI: the ten highest", COUNT, (
                (f"topk(10, max by (version, feature) (gnomon_drift_psi{{{MODEL}}}))", FEATURE),)),
        ),
        (
            Panel("KS distance: the ten highest", COUNT, (
                (f"topk(10, max by (version, feature) (gnomon_drift_ks{{{MODEL}}}))", FEATURE),)),
            Panel("Missing values: the ten highest", SHARE, (
                (f"topk(10, max by (version, feature) (gnomon_drift_missing_ratio{{{MODEL}}}))", FEATURE),)),
        ),
    ),
)  # fmt: skip

ALL: Final = (OVERVIEW, OF_MODEL, ROLLOUT, DRIFT)


def text(dashboard: Dashboard) -> str:
    """As Grafana imports it."""
    panels: list[dict[str, Any]] = []
    for y, row in enumerate(dashboard.rows):
        width = WIDTH // len(row)
        for x, panel in enumerate(row):
            place = {"h": HEIGHT, "w": width, "x": x * width, "y": y * HEIGHT}
            panels.append(_panel(panel, len(panels) + 1, place))
    variables = [{"name": "source", "type": "datasource", "query": "prometheus"}]
    variables += [_variable(name, query) for name, query in dashboard.variables]
    made = {
        "uid": f"gnomon-{dashboard.name}", "title": dashboard.title, "tags": ["gnomon"], "schemaVersion": 39,
        "editable": True, "refresh": "15s", "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": variables}, "panels": panels,
    }  # fmt: skip
    return json.dumps(made, indent=1) + "\n"


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    is_heatmap = panel.kind == "heatmap"
    targets = [
        {
            "refId": chr(ord("A") + index), "datasource": SOURCE, "expr": ask, "legendFormat": legend,
            "format": "heatmap" if is_heatmap else "time_series",
        }
        for index, (ask, legend) in enumerate(panel.asks)
    ]  # fmt: skip
    made = {
        "id": number, "title": panel.title, "type": panel.kind, "datasource": SOURCE, "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []}, "targets": targets,
    }  # fmt: skip
    return made | ({"options": {"calculate": False, "yAxis": {"unit": panel.unit}}} if is_heatmap else {})


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name, "type": "query", "datasource": SOURCE, "query": query, "refresh": 2, "multi": True,
        "includeAll": True, "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip
