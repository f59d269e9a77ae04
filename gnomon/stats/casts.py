"""Numbers as a monitor's kind sees them. Every cast keeps the order, so no number passes another."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnomon.stats.columns import Column, Labels, Numbers


def seen_as(column: Column, dtype: str | None) -> Column:
    """Numbers as float32, float64 or int64; labels, and all for None, as they are.

    What float32 cannot hold becomes infinite. Raises: ValueError: another type.
    """
    if isinstance(column, Labels) or dtype is None or column.values.dtype == dtype:
        return column
    if dtype == "int64":
        return as_int64(column)
    if dtype not in ("float32", "float64"):
        raise ValueError(f"numbers are seen as float32, float64 or int64, not as {dtype!r}")
    with np.errstate(over="ignore"):
        values = column.values.astype(dtype)
    return Numbers(values=values if column.missing is None else np.where(column.missing, np.nan, values).astype(dtype))


def as_int64(column: Numbers) -> Numbers:
    """Floats as the whole numbers at or below them: which of a column's int64 edges they reach, those do as well."""
    if column.values.dtype.kind != "f":
        return column
    missing = np.isnan(column.values)
    whole = np.floor(np.where(missing, 0, column.values))
    limits = np.iinfo(np.int64)
    inside = (whole >= -(2.0**63)) & (whole < 2.0**63)
    values = np.where(inside, whole, 0).astype(np.int64)
    values = np.where(inside, values, np.where(whole > 0, limits.max, limits.min))
    if column.missing is not None:
        missing |= column.missing
    return Numbers(values=values, missing=missing if missing.any() else None)


def as_numbers(data: ArrayLike) -> NDArray[Any]:
    """As a (n_rows, n_columns) table of float32, float64 or int64, a vector as one column.

    Raises:
        ValueError: not numbers, or not one or two dimensions.
    """
    try:
        table: NDArray[Any] = np.asarray(data)
        if table.dtype.kind not in "fi" or table.dtype.itemsize > 8:
            table = table.astype(np.int64 if table.dtype.kind in "ub" and table.dtype.itemsize < 8 else np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"monitored data must be numeric: {error}") from None
    if table.ndim not in (1, 2):
        raise ValueError(f"monitored data must have shape (rows, columns), got {table.shape}")
    if table.dtype.kind == "i":
        table = table.astype(np.int64, copy=False)
    elif table.dtype.itemsize < 4:
        table = table.astype(np.float32)
    return table[:, np.newaxis] if table.ndim == 1 else table
