"""What a gateway shows to Prometheus: the pages of its processes, read at every scrape."""

import importlib.metadata
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    UnknownMetricFamily,
)
from prometheus_client.registry import Collector

from gateway.pages import PageCorrupt, Reading, read_page

log = logging.getLogger(__name__)

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
NS_PER_S = 1e-9

# What each metric is, by the name of its counter on a page. A histogram's counters end in _bucket (cumulative, with a
# label `le`) and _sum, in nanoseconds where its name ends in _seconds.
METRICS: Final[dict[str, tuple[str, str]]] = {
    "gnomon_worker_received_total": (COUNTER, "Calls of ModelInfer that reached a worker."),
    "gnomon_worker_shed_total": (
        COUNTER,
        "Calls that were shed, by why: too many, too much work, too late, not ready.",
    ),
    "gnomon_worker_ended_total": (COUNTER, "Calls by how they ended; received less these is in flight."),
    "gnomon_worker_in_flight": (GAUGE, "Calls being worked on."),
    "gnomon_worker_journaled_total": (COUNTER, "Answered calls written to the journal."),
    "gnomon_worker_journal_lost_total": (COUNTER, "Calls there was no journal segment for."),
    "gnomon_worker_journal_failing": (GAUGE, "1 while the disk gives no journal segment and records are lost."),
    "gnomon_worker_unrecorded_total": (COUNTER, "Calls that a killed worker had begun and not journaled."),
    "gnomon_worker_books_first_sequence": (GAUGE, "Sequence of the journal that the page's counts begin with."),
    "gnomon_worker_books_sequence": (GAUGE, "Sequence of the journal when the worker last started."),
    "gnomon_worker_books_ended": (GAUGE, "Calls that had ended when the worker last started."),
    "gnomon_worker_shadow_offered_total": (COUNTER, "Answered calls whose route had a shadow arm."),
    "gnomon_worker_collections_total": (COUNTER, "Garbage collections of a worker."),
    "gnomon_worker_collection_ns_total": (COUNTER, "Nanoseconds they took."),
    "gnomon_worker_collection_longest_ns": (GAUGE, "Nanoseconds the longest since its start took."),
    "gnomon_calls_total": (COUNTER, "Calls in the journal, by model, version, arm and status."),
    "gnomon_call_latency_seconds": (HISTOGRAM, "Arrival to reply of answered calls."),
    "gnomon_shadow_offered_total": (COUNTER, "Calls offered to a shadow: run + shed + expired + failed."),
    "gnomon_shadow_run_total": (COUNTER, "Calls a shadow has run."),
    "gnomon_shadow_shed_total": (COUNTER, "Calls left out because the shadow was too far behind."),
    "gnomon_shadow_expired_total": (COUNTER, "Calls left out because they were too old."),
    "gnomon_shadow_failed_total": (COUNTER, "Calls a shadow could not run."),
    "gnomon_shadow_restarts_total": (COUNTER, "Processes of a shadow arm that died or were ended."),
    "gnomon_shadow_pairs_total": (COUNTER, "Rows scored by both a shadow and a live version."),
    "gnomon_shadow_disagreements_total": (COUNTER, "Pairs whose scores differ by more than the route tolerates."),
    "gnomon_shipped_rows_total": (COUNTER, "Calls exported to Parquet."),
    "gnomon_shipped_segments_total": (COUNTER, "Journal segments exported."),
    "gnomon_shipped_files_total": (COUNTER, "Parquet files written."),
    "gnomon_shipped_bytes_total": (COUNTER, "Bytes of Parquet written."),
    "gnomon_shipped_errors_total": (COUNTER, "Exports that the disk or the store refused; they are tried again."),
    "gnomon_shipped_expired_days_total": (COUNTER, "Days of a model's exports removed, as its log policy says."),
    "gnomon_export_journaled_total": (
        COUNTER,
        "Journal records: read + pending + expired + unreadable.",
    ),
    "gnomon_export_expired_total": (COUNTER, "Journal records that retention took before they were exported."),
    "gnomon_export_unreadable_total": (COUNTER, "Journal records in damaged parts of segments."),
    "gnomon_export_lost_total": (COUNTER, "Sequences that were never journaled: their writer had no segment."),
    "gnomon_published_rows_total": (COUNTER, "Calls published into the stream."),
    "gnomon_published_segments_total": (COUNTER, "Journal segments published."),
    "gnomon_published_messages_total": (COUNTER, "Messages the stream has acknowledged."),
    "gnomon_published_bytes_total": (COUNTER, "Bytes of those messages."),
    "gnomon_published_errors_total": (COUNTER, "Segments the stream did not take; they are tried again."),
    "gnomon_published_bare_total": (COUNTER, "Calls larger than a message may be, published without their tensors."),
    "gnomon_consumer_read_total": (COUNTER, "Journal records a consumer has dealt with."),
    "gnomon_consumer_missed_total": (COUNTER, "Journal records that were gone before a consumer came to them."),
    "gnomon_consumer_corrupt_total": (COUNTER, "Journal segments with a part that could not be read."),
    "gnomon_consumer_pending": (
        GAUGE,
        "Journal records a consumer has still to read; about, inside the newest segment.",
    ),
    "gnomon_consumer_pending_bytes": (GAUGE, "Bytes of journal a consumer has still to read."),
    "gnomon_consumer_cursor": (GAUGE, "Sequence of the record a consumer reads next."),
    "gnomon_retention_segments_total": (COUNTER, "Journal segments removed."),
    "gnomon_retention_bytes_total": (COUNTER, "Bytes of journal removed."),
    "gnomon_retention_records_total": (COUNTER, "Journal records removed."),
    "gnomon_retention_unread_total": (COUNTER, "Journal records removed before a consumer had read them."),
    "gnomon_consumer_checkpoints_lost_total": (COUNTER, "Checkpoints that could not be used at the last start."),
    "gnomon_drift_late_rows_total": (COUNTER, "Rows whose drift sub-window was closed already."),
    "gnomon_page_refused_total": (COUNTER, "Increments that found no room on a page."),
}
FAMILIES = {
    COUNTER: CounterMetricFamily,
    GAUGE: GaugeMetricFamily,
    HISTOGRAM: HistogramMetricFamily,
    "unknown": UnknownMetricFamily,
}


