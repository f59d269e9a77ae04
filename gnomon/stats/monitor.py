"""Monitor: one watched column of a profile, a feature or a score, with its bins and how the reference filled them."""

import dataclasses
from typing import Any, Literal, Self, cast, get_args

import numpy as np
from numpy.typing import NDArray

from gnomon.stats import bins
from gnomon.stats.categories import Categories, present
from gnomon.stats.columns import Column, Labels, Numbers
from gnomon.stats.confidence import DERIVED

Kind = Literal["float32", "float64", "int64", "categorical"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Monitor:
    """One watched column: its bins and how the reference filled them. Arrays are read-only copies.

    Attributes:
        name: unique in its profile.
        tensor: the model input or output it is a column of, `column` counts along the last axis.
        is_score: an output of the model rather than an input.
        kind: float32, float64 or int64, which is the type of the edges, or categorical, which has none.
        edges: (n_edges,), strictly ascending, no NaN; bin(x) is the number of edges <= x.
        counts: (slots,) int64, the bins and then one slot for NaN; of categories as `Categories` says.
        singleton: (slots - 1,) bool, whether the bin can hold one value only.
        categories: the values of a categorical column.
        derived: empty, or "confidence": what is watched is made of all columns of the tensor.

    Raises:
        ValueError: the arrays do not fit together.
    """

    name: str
    tensor: str
    column: int
    is_score: bool
    edges: NDArray[Any]
    counts: NDArray[np.int64]
    singleton: NDArray[np.bool_]
    kind: Kind = "float32"
    categories: Categories | None = None
    derived: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind) or (self.kind == "categorical") != (self.categories is not None):
            raise ValueError(f"monitor {self.name!r}: kind {self.kind!r} with categories {self.categories!r:.80}")
        if self.derived not in ("", DERIVED):
            raise ValueError(f"monitor {self.name!r} is derived as {self.derived!r}, which this version does not know")
        edge_type = np.float32 if self.kind == "categorical" else self.kind
        for field, dtype in (("edges", edge_type), ("counts", np.int64), ("singleton", np.bool_)):
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
        return self.categories.slots if self.categories is not None else len(self.edges) + 2

    @property
    def below(self) -> slice:
        """The bin below every value of the reference; empty where there is none, or of categories."""
        return slice(0, int(self.categories is None and len(self.edges) > 0 and self.counts[0] == 0))

    @property
    def above(self) -> slice:
        """The bin above every value of the reference; empty where there is none, or of categories."""
        last = self.slots - 2
        return slice(last, last + int(self.categories is None and len(self.edges) > 0 and self.counts[last] == 0))

    def same_bins(self, other: "Monitor") -> bool:
        """Whether counts over both may be added."""
        return (
            (self.name, self.kind, self.categories) == (other.name, other.kind, other.categories)
            and np.array_equal(self.edges, other.edges)
        )  # fmt: skip

    @classmethod
    def fit(cls, values: Column | NDArray[Any], *, name: str, tensor: str, column: int, is_score: bool) -> Self:
        """Bins and counts of the reference `values` (n_rows,), numbers of a kind; all NaN gives one empty bin.

        `Labels` become categories, and so do numbers by `fit_categories`.
        """
        if isinstance(values, np.ndarray):
            values = Numbers(values=values)
        place = {"name": name, "tensor": tensor, "column": column, "is_score": is_score}
        if isinstance(values, Labels):
            return cls._of_categories(values, **place)
        known = present(values)
        edges = bins.fit_edges(known)
        counts = bins.count(known, edges)
        counts[-1] = len(values) - len(known)
        singleton = bins.singletons(edges)
        kind = cast(Kind, edges.dtype.name)
        return cls(**place, edges=edges, counts=counts, singleton=singleton, kind=kind)  # type: ignore[arg-type]

    @classmethod
    def fit_categories(cls, values: Column, *, name: str, tensor: str, column: int, is_score: bool) -> Self:
        """A slot a value for labels and for numbers that are names."""
        return cls._of_categories(values, name=name, tensor=tensor, column=column, is_score=is_score)

    @classmethod
    def _of_categories(cls, values: Column, **place: Any) -> Self:
        categories, counts = Categories.fit(values)
        return cls(
            **place,
            edges=np.zeros(0, np.float32),
            counts=counts,
            singleton=np.ones(categories.slots - 1, np.bool_),
            kind="categorical",
            categories=categories,
        )
