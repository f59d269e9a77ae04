"""Windows: counts of traffic in rings of sub-windows that are aligned to the wall clock, one ring a length.

A sub-window's epoch is floor(Unix seconds / its length), so every worker on every host cuts time at the same instants
and their counts may be added. What a source (a worker, a gateway) knows of one finest sub-window is a shard: a total
that grows and may be sent again, late, or out of order. Of two shards of one source and epoch the larger count of each
bin is kept, sources are added, and both are the same whatever the order: integers, so bit for bit.

Time is told by `advance`, and it alone decides what is too late: an order of arrival never does. A shard is taken while
the finest ring still holds its epoch; the coarser rings take what the finest did.

A gap is not a calm: a sub-window in which no row arrived, but all sources had their say, is `quiet`; one that a source
has not reported yet is not complete, and names the source.

Cost: a shard is one addition of its counts to each ring. Memory: the finest ring once for each source and once in
sum, the other rings in sum; sources above the limit are refused.

Known weakness: a source that loses what it had counted and counts anew is held at the larger of the two.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

AHEAD = 1  # sub-windows a clock elsewhere may be ahead of ours


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A ring: `kept` sub-windows of `length_s` seconds each, the running one included."""

    length_s: float  # of whole milliseconds
    kept: int

    def __post_init__(self) -> None:
        if self.length_ms < 1 or abs(self.length_ms - 1000 * self.length_s) > 1e-6 or self.kept < 1:
            raise ValueError(f"a ring needs whole milliseconds and 1 or more, got {self.length_s} s × {self.kept}")

    @property
    def length_ms(self) -> int:
        return round(1000 * self.length_s)


SECONDS, MINUTES, HOURS = Level(length_s=5, kept=60), Level(length_s=60, kept=60), Level(length_s=3_600, kept=168)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubWindow:
    """What is known of one sub-window. Counts (slots,) int64; `silent` are the sources that have not had their say."""

    epoch: int
    length_s: float
    rows: int
    counts: Counts
    silent: tuple[str, ...]
    sources: int

    @property
    def complete(self) -> bool:
        """Whether there were sources, and each of them has told all of it."""
        return self.sources > 0 and not self.silent

    @property
    def quiet(self) -> bool:
        """Whether nothing was asked, as opposed to nothing being known."""
        return self.complete and self.rows == 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """Neighbouring sub-windows added: [from_s, to_s). `gaps` are the epochs among them that are not complete."""

    from_s: float
    to_s: float
    rows: int
    counts: Counts
    gaps: tuple[int, ...]


@dataclasses.dataclass(slots=True)
class _Source:
    """From which finest epoch on a source is waited for, and up to which it has told everything."""

    first: int
    through: int = -1
    retired: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """What outlives a process: (rows, counts (slots,)) of shards by (finest epoch, source), and of coarser sub-windows
    by (level, epoch); and of each source (first, through, retired)."""

    shards: dict[tuple[int, str], tuple[int, Counts]]
    sums: dict[tuple[int, int], tuple[int, Counts]]
    sources: dict[str, tuple[int, int, bool]]


