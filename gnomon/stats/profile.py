"""Profile: what a version's training data looked like, one Monitor a feature or score.

A profile is part of a version's artifact. It fixes the bins, so every sketch of the version merges with every other.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import ArrayLike, NDArray

from gnomon.profile.v1 import profile_pb2
from gnomon.stats import bins


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Monitor:
    """One watched column: its bins and how the reference filled them. Arrays are read-only copies.

    Attributes:
        name: unique in its profile.
        tensor: the model input or output it is a column of, `column` counts along the last axis.
        is_score: an output of the model rather than an input.
        edges: (n_edges,) float32, strictly ascending, no NaN; bin(x) is the number of edges <= x.
        counts: (n_edges + 2,) int64, the bins and then one slot for NaN.
        singleton: (n_edges + 1,) bool, whether the bin can hold one value only.

    Raises:
        ValueError: the arrays do not fit together.
    """

    name: str
    tensor: str
    column: int
    is_score: bool
    edges: NDArray[np.float32]
    counts: NDArray[np.int64]
    singleton: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for field, dtype in (("edges", np.float32), ("counts", np.int64), ("singleton", np.bool_)):
            array = np.array(getattr(self, field), dtype)
            array.flags.writeable = False
            object.__setattr__(self, field, array)
        if np.isnan(self.edges).any() or (self.edges[1:] <= self.edges[:-1]).any():
            raise ValueError(f"monitor {self.name!r}: edges must ascend and not be NaN, got {self.edges}")
        if len(self.counts) != self.slots or len(self.singleton) != self.slots - 1:
            raise ValueError(
                f"monitor {self.name!r}: {len(self.edges)} edges need {self.slots} counts and {self.slots - 1} "
                f"singleton flags, got {len(self.counts)} and {len(self.singleton)}"
            )
        if (self.counts < 0).any():
            raise ValueError(f"monitor {self.name!r}: negative count {self.counts.min()}")

    @property
    def slots(self) -> int:
        """How many counters it has: its bins and NaN."""
        return len(self.edges) + 2

    @classmethod
    def fit(cls, values: NDArray[np.float32], *, name: str, tensor: str, column: int, is_score: bool) -> Self:
        """Bins and counts of the reference `values` (n_rows,) float32; all NaN gives one empty bin."""
        edges = bins.fit_edges(values[~np.isnan(values)])
        return cls(
            name=name,
            tensor=tensor,
            column=column,
            is_score=is_score,
            edges=edges,
            counts=bins.count(values, edges),
            singleton=bins.singletons(edges),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """The monitors of a version, inputs before scores, all of the same reference rows.

    Raises:
        ValueError: a monitor's counts do not sum to `rows`, a name is there twice, or an input follows a score.
    """

    monitors: tuple[Monitor, ...]
    rows: int
    data_sha256: str = ""

    def __post_init__(self) -> None:
        for monitor in self.monitors:
            if monitor.counts.sum() != self.rows:
                raise ValueError(f"monitor {monitor.name!r} counts {monitor.counts.sum()} rows, not {self.rows}")
        names = [monitor.name for monitor in self.monitors]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"monitor names must differ, got {min(twice)!r} twice")
        scores = [monitor.is_score for monitor in self.monitors]
        if scores != sorted(scores):
            raise ValueError(f"scores must follow inputs, got {names} with is_score {scores}")

    @classmethod
    def fit(
        cls,
        data: Any,
        names: Sequence[str] | None = None,
        tensor: str = "",
        score: bool = False,
        data_sha256: str = "",
    ) -> Self:
        """Fit one monitor a column.

        Args:
            data: (n_rows, n_columns) or (n_rows,) numbers, cast to float32; or a frame with `columns` and `to_numpy()`.
            names: one a column; default the frame's column names, else tensor[0], tensor[1] …
            tensor: the model input (or output, with `score`) these are the columns of.

        Raises:
            ValueError: no rows, not numeric, or as many names as there are not columns.
        """
        if names is None and hasattr(data, "columns"):
            names = [str(column) for column in data.columns]
        table = as_float32(data.to_numpy() if hasattr(data, "to_numpy") else data)
        n_rows, n_columns = table.shape
        if n_rows == 0:
            raise ValueError("a profile needs at least 1 row, got 0")
        if names is None:
            names = [f"{tensor or 'column'}[{column}]" for column in range(n_columns)]
        if len(names) != n_columns:
            raise ValueError(f"{n_columns} columns need {n_columns} names, got {len(names)}")
        monitors = tuple(
            Monitor.fit(table[:, column], name=name, tensor=tensor, column=column, is_score=score)
            for column, name in enumerate(names)
        )
        return cls(monitors=monitors, rows=n_rows, data_sha256=data_sha256)

    @property
    def slots(self) -> int:
        """Length of a flat count vector over all monitors."""
        return sum(monitor.slots for monitor in self.monitors)

    @property
    def inputs(self) -> slice:
        """Where the monitors of inputs are."""
        return slice(0, sum(not monitor.is_score for monitor in self.monitors))

    @property
    def scores(self) -> slice:
        """Where the monitors of scores are."""
        return slice(self.inputs.stop, len(self.monitors))

    def counts(self) -> NDArray[np.int64]:
        """The reference itself as a flat count vector (slots,)."""
        return np.concatenate([np.empty(0, np.int64), *(monitor.counts for monitor in self.monitors)])

    def split(self, counts: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Views of a flat count vector (slots,), one a monitor.

        Raises:
            ValueError: the vector has another length.
        """
        if counts.shape != (self.slots,):
            raise ValueError(f"this profile has {self.slots} slots, got counts of shape {counts.shape}")
        ends = np.cumsum([monitor.slots for monitor in self.monitors])
        return np.split(counts, ends[:-1]) if self.monitors else []

    def same_bins(self, other: "Profile") -> bool:
        """Whether counts over both may be added."""
        return self is other or (
            len(self.monitors) == len(other.monitors)
            and all(
                mine.name == theirs.name and np.array_equal(mine.edges, theirs.edges)
                for mine, theirs in zip(self.monitors, other.monitors, strict=True)
            )
        )

    def extended(self, other: "Profile") -> "Profile":
        """With the monitors of another profile of the same rows, as inputs with scores.

        Raises:
            ValueError: another number of rows, or the union is not a profile.
        """
        if other.rows != self.rows:
            raise ValueError(f"profiles of the same rows can be joined, got {self.rows} and {other.rows}")
        return Profile(
            monitors=self.monitors + other.monitors, rows=self.rows, data_sha256=self.data_sha256 or other.data_sha256
        )

    def to_bytes(self) -> bytes:
        """As a serialised gnomon.profile.v1.Profile; equal profiles give equal bytes."""
        message = profile_pb2.Profile(rows=self.rows, data_sha256=self.data_sha256)
        for monitor in self.monitors:
            message.monitors.add(
                name=monitor.name,
                tensor=monitor.tensor,
                column=monitor.column,
                is_score=monitor.is_score,
                edges=monitor.edges.tolist(),
                counts=monitor.counts.tolist(),
                singleton=monitor.singleton.tolist(),
            )
        return message.SerializeToString(deterministic=True)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The profile that `to_bytes` wrote.

        Raises:
            ValueError: not such a message, or one that is not a valid profile.
        """
        try:
            message = profile_pb2.Profile.FromString(data)
        except DecodeError as error:
            raise ValueError(f"{len(data)} bytes are not a gnomon.profile.v1.Profile: {error}") from None
        monitors = tuple(
            Monitor(
                name=monitor.name,
                tensor=monitor.tensor,
                column=monitor.column,
                is_score=monitor.is_score,
                edges=np.array(monitor.edges, np.float32),
                counts=np.array(monitor.counts, np.int64),
                singleton=np.array(monitor.singleton, np.bool_),
            )
            for monitor in message.monitors
        )
        return cls(monitors=monitors, rows=message.rows, data_sha256=message.data_sha256)


def as_float32(data: ArrayLike) -> NDArray[np.float32]:
    """As a (n_rows, n_columns) float32 table, a vector as one column; what float32 cannot hold becomes infinite.

    Raises:
        ValueError: not numbers, or not one or two dimensions.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            table = np.asarray(data).astype(np.float32, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"monitored data must be numeric: {error}") from None
    if table.ndim not in (1, 2):
        raise ValueError(f"monitored data must have shape (rows, columns), got {table.shape}")
    return table[:, np.newaxis] if table.ndim == 1 else table
