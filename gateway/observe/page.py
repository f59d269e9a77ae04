"""The observer's counts as metrics, on its page. All are totals of its checkpoint, so a restart takes nothing back."""

from collections.abc import Iterable
from itertools import accumulate

from gateway.journal.readers import Follower
from gateway.observe.arms import STAGES, Arms, Total, TotalKey
from gateway.observe.edges import LATENCY, le
from gateway.observe.pairs import Pairs
from gateway.pages import Page
from gnomon.domain import Role


def role_name(role: int) -> str:
    """As labels have it; empty where a call never came as far as an arm."""
    return Role(role).name.lower() if role in set(Role) else ""


def publish_arms(page: Page, arms: Arms) -> None:
    """What has changed since the last time."""
    for key, total in arms.totals.items():
        stamp = (total.edges, sum(total.calls.values()))
        if stamp != total.published:
            _publish_total(page, key, total)
            total.published = stamp


def _publish_total(page: Page, key: TotalKey, total: Total) -> None:
    labels = {"model": key.model, "version": str(key.version), "arm": role_name(key.role)}
    for status, calls in total.calls.items():
        page.set("gnomon_calls_total", calls, status=status, **labels)
    for edge in set(total.published[0]) - set(total.edges):
        page.drop(f"{LATENCY}_bucket", le=le(edge), **labels)
    edges = (*(le(edge) for edge in total.edges), "+Inf")
    for edge_text, count in zip(edges, accumulate(total.buckets.tolist()), strict=True):
        page.set(f"{LATENCY}_bucket", count, le=edge_text, **labels)
    whole_ns, *stages_ns = total.sums_ns
    page.set(f"{LATENCY}_sum", whole_ns, **labels)
    for stage, spent_ns in zip(STAGES, stages_ns, strict=True):
        page.set("gnomon_call_stage_seconds_total", spent_ns, stage=stage, **labels)


def publish_pairs(page: Page, pairs: Pairs) -> None:
    for (model, version, live_version), (count, disagreements) in pairs.totals.items():
        labels = {"model": model, "version": str(version), "live_version": str(live_version)}
        page.set("gnomon_shadow_pairs_total", count, **labels)
        page.set("gnomon_shadow_disagreements_total", disagreements, **labels)


def publish_readers(page: Page, readers: Iterable[Follower], consumer: str) -> None:
    """How a consumer stands with each journal."""
    for follower in readers:
        labels = {"consumer": consumer, "journal": follower.name}
        page.set("gnomon_consumer_read_total", follower.read, **labels)
        page.set("gnomon_consumer_missed_total", follower.missed, **labels)
        page.set("gnomon_consumer_corrupt_total", follower.corrupt, **labels)
        page.set("gnomon_consumer_cursor", follower.position.sequence, **labels)
        page.set("gnomon_consumer_pending", follower.pending(), **labels)
        page.set("gnomon_consumer_pending_bytes", follower.pending_bytes(), **labels)