class Windows:
    """Rings of one count vector. Written by: one thread at a time; others may read meanwhile."""

    def __init__(
        self, slots: int, levels: Sequence[Level] = (SECONDS, MINUTES, HOURS), sources_limit: int = 256
    ) -> None:
        """`levels` from the finest to the coarsest, each a whole number of times the one before.

        Raises:
            ValueError: no level, or lengths that do not divide each other.
        """
        if not levels:
            raise ValueError("windows need at least one level, got none")
        for finer, coarser in itertools.pairwise(levels):
            if coarser.length_ms % finer.length_ms or coarser.length_ms == finer.length_ms:
                raise ValueError(f"{coarser.length_s} s is not a multiple of the finer {finer.length_s} s")
        self.slots = slots
        self.levels = tuple(levels)
        self.late_rows = 0  # of shards that came when the finest ring had forgotten their epoch
        self.refused = 0  # shards from the future, or of a source too many
        self._sources_limit = sources_limit
        self._now_s = 0.0
        self._sources: dict[str, _Source] = {}
        self._shards: dict[tuple[int, str], tuple[int, Counts]] = {}
        self._sums: list[dict[int, tuple[int, Counts]]] = [{} for _ in levels]
        self._changed: tuple[set[tuple[int, str]], set[tuple[int, int]]] = set(), set()  # shards, and coarser sums

    @property
    def sources(self) -> frozenset[str]:
        """Those that are waited for, and retired ones that told something the rings still hold."""
        return frozenset(self._sources)

    def epoch(self, unix_s: float, level: int = 0) -> int:
        """Of the sub-window an instant lies in."""
        return int(1000 * unix_s) // self.levels[level].length_ms

    def advance(self, now_unix_s: float) -> None:
        """Tells the time and forgets what the rings no longer hold; a clock that went back is not followed."""
        self._now_s = max(self._now_s, now_unix_s)
        oldest = self._oldest(0)
        self._shards = {key: shard for key, shard in self._shards.items() if key[0] >= oldest}
        for level, sums in enumerate(self._sums):
            for epoch in [epoch for epoch in sums if epoch < self._oldest(level)]:
                del sums[epoch]
        ratio = self.levels[-1].length_ms // self.levels[0].length_ms
        remembered = self._oldest(len(self.levels) - 1) * ratio
        for name in [name for name, source in self._sources.items() if source.retired and source.through < remembered]:
            del self._sources[name]

    def put(self, source: str, epoch: int, rows: int, counts: Counts) -> bool:
        """Takes what `source` has counted so far in a finest `epoch`: `rows`, and `counts` (slots,). Whether it did.

        Raises:
            ValueError: counts of another length, or negative.
        """
        if counts.shape != (self.slots,):
            raise ValueError(f"these windows have {self.slots} slots, got counts of shape {counts.shape}")
        if rows < 0 or (counts < 0).any():
            raise ValueError(f"counts cannot be negative, got {min(rows, int(counts.min()))}")
        if epoch < self._oldest(0):
            self.late_rows += rows
            return False
        if epoch > self.epoch(self._now_s) + AHEAD or not self._known(source, epoch):
            self.refused += 1
            return False
        self._take(source, epoch, rows, counts)
        return True

    def heard(self, source: str, through: int) -> None:
        """`source` has told everything up to and including the finest epoch `through`, if only that it was nothing."""
        if self._known(source, through):
            self._sources[source].through = max(self._sources[source].through, through)
            self._sources[source].retired = False

    def retire(self, source: str) -> None:
        """Nothing more is expected of a source after what it has told; what it counted stays."""
        if source in self._sources:
            self._sources[source].retired = True

    def merge(self, other: "Windows") -> None:
        """Adds what another process was told, of other sources.

        Raises:
            ValueError: other slots or levels, or a source that told both.
        """
        if (other.slots, other.levels) != (self.slots, self.levels):
            raise ValueError("windows with other slots or levels cannot be merged")
        both = sorted(set(self._sources) & set(other._sources))
        if both:
            raise ValueError(f"source {both[0]!r} told both: its counts would be added twice")
        self._sources |= {name: dataclasses.replace(source) for name, source in other._sources.items()}
        self._shards |= other._shards
        for sums, theirs in zip(self._sums, other._sums, strict=True):
            for epoch, (rows, counts) in theirs.items():
                mine = sums.get(epoch)
                sums[epoch] = (rows, counts) if mine is None else (mine[0] + rows, mine[1] + counts)
        self.late_rows += other.late_rows
        self.refused += other.refused
        self.advance(other._now_s)

    def changes(self) -> Kept:
        """What is to be kept since `unchanged` was said."""
        shards, sums = self._changed
        return Kept(
            shards={key: self._shards[key] for key in shards if key in self._shards},
            sums={(level, epoch): self._sums[level][epoch] for level, epoch in sums if epoch in self._sums[level]},
            sources={name: (each.first, each.through, each.retired) for name, each in self._sources.items()},
        )

    def unchanged(self) -> None:
        """The changes are kept."""
        self._changed = set(), set()

    def restore(self, kept: Kept) -> None:
        """Goes on from what all changes of other such rings, which were told nothing else, left."""
        self._sources = {name: _Source(*each) for name, each in kept.sources.items()}
        self._shards = dict(kept.shards)
        for (epoch, _), (rows, counts) in kept.shards.items():
            held_rows, held = self._sums[0].get(epoch, (0, np.zeros(self.slots, np.int64)))
            self._sums[0][epoch] = (held_rows + rows, held + counts)
        for (level, epoch), found in kept.sums.items():
            self._sums[level][epoch] = found
        self.advance(self._now_s)

    def oldest(self) -> tuple[int, ...]:
        """Of each level the oldest epoch that is held."""
        return tuple(self._oldest(level) for level in range(len(self.levels)))

    def sub_window(self, epoch: int, level: int = 0) -> SubWindow:
        """What is known of one; empty, and not complete, where it is no longer or not yet held."""
        rows, counts = self._sums[level].get(epoch, (0, np.zeros(self.slots, np.int64)))
        ratio = self.levels[level].length_ms // self.levels[0].length_ms
        first, last = epoch * ratio, (epoch + 1) * ratio - 1
        sources = list(self._sources.items())  # at once: others may be added meanwhile
        expected = {name: source for name, source in sources if _is_expected(source, first, last)}
        return SubWindow(
            epoch=epoch,
            length_s=self.levels[level].length_s,
            rows=rows,
            counts=counts.copy(),
            silent=tuple(sorted(name for name, source in expected.items() if _is_silent(source, last))),
            sources=len(expected),
        )

    def window(self, last: int, length: int, level: int = 0) -> Window:
        """The `length` sub-windows of a level that end with the epoch `last`, added."""
        if length < 1:
            raise ValueError(f"a window has 1 sub-window or more, got {length}")
        parts = [self.sub_window(epoch, level) for epoch in range(last - length + 1, last + 1)]
        length_s = self.levels[level].length_s
        return Window(
            from_s=(last - length + 1) * length_s,
            to_s=(last + 1) * length_s,
            rows=sum(part.rows for part in parts),
            counts=np.add.reduce([part.counts for part in parts]),
            gaps=tuple(part.epoch for part in parts if not part.complete),
        )

    def closed(self, level: int = 0) -> int:
        """The newest epoch whose time is over."""
        return self.epoch(self._now_s, level) - 1

    def _oldest(self, level: int) -> int:
        return self.epoch(self._now_s, level) - self.levels[level].kept + 1

    def _known(self, source: str, epoch: int) -> bool:
        known = self._sources.get(source)
        if known is not None:
            known.first = min(known.first, epoch)
            return True
        if len(self._sources) >= self._sources_limit:
            return False
        self._sources[source] = _Source(epoch)
        return True

    def _take(self, source: str, epoch: int, rows: int, counts: Counts) -> None:
        before_rows, before = self._shards.get((epoch, source), (0, np.zeros(self.slots, np.int64)))
        after_rows, after = max(rows, before_rows), np.maximum(counts, before)
        self._shards[epoch, source] = (after_rows, after)
        self._changed[0].add((epoch, source))
        more_rows, more = after_rows - before_rows, after - before
        for level, sums in enumerate(self._sums):
            coarse = epoch * self.levels[0].length_ms // self.levels[level].length_ms
            held_rows, held = sums.get(coarse, (0, np.zeros(self.slots, np.int64)))
            sums[coarse] = (held_rows + more_rows, held + more)
            if level:
                self._changed[1].add((level, coarse))


def _is_expected(source: _Source, first: int, last: int) -> bool:
    return source.first <= last and not (source.retired and source.through < first)


def _is_silent(source: _Source, last: int) -> bool:
    return source.through < last and not source.retired
