"""What gateways report, held in memory: gateways send totals, so after a restart they tell it all again.

Owner: the event loop. Every count is kept by gateway and replaced by that gateway's next report; reading adds over
gateways. Everything is bounded: gateways, counts of each, ticks of each version; the oldest go first.
Weakness: the counts of a gateway that never comes back stay until the registry restarts; they are evidence still.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from gnomon.domain import Role
from gnomon.errors import InvalidInput
from gnomon.evidence import ArmStats, DriftCalls, DriftTick, GatewayStatus, PairStats, ShadowBooks, StatsReport
from gnomon.stats.latency import BUCKETS
from registry.sums import sum_arms, sum_books, sum_pairs

GATEWAYS_KEPT = 256
VERSIONS_KEPT = 32  # whose drift counts are held: those reported last
SLICES_KEPT = 512  # of all versions, likewise
SLICE_TICKS_KEPT = 256  # of each
COUNTS_KEPT = 4_096  # arms, and again pairs, of one gateway

ArmKey = tuple[str, int, int, Role]  # model, epoch, version, role
PairKey = tuple[str, int, int, int, str, str]  # model, epoch, shadow, live, slice and its value
BooksKey = tuple[str, int, int]  # model, epoch, shadow
Key = TypeVar("Key")
Count = TypeVar("Count", ArmStats, PairStats, ShadowBooks)
Tick = TypeVar("Tick", DriftTick, DriftCalls)
Owner = TypeVar("Owner", tuple[str, int], tuple[str, int, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A gateway's last word, and when it came by the monotonic clock; and when its last counts did."""

    status: GatewayStatus
    at_s: float
    counted_s: float = -math.inf


class Stats:
    """Latest counts and states of all gateways."""

    def __init__(
        self, monotonic_s: Callable[[], float], *, silent_s: float, ticks_kept: int, counts_kept: int = COUNTS_KEPT
    ) -> None:
        self._monotonic_s = monotonic_s
        self._silent_s = silent_s
        self._ticks_kept = ticks_kept
        self._counts_kept = counts_kept
        self._seen: dict[str, Seen] = {}
        self._counted_s: dict[str, float] = {}
        self._arms: dict[str, dict[ArmKey, ArmStats]] = {}
        self._pairs: dict[str, dict[PairKey, PairStats]] = {}
        self._slices: dict[str, dict[PairKey, PairStats]] = {}
        self._books: dict[str, dict[BooksKey, ShadowBooks]] = {}
        self._ticks: dict[tuple[str, int], dict[tuple[str, int], DriftTick]] = {}
        self._parts: dict[tuple[str, int, str], dict[tuple[str, int], DriftTick]] = {}
        self._calls: dict[tuple[str, int], dict[tuple[str, int], DriftCalls]] = {}
        self._told: dict[str, int] = {}  # through which Unix millisecond each gateway has told its ticks

    def report_status(self, status: GatewayStatus) -> None:
        self._seen.pop(status.gateway_id, None)
        self._seen[status.gateway_id] = Seen(status=status, at_s=self._monotonic_s())
        _drop_first(self._seen, GATEWAYS_KEPT)

    def report(self, report: StatsReport) -> None:
        """Takes over all counts of a report, or none. Raises: InvalidInput: a histogram that is not of our buckets."""
        _check_buckets(report)
        arms = {(arm.model, arm.epoch, arm.version, arm.role): arm for arm in report.arms}
        pairs = {
            (pair.model, pair.epoch, pair.version, pair.live_version, pair.slice, pair.value): pair
            for pair in report.pairs
        }
        whole = {key: pair for key, pair in pairs.items() if not pair.slice}
        books = {(book.model, book.epoch, book.version): book for book in report.books}
        _replace(self._arms, report.gateway_id, arms, self._counts_kept)
        _replace(self._pairs, report.gateway_id, whole, self._counts_kept)
        sliced = {key: pair for key, pair in pairs.items() if pair.slice}
        _replace(self._slices, report.gateway_id, sliced, self._counts_kept)
        _replace(self._books, report.gateway_id, books, self._counts_kept)
        self._counted_s.pop(report.gateway_id, None)
        self._counted_s[report.gateway_id] = self._monotonic_s()
        _drop_first(self._counted_s, GATEWAYS_KEPT)
        for tick in report.ticks:
            version = tick.model, tick.version
            if tick.slice:
                _keep(self._parts, (*version, tick.slice), report.gateway_id, tick, SLICES_KEPT, SLICE_TICKS_KEPT)
            else:
                _keep(self._ticks, version, report.gateway_id, tick, VERSIONS_KEPT, self._ticks_kept)
        for calls in report.calls:
            version = calls.model, calls.version
            _keep(self._calls, version, report.gateway_id, calls, VERSIONS_KEPT, self._ticks_kept)
        told_ms = max(report.told_through_unix_ms, self._told.pop(report.gateway_id, 0))
        self._told[report.gateway_id] = told_ms
        _drop_first(self._told, GATEWAYS_KEPT)

    def gateways(self) -> tuple[Seen, ...]:
        """The gateways that are known: heard of not longer than `silent_s` ago."""
        oldest_s = self._monotonic_s() - self._silent_s
        return tuple(
            dataclasses.replace(seen, counted_s=self._counted_s.get(gateway_id, -math.inf))
            for gateway_id, seen in self._seen.items()
            if seen.at_s >= oldest_s
        )

    def seen(self) -> list[tuple[Seen, float]]:
        """Every gateway that was heard of since the start, and how many seconds ago."""
        now_s = self._monotonic_s()
        return [(seen, now_s - seen.at_s) for seen in self._seen.values()]

    def arms(self, model: str, epochs: Iterable[int]) -> tuple[ArmStats, ...]:
        """Counts of a model's arms in these epochs, added over gateways: one for each epoch, version and role."""
        return tuple(sum_arms(counts) for counts in _grouped(self._arms, model, set(epochs)))

    def pairs(self, model: str, epochs: Iterable[int]) -> tuple[PairStats, ...]:
        """Pair counts in these epochs, added over gateways: one for each epoch, shadow and live version."""
        return tuple(sum_pairs(counts) for counts in _grouped(self._pairs, model, set(epochs)))

    def slices(self, model: str, epochs: Iterable[int]) -> tuple[PairStats, ...]:
        """Pair counts of slices in these epochs, added over gateways."""
        return tuple(sum_pairs(counts) for counts in _grouped(self._slices, model, set(epochs)))

    def books(self, model: str, epochs: Iterable[int]) -> tuple[ShadowBooks, ...]:
        """What became of calls offered to shadows in these epochs, added over gateways."""
        return tuple(sum_books(counts) for counts in _grouped(self._books, model, set(epochs)))

    def epochs(self, model: str) -> tuple[int, ...]:
        """In which a shadow of the model was seen, ascending."""
        of_pairs = {key[1] for kept in self._pairs.values() for key in kept if key[0] == model}
        of_books = {key[1] for kept in self._books.values() for key in kept if key[0] == model}
        return tuple(sorted(of_pairs | of_books))

    def ticks(self, model: str, version: int, of_slice: str = "") -> tuple[DriftTick, ...]:
        """Drift counts of a version, or of a slice of its traffic: one for each gateway and sub-window."""
        return tuple(self.shards(model, version, of_slice).values())

    def shards(self, model: str, version: int, of_slice: str = "") -> dict[tuple[str, int], DriftTick]:
        """The same by (gateway, sub-window)."""
        if of_slice:
            return dict(self._parts.get((model, version, of_slice), {}))
        return dict(self._ticks.get((model, version), {}))

    def calls(self, model: str, version: int) -> dict[tuple[str, int], DriftCalls]:
        """How alike the rows of its calls are, by (gateway, sub-window)."""
        return dict(self._calls.get((model, version), {}))

    def told(self) -> dict[str, int]:
        """Through which Unix millisecond each gateway has told its sub-windows; 0: it did not say."""
        return dict(self._told)


