"""ColdStart: a model came without a reference, so its first traffic becomes one. Collect, fit, switch to a Sketch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.stats.casts import as_numbers, seen_as
from gnomon.stats.columns import Column, Labels, Numbers, columns_of, is_table
from gnomon.stats.profile import Profile
from gnomon.stats.samples import NotEnoughSamples

LEAST_ROWS = 5_000  # bins of 240 parts of it hold 20 rows each
ROWS = 50_000


class ColdStart:
    """A bounded uniform sample of the rows seen, whatever order they come in.

    Every row draws a number, and the rows with the lowest are kept; so samples of two hosts merge into the sample of
    both. Memory is that of `rows` rows.

    Known weakness: what is collected is taken for normal. Collect over a whole week where traffic has days and nights.
    """

    __slots__ = ("_columns", "_dtype", "_generator", "_keys", "_names", "_rows", "seen")

    def __init__(
        self, rows: int = ROWS, *, names: Sequence[str] | None = None, dtype: str | None = None, seed: int | None = None
    ) -> None:
        """Keeps `rows` rows. `names` and `dtype` as `Profile.fit` has them; `seed` makes the sample repeatable.

        Hosts whose samples shall merge need seeds of their own, or none.
        """
        if rows < 1:
            raise ValueError(f"at least 1 row must be kept, got {rows}")
        self.seen = 0
        self._rows, self._names, self._dtype = rows, names, dtype
        self._generator = np.random.default_rng(seed)
        self._keys: NDArray[np.float64] = np.zeros(0)
        self._columns: dict[str, Column] = {}

    @property
    def kept(self) -> int:
        """Rows in the sample."""
        return len(self._keys)

    def update(self, batch: Any) -> None:
        """Take a batch of rows, an array or a table as `Profile.fit` takes them.

        Raises:
            ValueError: it is neither, or has other columns than what came before.
        """
        columns = self._columns_of(batch)
        rows = len(next(iter(columns.values()))) if columns else 0
        self._take(columns, self._generator.random(rows))
        self.seen += rows

    def merge(self, other: "ColdStart") -> None:
        """The sample of the rows of both. Raises: ValueError: of other columns."""
        if other.kept:
            self._take(other._columns, other._keys)
        self.seen += other.seen

    def fit(self, *, least: int = LEAST_ROWS, **options: Any) -> Profile:
        """The profile of what was kept; `options` are those of `Profile.fit`.

        Raises:
            NotEnoughSamples: fewer than `least` rows.
        """
        if self.kept < least:
            raise NotEnoughSamples(self.kept, least, "rows")
        return Profile.fit(self._columns, **options)

    def _columns_of(self, batch: Any) -> dict[str, Column]:
        if is_table(batch):
            return {name: seen_as(column, self._dtype) for name, column in columns_of(batch, self._names).items()}
        table = as_numbers(batch)
        names = self._names or [f"column[{place}]" for place in range(table.shape[1])]
        if len(names) != table.shape[1]:
            raise ValueError(f"{len(names)} columns wanted, got {table.shape[1]}")
        return {
            name: seen_as(Numbers(values=table[:, place]), self._dtype or "float32") for place, name in enumerate(names)
        }

    def _take(self, columns: dict[str, Column], keys: NDArray[np.float64]) -> None:
        if self._columns and set(columns) != set(self._columns):
            raise ValueError(f"columns {sorted(self._columns)} were collected, got {sorted(columns)}")
        if self.kept == self._rows:  # most rows of a long stream lose at once
            chosen = np.flatnonzero(keys < self._keys.max())
            columns, keys = {name: column.take(chosen) for name, column in columns.items()}, keys[chosen]
        if self._columns:
            columns = {name: _joined(column, columns[name]) for name, column in self._columns.items()}
        together = np.concatenate([self._keys, keys])
        lowest = np.arange(len(together))
        if len(together) > self._rows:
            lowest = np.sort(np.argpartition(together, self._rows)[: self._rows])
        self._keys = together[lowest]
        self._columns = {name: _pruned(column.take(lowest)) for name, column in columns.items()}


def _joined(one: Column, other: Column) -> Column:
    if isinstance(one, Numbers) and isinstance(other, Numbers):
        missing = None
        if one.missing is not None or other.missing is not None:
            parts = [np.zeros(len(part), np.bool_) if part.missing is None else part.missing for part in (one, other)]
            missing = np.concatenate(parts)
        return Numbers(values=np.concatenate([one.values, other.values]), missing=missing)
    if isinstance(one, Labels) and isinstance(other, Labels):
        numbers = {label: number for number, label in enumerate(one.labels)}
        again = np.array([numbers.setdefault(label, len(numbers)) for label in other.labels] + [-1], np.intp)
        return Labels(codes=np.concatenate([one.codes, again[other.codes]]), labels=list(numbers))
    raise ValueError("a column has labels in one batch and numbers in another")


def _pruned(column: Column) -> Column:
    """Without labels that no row has any more."""
    if isinstance(column, Numbers):
        return column
    used, codes = np.unique(column.codes, return_inverse=True)
    known = used[used >= 0]
    return Labels(codes=codes - (len(used) - len(known)), labels=[column.labels[code] for code in known.tolist()])
