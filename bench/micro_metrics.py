"""What a scrape of /metrics takes, with 50 versions in two arms and the drift of 100 features of each.

    python -m bench.micro_metrics

The peer is `prometheus_client`: the same samples as its objects, made and formatted as a custom collector of it does.
Each figure is the median of a few repeats in one run on one core: compare within a run, not between runs.
"""

import http.client
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gateway.observe.arms import Arms, TotalKey
from gateway.observe.drift import Drift
from gateway.observe.edges import edges_ns
from gateway.observe.page import publish_arms
from gateway.observe.sheet import Sheet
from gateway.observe.ticks import TickKey
from gateway.pages import Page
from gateway.scrape import Scrape
from gnomon import web
from gnomon.stats.profile import Profile

VERSIONS, FEATURES = 50, 100
REPEATS = 15
TICK_S = 5.0
TARGET_MS = 20.0


def fill(page: Page) -> None:
    """Calls and latencies of all versions, each as stable and as canary."""
    arms, random = Arms(), np.random.default_rng(1)
    for version in range(1, VERSIONS + 1):
        for role in (1, 2):
            total = arms.totals[TotalKey("model", version, role)] = arms._total(TotalKey("model", version, role))
            total.cut(edges_ns((50_000, 3_271)))
            total.calls = {"answered": 1_000 * version, "failed": 3, "shed": 1}
            total.buckets += random.integers(0, 1_000, len(total.buckets))
    publish_arms(page, arms)


def drifting() -> Drift:
    """A window of each version."""
    random = np.random.default_rng(2)
    profile = Profile.fit(random.normal(size=(2_000, FEATURES)).astype(np.float32), tensor="x")
    drift = Drift(lambda model, version: profile, TICK_S)
    for version in range(1, VERSIONS + 1):
        tick = drift._tick(TickKey("model", version, int(time.time() // TICK_S)), profile.slots)
        tick.counts += random.poisson(profile.counts())
        tick.rows = profile.rows
    return drift


def judge_all(sheet: Sheet) -> float:
    """Milliseconds a version."""
    began = time.perf_counter()
    while sheet.look(time.time(), 0.0):
        pass
    return (time.perf_counter() - began) * 1e3 / VERSIONS


def median_ms(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def over_http(scrape: Scrape) -> float:
    """As Prometheus does it: a connection that stays, OpenMetrics, the whole body read. Milliseconds."""
    server = web.Server(("127.0.0.1", 0), {"/metrics": web.metrics_page(scrape)})
    connection = http.client.HTTPConnection("127.0.0.1", server.port)

    def ask() -> bytes:
        connection.request("GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
        return connection.getresponse().read()

    taken_ms = median_ms(ask)
    connection.close()
    server.stop()
    return taken_ms


def by_the_client(text: str) -> Callable[[], bytes]:
    """The same metrics, collected and formatted by prometheus_client."""
    from prometheus_client import CollectorRegistry, Metric, generate_latest
    from prometheus_client.parser import text_string_to_metric_families
    from prometheus_client.registry import Collector

    kept = list(text_string_to_metric_families(text))

    class Same(Collector):
        def collect(self) -> Iterator[Metric]:
            for family in kept:
                made = Metric(family.name, family.documentation, family.type)
                for sample in family.samples:
                    made.add_sample(sample.name, sample.labels, sample.value)
                yield made

    registry = CollectorRegistry()
    registry.register(Same())
    return lambda: generate_latest(registry)


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(Page.create(folder / "observer.page", 16_384))
        sheet = Sheet(drifting(), folder / "drift.prom", versions=VERSIONS, features=FEATURES)
        judged_ms = judge_all(sheet)
        named = Scrape(folder, versions=VERSIONS, sheet=(folder / "drift.prom").read_bytes)
        folded = Scrape(folder, versions=VERSIONS // 2, sheet=(folder / "drift.prom").read_bytes)
        text = named().decode()
        client = by_the_client(text)
        print(f"{VERSIONS} versions, {FEATURES} features: {text.count(chr(10)):,} lines, {len(text) / 1e6:.1f} MB")
        print(f"  scrape, all versions named      {median_ms(named):7.1f} ms   (at most {TARGET_MS:g} wanted)")
        print(f"  the same over HTTP              {over_http(named):7.1f} ms")
        print(f"  scrape, half of them as other   {median_ms(folded):7.1f} ms")
        print(f"  prometheus_client, same samples {median_ms(client):7.1f} ms")
        print(f"  judging a version, in the observer's time {judged_ms:.1f} ms")


if __name__ == "__main__":
    main()