def _check_buckets(report: StatsReport) -> None:
    of_arms = [histogram for arm in report.arms for histogram in (arm.latency, arm.run)]
    of_pairs = [
        histogram
        for pair in report.pairs
        for histogram in (pair.delta, pair.run, pair.live_scores, pair.shadow_scores, pair.joint)
    ]
    highest = max((max(histogram.bucket, default=0) for histogram in of_arms + of_pairs), default=0)
    if highest >= BUCKETS:
        raise InvalidInput(f"histogram bucket {highest}: 0 to {BUCKETS - 1} expected")


def _replace(kept: dict[str, dict[Key, Count]], gateway_id: str, counts: dict[Key, Count], limit: int) -> None:
    """Puts a gateway's counts over those it sent before; epochs it no longer sends are remembered."""
    mine = kept.pop(gateway_id, {}) | counts
    if len(mine) > limit:
        newest = sorted(mine, key=lambda key: mine[key].epoch)[-limit:]
        mine = {key: mine[key] for key in newest}
    kept[gateway_id] = mine
    _drop_first(kept, GATEWAYS_KEPT)


def _keep(
    of: dict[Owner, dict[tuple[str, int], Tick]], owner: Owner, gateway_id: str, tick: Tick, owners: int, ticks: int
) -> None:
    kept = of[owner] = of.pop(owner, {})  # behind those that were heard of less lately
    kept[gateway_id, tick.tick] = tick
    _drop_first(of, owners)
    if len(kept) > ticks:
        del kept[min(kept, key=lambda key: key[1])]


def _drop_first(kept: dict[Any, Any], limit: int) -> None:
    if len(kept) > limit:
        del kept[next(iter(kept))]


def _grouped(kept: dict[str, dict[Key, Count]], model: str, epochs: set[int]) -> list[list[Count]]:
    groups: dict[Key, list[Count]] = {}
    for mine in kept.values():
        for key, count in mine.items():
            if count.model == model and count.epoch in epochs:
                groups.setdefault(key, []).append(count)
    return list(groups.values())