class Series(NamedTuple):
    """A counter of one process, with the process among its labels."""

    labels: dict[str, str]
    value: int


class Pages(Collector):
    """Collects all pages in a folder. Stateless: a page that is being replaced is missing from one scrape."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def collect(self) -> Iterator[Metric]:
        found: dict[str, dict[str, list[Series]]] = {}
        for process, reading in self._readings():
            name, part = metric_of(reading.name)
            series = Series({"process": process, **reading.labels}, reading.value)
            found.setdefault(name, {}).setdefault(part, []).append(series)
        for name, parts in sorted(found.items()):
            yield _family(name, parts)
        yield _build_info()

    def _readings(self) -> Iterator[tuple[str, Reading]]:
        for path in sorted(self.folder.glob("*.page")):
            try:
                yield from ((path.stem, reading) for reading in read_page(path))
            except (FileNotFoundError, PageCorrupt) as error:
                log.warning("page left out: %s", error)


def registry(pages: Path) -> CollectorRegistry:
    """A registry of its own with the pages alone."""
    found = CollectorRegistry()
    found.register(Pages(pages))
    return found


def metric_of(counter: str) -> tuple[str, str]:
    """(metric, part) of a counter's name; the part is empty but for histograms."""
    for part in ("_bucket", "_sum", "_count"):
        name = counter.removesuffix(part)
        if name != counter and METRICS.get(name, ("", ""))[0] == HISTOGRAM:
            return name, part
    return counter, ""


def _family(name: str, parts: dict[str, list[Series]]) -> Metric:
    kind, text = METRICS.get(name, ("unknown", "Not described."))
    if kind == HISTOGRAM:
        return _histogram(name, text, parts)
    series = parts[""]
    labels = _label_names(series)
    family: Metric = FAMILIES[kind](name, text, labels=labels)
    for one in series:
        family.add_metric([one.labels.get(label, "") for label in labels], one.value)  # type: ignore[attr-defined]
    return family


def _histogram(name: str, text: str, parts: dict[str, list[Series]]) -> Metric:
    buckets: dict[tuple[str, ...], list[tuple[str, float]]] = {}
    labels = [label for label in _label_names(parts.get("_bucket", [])) if label != "le"]
    for one in parts.get("_bucket", []):
        key = tuple(one.labels.get(label, "") for label in labels)
        buckets.setdefault(key, []).append((one.labels["le"], one.value))
    scale = NS_PER_S if name.endswith("_seconds") else 1
    sums = {tuple(one.labels.get(label, "") for label in labels): one.value for one in parts.get("_sum", [])}
    family = HistogramMetricFamily(name, text, labels=labels)
    for key, found in buckets.items():
        family.add_metric(key, sorted(found, key=lambda bucket: float(bucket[0])), sums.get(key, 0) * scale)
    return family


def _label_names(series: Iterable[Series]) -> list[str]:
    return sorted({label for one in series for label in one.labels})


def _build_info() -> Metric:
    info = GaugeMetricFamily("gnomon_build_info", "The program's version, as a label of 1.", labels=["version"])
    info.add_metric([importlib.metadata.version("gnomon")], 1)
    return info
