"""A profile as it is stored with the artifact: a gnomon.profile.v1.Profile, which any protobuf library reads."""

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from google.protobuf.message import DecodeError

from gnomon.profile.v1 import profile_pb2
from gnomon.stats.categories import Categories
from gnomon.stats.columns import Label
from gnomon.stats.hours import Hour
from gnomon.stats.monitor import Kind, Monitor
from gnomon.stats.slices import Slice

_EDGES = {"float32": "edges", "float64": "edges_float64", "int64": "edges_int64", "categorical": "edges"}
_FIELDS = ((bool, "flag"), (int, "number"), (str, "text"), (float, "real"), (bytes, "binary"))


def write(
    rows: int, data_sha256: str, monitors: Iterable[Monitor], hours: Iterable[Hour], slices: Iterable[Slice],
    reference: str,
) -> bytes:  # fmt: skip
    """Equal profiles give equal bytes."""
    message = profile_pb2.Profile(rows=rows, data_sha256=data_sha256, reference=reference)
    message.monitors.extend(_written(monitor) for monitor in monitors)
    for hour in hours:
        message.hours.add(hour_of_week=hour.hour_of_week, rows=hour.rows, counts=hour.counts.tolist())
    for each in slices:
        message.slices.add(column=each.column, value=each.value, rows=each.rows, counts=each.counts.tolist())
    return message.SerializeToString(deterministic=True)


def read(data: bytes) -> dict[str, Any]:
    """The fields of a Profile.

    Raises:
        ValueError: not such a message, or one with monitors that are none.
    """
    try:
        message = profile_pb2.Profile.FromString(data)
    except DecodeError as error:
        raise ValueError(f"{len(data)} bytes are not a gnomon.profile.v1.Profile: {error}") from None
    hours = tuple(
        Hour(hour_of_week=hour.hour_of_week, rows=hour.rows, counts=np.array(hour.counts, np.int64))
        for hour in message.hours
    )
    slices = tuple(
        Slice(column=each.column, value=each.value, rows=each.rows, counts=np.array(each.counts, np.int64))
        for each in message.slices
    )
    return {
        "rows": message.rows, "data_sha256": message.data_sha256, "reference": message.reference, "hours": hours,
        "slices": slices, "monitors": tuple(_read(monitor) for monitor in message.monitors),
    }  # fmt: skip


def _written(monitor: Monitor) -> profile_pb2.Monitor:
    message = profile_pb2.Monitor(
        name=monitor.name,
        tensor=monitor.tensor,
        column=monitor.column,
        is_score=monitor.is_score,
        counts=monitor.counts.tolist(),
        singleton=monitor.singleton.tolist(),
        kind="" if monitor.kind == "float32" else monitor.kind,
        derived=monitor.derived,
    )
    getattr(message, _EDGES[monitor.kind]).extend(monitor.edges.tolist())
    if monitor.categories is not None:
        message.categories.values.extend(map(_category, monitor.categories.values))
        message.categories.others.extend(map(_category, monitor.categories.others))
        message.categories.open = monitor.categories.open
        message.categories.once = monitor.categories.once
    return message


def _read(message: profile_pb2.Monitor) -> Monitor:
    kind = message.kind or "float32"
    if kind not in _EDGES:
        raise ValueError(f"monitor {message.name!r} is of kind {kind!r}, which this version does not know")
    return Monitor(
        name=message.name,
        tensor=message.tensor,
        column=message.column,
        is_score=message.is_score,
        edges=np.array(getattr(message, _EDGES[kind]), np.float32 if kind == "categorical" else kind),
        counts=np.array(message.counts, np.int64),
        singleton=np.array(message.singleton, np.bool_),
        kind=cast(Kind, kind),
        categories=_categories(message.categories) if kind == "categorical" else None,
        derived=message.derived,
    )


def _categories(message: profile_pb2.Categories) -> Categories:
    values, others = (tuple(map(_label, part)) for part in (message.values, message.others))
    return Categories(values=values, others=others, open=message.open, once=message.once)


def _category(label: Label) -> profile_pb2.Category:
    field = next(field for kind, field in _FIELDS if isinstance(label, kind))
    given: Any = {field: label}
    return profile_pb2.Category(**given)


def _label(message: profile_pb2.Category) -> Label:
    field = message.WhichOneof("value")
    if field is None:
        raise ValueError("a category without a value")
    return cast(Label, getattr(message, field))
