"""Columns of whatever a table comes in, for profiles and sketches: numbers in their own type, all else as labels.

A mapping of columns, a pandas or polars DataFrame, a pyarrow Table or RecordBatch. None of these libraries is imported
here: who hands over their table has them already.
"""

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Label = str | int | bool | float | bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Numbers:
    """`values` (n,) float32, float64 or int64; NaN is missing, and what `missing` (n,) bool marks, if any."""

    values: NDArray[Any]
    missing: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.intp]) -> "Numbers":
        return Numbers(values=self.values[rows], missing=None if self.missing is None else self.missing[rows])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """Values that are names rather than quantities: row i has `labels[codes[i]]`, and -1 is missing."""

    codes: NDArray[np.intp]
    labels: Sequence[Label]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.intp]) -> "Labels":
        return Labels(codes=self.codes[rows], labels=self.labels)


Column = Numbers | Labels


def is_table(data: Any) -> bool:
    """Whether `columns_of` takes it; an array is none, and neither is a list."""
    return isinstance(data, Mapping) or _library(data) in ("pandas", "polars", "pyarrow")


def columns_of(data: Any, wanted: Sequence[str] | None = None) -> dict[str, Column]:
    """The `wanted` columns by name, all if None, of equal lengths.

    Raises:
        ValueError: a column that is not there, is neither of numbers nor of labels, or is longer than others.
    """
    given = dict(_columns(data))
    missing = [name for name in wanted or () if name not in given]
    if missing:
        raise ValueError(f"no column {missing[0]!r} among {sorted(given)}")
    columns = {name: column(given[name], name) for name in (given if wanted is None else wanted)}
    lengths = {name: len(found) for name, found in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns must be of one length, got {lengths}")
    return columns


def column(values: Any, name: str) -> Column:
    """One column of any of the libraries, an array or a list. Raises: ValueError."""
    if isinstance(values, Numbers | Labels):
        return values
    try:
        match _library(values):
            case "pandas":
                return _from_pandas(values)
            case "polars":
                return _from_polars(values)
            case "pyarrow":
                return _from_arrow(values)
        return _from_array(np.asarray(values))
    except (TypeError, OverflowError, ValueError) as error:
        raise ValueError(f"column {name!r}: {error}") from None


def _library(data: Any) -> str:
    return type(data).__module__.partition(".")[0]


def _columns(data: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping):
        yield from ((str(name), values) for name, values in data.items())
    elif _library(data) == "pandas":
        yield from ((str(name), data.iloc[:, place]) for place, name in enumerate(data.columns))
    elif _library(data) == "polars":
        yield from ((name, data.get_column(name)) for name in data.columns)
    else:
        yield from zip(data.schema.names, data.columns, strict=True)


def _from_array(values: NDArray[Any]) -> Column:
    if values.ndim != 1:
        raise ValueError(f"one dimension wanted, got shape {values.shape}")
    match values.dtype.kind:
        case "f" if values.dtype.itemsize <= 8:
            return Numbers(values=values.astype(np.float32, copy=False) if values.dtype.itemsize < 8 else values)
        case "i":
            return Numbers(values=values.astype(np.int64, copy=False))
        case "u":
            return Numbers(values=_signed(values))
        case "b":
            return Labels(codes=values.astype(np.intp), labels=(False, True))
        case "O" | "U" | "S" | "T":
            return _numbered(values.tolist())
    raise _refused(values.dtype)


def _refused(dtype: Any) -> ValueError:
    return ValueError(f"{dtype} is neither numbers nor labels; of a time, monitor what a model makes of it (hour, age)")


def _signed(values: NDArray[Any]) -> NDArray[np.int64]:
    if values.dtype.itemsize == 8 and values.max(initial=0) > np.iinfo(np.int64).max:
        raise ValueError(f"{values.max()} is beyond int64")
    return values.astype(np.int64)


def _numbered(values: list[Any]) -> Column:
    """Labels of Python objects; all of them floats, or floats and None, are numbers that were kept in objects."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds and kinds <= {float, np.float64, np.float32}:
        return Numbers(values=np.array(values, np.float64))
    numbers: dict[Any, int] = {}
    codes = np.array([numbers.setdefault(value, len(numbers)) for value in values], np.intp)
    return _without_missing(codes, list(numbers))


def _without_missing(codes: NDArray[np.intp], labels: list[Any]) -> Labels:
    """Rows of None, NaN and NA are marked as missing; the rest must be text, bytes, whole numbers or truth values."""
    absent = [place for place, label in enumerate(labels) if _is_missing(label)]
    if absent:
        codes = np.where(np.isin(codes, absent), -1, codes)
    for label in labels:
        if not _is_missing(label) and not isinstance(label, str | bytes | int | float | np.generic):
            raise ValueError(f"{label!r} of type {type(label).__name__} is neither a number nor a label")
    return Labels(codes=codes, labels=[label.item() if isinstance(label, np.generic) else label for label in labels])


def _is_missing(label: Any) -> bool:
    return label is None or type(label).__name__ in ("NAType", "NaTType") or bool(label != label)


def _from_pandas(values: Any) -> Column:
    series = sys.modules["pandas"].Series(values)  # a Series already, or one of pandas' arrays
    dtype = series.dtype
    if dtype.name == "category":
        return _without_missing(series.cat.codes.to_numpy().astype(np.intp), series.cat.categories.tolist())
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return _from_array(series.to_numpy())
    kind = getattr(dtype, "kind", "O")
    if kind in "iuf":
        return _nullable(series, series.isna().to_numpy(), kind)
    if kind in "Mm":
        raise _refused(dtype)
    codes, labels = sys.modules["pandas"].factorize(series)
    return _without_missing(np.asarray(codes, np.intp), labels.tolist())


def _nullable(series: Any, missing: NDArray[np.bool_], kind: str) -> Column:
    if kind == "f":
        return _from_array(series.to_numpy(np.float64, na_value=np.nan))
    values = _from_array(series.to_numpy(np.uint64 if kind == "u" else np.int64, na_value=0))
    return _masked(values, missing)


def _masked(column: Column, missing: NDArray[np.bool_]) -> Column:
    if isinstance(column, Labels) or not missing.any():
        return column
    return Numbers(values=column.values, missing=missing)


def _from_polars(series: Any) -> Column:
    dtype = series.dtype
    if dtype.is_float():
        return _from_array(series.to_numpy())  # null becomes NaN
    if dtype.is_integer():
        return _masked(_from_array(series.fill_null(0).to_numpy()), series.is_null().to_numpy())
    if dtype.is_temporal():
        raise _refused(dtype)
    return _numbered(series.to_list())


def _from_arrow(values: Any) -> Column:
    kind = str(values.type)
    if kind.startswith(("float", "double", "halffloat")):
        return _from_array(values.to_numpy() if hasattr(values, "chunks") else values.to_numpy(zero_copy_only=False))
    if kind.startswith(("int", "uint")):
        filled = values.fill_null(0) if values.null_count else values
        found = _from_array(filled.to_numpy() if hasattr(values, "chunks") else filled.to_numpy(zero_copy_only=False))
        return _masked(found, np.asarray(values.is_null())) if values.null_count else found
    if kind.startswith(("date", "time", "duration")):
        raise _refused(kind)
    coded = values if kind.startswith("dictionary") else values.dictionary_encode()
    coded = coded.unify_dictionaries().combine_chunks() if hasattr(coded, "chunks") else coded
    if hasattr(coded, "chunks"):  # a table without rows
        coded = coded.chunk(0) if coded.num_chunks else None
    if coded is None:
        return Labels(codes=np.zeros(0, np.intp), labels=())
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.intp)
    return _without_missing(codes, coded.dictionary.to_pylist())
