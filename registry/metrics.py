"""What a registry shows to Prometheus: gateways, rollouts, and what their gates last said.

The numbers are those of the latest look of the rollout loop; nothing is decided here.
"""

import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from gnomon.domain import ALL_BP
from gnomon.exposition import GAUGE, Described, families, render
from gnomon.rollout import GateVerdict, Rollout
from registry.rollout.controller import Controller
from registry.stats import Seen, Stats
from registry.watch import Watch

GATEWAY: Final = ("gateway",)
ROLLOUT: Final = ("model", "version")
GATE: Final = ("model", "version", "gate")
VERDICTS: Final = {"fail": -1, "need_more": 0, "pass": 1}

METRICS: Final[dict[str, Described]] = {
    "gnomon_registry_build_info": Described(GAUGE, "The program's version, as a label of 1.", ("version",)),
    "gnomon_registry_watchers": Described(GAUGE, "Gateways that watch."),
    "gnomon_registry_revision": Described(GAUGE, "Revision of the state that gateways are told."),
    "gnomon_registry_gateway_age_seconds": Described(GAUGE, "Since a gateway was last heard of.", GATEWAY),
    "gnomon_registry_gateway_revision": Described(GAUGE, "Revision that a gateway serves.", GATEWAY),
    "gnomon_registry_gateway_workers": Described(GAUGE, "Workers of a gateway that serve it.", GATEWAY),
    "gnomon_registry_gateway_load_failures": Described(GAUGE, "Versions that a gateway could not load.", GATEWAY),
    "gnomon_rollout_step": Described(GAUGE, "Step of a running rollout, from 1.", ROLLOUT),
    "gnomon_rollout_steps": Described(GAUGE, "Steps of its policy.", ROLLOUT),
    "gnomon_rollout_started_timestamp_seconds": Described(GAUGE, "When it began.", ROLLOUT),
    "gnomon_rollout_weight_ratio": Described(GAUGE, "Share of the calls that its step gives the candidate.", ROLLOUT),
    "gnomon_rollout_state": Described(
        GAUGE, "1: how the latest rollout of a model stands: running, promoted, stopped.", (*ROLLOUT, "state")
    ),
    "gnomon_registry_drift_alarms": Described(
        GAUGE,
        "Alarms that stand, by the model's policy; slice is empty for all traffic.",
        ("model", "version", "slice"),
    ),
    "gnomon_gate_verdict": Described(GAUGE, "What a gate says: 1 pass, 0 need more, -1 fail.", GATE),
    "gnomon_gate_need": Described(GAUGE, "Calls that it still needs, about.", GATE),
    "gnomon_gate_seen": Described(GAUGE, "Calls it has seen in this step.", GATE),
    "gnomon_gate_log_e": Described(GAUGE, "Evidence against the candidate, a natural logarithm.", GATE),
    "gnomon_gate_fail_at": Described(GAUGE, "Evidence at which it fails.", GATE),
    "gnomon_gate_log_e_compliance": Described(GAUGE, "Evidence that the limit is kept.", GATE),
    "gnomon_gate_pass_at": Described(GAUGE, "Evidence of that which it needs to pass.", GATE),
}
NUMBERS: Final = ("seen", "log_e", "fail_at", "log_e_compliance", "pass_at")  # of a verdict's evidence
Sample = tuple[str, Mapping[str, str], float]
Part = tuple[str, int, str]  # model, version, slice


async def scrape(
    controller: Controller, stats: Stats, watch: Watch, alarms: Mapping[Part, int], *, openmetrics: bool
) -> bytes:
    """The answer to a scrape; two small queries in the store's thread."""
    samples = [
        ("gnomon_registry_build_info", {"version": importlib.metadata.version("gnomon")}, 1),
        ("gnomon_registry_watchers", {}, watch.watchers),
        ("gnomon_registry_revision", {}, watch.revision),
        *gateways(stats.seen()),
        *drift(alarms),
        *rollouts(await controller.running()),
        *states(await controller.latest_states()),
    ]
    return render(families(METRICS, samples), openmetrics=openmetrics)


def gateways(seen: Iterable[tuple[Seen, float]]) -> Iterator[Sample]:
    """Of each gateway that was ever heard of: its last word, and how many seconds ago that was."""
    for heard, age_s in seen:
        status, labels = heard.status, {"gateway": heard.status.gateway_id}
        yield "gnomon_registry_gateway_age_seconds", labels, age_s
        yield "gnomon_registry_gateway_revision", labels, status.applied_revision
        yield "gnomon_registry_gateway_workers", labels, status.workers
        yield "gnomon_registry_gateway_load_failures", labels, len(status.failures)


def drift(alarms: Mapping[Part, int]) -> Iterator[Sample]:
    for (model, version, of_slice), standing in alarms.items():
        yield "gnomon_registry_drift_alarms", {"model": model, "version": str(version), "slice": of_slice}, standing


def rollouts(running: Iterable[Rollout]) -> Iterator[Sample]:
    """How far each running rollout is, and what its gates say."""
    for rollout in running:
        labels = {"model": rollout.model, "version": str(rollout.version)}
        step = rollout.policy.steps[rollout.step]
        yield "gnomon_rollout_step", labels, rollout.step + 1
        yield "gnomon_rollout_steps", labels, len(rollout.policy.steps)
        yield "gnomon_rollout_started_timestamp_seconds", labels, rollout.started_unix_ms // 1000
        yield "gnomon_rollout_weight_ratio", labels, step.weight_bp / ALL_BP
        for verdict in rollout.latest:
            yield from gate(verdict, {**labels, "gate": verdict.gate})


def gate(verdict: GateVerdict, labels: Mapping[str, str]) -> Iterator[Sample]:
    """One verdict with its numbers; those that are not finite are left out."""
    yield "gnomon_gate_verdict", labels, VERDICTS[verdict.verdict]
    yield "gnomon_gate_need", labels, verdict.need
    numbers = json.loads(verdict.evidence_json or "{}")
    for name in NUMBERS:
        if numbers.get(name) is not None:
            yield f"gnomon_gate_{name}", labels, numbers[name]


def states(latest: Iterable[tuple[str, int, str]]) -> Iterator[Sample]:
    """(model, version, state) of each model's latest rollout."""
    for model, version, state in latest:
        yield "gnomon_rollout_state", {"model": model, "version": str(version), "state": state}, 1
