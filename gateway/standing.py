"""Where this host stands, summed from the pages of its processes."""

from collections import defaultdict
from collections.abc import Iterable

from gateway.breaker import State
from gateway.journal.format import STATUS_NAMES
from gateway.layout import Layout
from gateway.pages import PageCorrupt, Reading, read_page
from gnomon.evidence import Trip
from gnomon.gateway.v1 import gateway_pb2 as pb

BREAKER = "gnomon_breaker_"


def readings(layout: Layout) -> list[Reading]:
    """Every counter of every process that has a page."""
    found: list[Reading] = []
    for path in sorted(layout.page("x").parent.glob("*.page")):
        try:
            found += read_page(path)
        except (FileNotFoundError, PageCorrupt):
            continue  # being replaced: it is there at the next look
    return found


def total(found: Iterable[Reading], name: str, **labels: str) -> int:
    """The sum of a counter over all processes and all labels but those given."""
    return sum(reading.value for reading in found if reading.name == name and labels.items() <= reading.labels.items())


def books(found: Iterable[Reading]) -> pb.Books:
    """Calls of all workers, by how they ended."""
    ended = {status: total(found, "gnomon_worker_ended_total", status=status) for status in STATUS_NAMES.values()}
    return pb.Books(
        received=total(found, "gnomon_worker_received_total"),
        in_flight=total(found, "gnomon_worker_in_flight"),
        journaled=total(found, "gnomon_worker_journaled_total"),
        journal_lost=total(found, "gnomon_worker_journal_lost_total", status="answered"),
        shadow_offered=total(found, "gnomon_worker_shadow_offered_total"),
        **ended,
    )


def consumers(found: Iterable[Reading]) -> list[pb.Consumer]:
    """How far each consumer is in each journal."""
    fields = {"gnomon_consumer_read_total": "read", "gnomon_consumer_pending": "pending"}
    fields |= {"gnomon_consumer_missed_total": "missed", "gnomon_consumer_cursor": "cursor"}
    fields["gnomon_consumer_pending_bytes"] = "pending_bytes"
    known: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for reading in found:
        if reading.name in fields:
            known[reading.labels["consumer"], reading.labels["journal"]][fields[reading.name]] = reading.value
    return [pb.Consumer(name=key[0], journal=key[1], **counts) for key, counts in sorted(known.items())]


def trips(layout: Layout, slots: Iterable[int]) -> tuple[Trip, ...]:
    """Arms that the breakers of these workers lead calls around. Costs some 100 µs a worker."""
    found = []
    for slot in slots:
        try:
            page = read_page(layout.page(f"w{slot:02d}"), BREAKER)
        except (FileNotFoundError, PageCorrupt):
            continue  # as in `readings`
        found += [_trip(page, slot, reading) for reading in page if reading.name == f"{BREAKER}state" and reading.value]
    return tuple(found)


def _trip(page: list[Reading], slot: int, state: Reading) -> Trip:
    arm = state.labels
    opened = [
        (reading.value, reading.labels["reason"])
        for reading in page
        if reading.name == f"{BREAKER}tripped_unix_ms" and arm.items() <= reading.labels.items()
    ]
    since_unix_ms, reason = max(opened, default=(0, ""))
    counts = {name: total(page, f"{BREAKER}{name}_total", **arm) for name in ("trips", "calls", "bad")}
    for name in ("calls", "bad"):
        counts[name] -= total(page, f"{BREAKER}{name}_before", **arm)
    return Trip(
        model=arm["model"], version=int(arm["version"]), slot=slot, state=State(state.value).name.lower(),
        reason=reason, since_unix_ms=since_unix_ms, **counts,
    )  # fmt: skip


def shadow_books(found: Iterable[Reading]) -> pb.ShadowBooks:
    """What became of the calls that a shadow arm wanted."""
    return pb.ShadowBooks(
        **{
            name: total(found, f"gnomon_shadow_{name}_total")
            for name in ("offered", "run", "shed", "expired", "failed")
        }
    )
