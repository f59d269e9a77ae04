"""What only the supervisor knows, as metrics: its processes, the state in force, the disk. Read from its threads."""

import os
from collections.abc import Iterable, Iterator

from gateway.children import Child
from gateway.crew import Crew
from gateway.desired import Desired
from gateway.layout import Layout
from gateway.observe.edges import budgets_us, le
from gateway.scrape import Sample
from gnomon.domain import ALL_BP, DesiredState

MOST_MODELS = 1_000  # whose routes are shown


def live(layout: Layout, crew: Crew, consumers: Iterable[Child], desired: Desired) -> Iterator[Sample]:
    """One look."""
    for hand, child in zip(crew.hands, crew.children, strict=True):
        yield "gnomon_worker_ready", {"process": child.name}, int(hand.ready)
    for child in (*crew.children, *consumers):
        yield "gnomon_process_restarts_total", {"process": child.name}, child.restarts
    yield "gnomon_registry_connected", {}, int(desired.connected)
    yield "gnomon_applied_revision", {}, desired.processed_revision
    yield "gnomon_load_failures", {}, len(desired.failures)
    disk = os.statvfs(layout.root)
    yield "gnomon_disk_free_bytes", {}, disk.f_bavail * disk.f_frsize
    yield from routes(desired.served)


def routes(state: DesiredState) -> Iterator[Sample]:
    """Of every model: its epoch, what its arms are given, and the budget of its rollout."""
    for model in state.models[:MOST_MODELS]:
        route, labels = model.route, {"model": model.route.model}
        yield "gnomon_route_epoch", labels, route.revision
        for arm in route.arms:
            named = {**labels, "version": str(arm.version), "arm": arm.role.name.lower()}
            yield "gnomon_route_weight_ratio", named, arm.weight_bp / ALL_BP
        if route.latency_thresholds_us[:1] == budgets_us(route)[:1] != ():  # the budget comes first, or there is none
            budget_ns = 1_000 * route.latency_thresholds_us[0]
            yield "gnomon_route_budget_seconds", {**labels, "le": le(budget_ns)}, budget_ns / 1e9
