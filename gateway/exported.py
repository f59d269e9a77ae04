"""Predictions looked up in the exports: in the folder or the store they were shipped to.

A store may be shared by gateways whose journals have the same names: only this gateway's own files are looked into.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from gateway.journal.index import Index
from gateway.shipping.names import HOUR_NS, PREDICTIONS_DATASET
from gateway.shipping.stores import Store
from gateway.trace import Place, covering, of_row, place_of
from gnomon.gateway.v1 import gateway_pb2 as pb

LAST_HOUR = 8_000 * 8_766  # about 8 000 years from 1970, which a date can still say
Filter = tuple[str, Any]  # a column, and the value that is wanted


def by_place(store: Store, place: Place) -> pb.PredictionTrace | None:
    """First where its time says that it is, then everywhere. Raises: OSError."""
    hour = place.id.unix_ms * 1_000_000 // HOUR_NS
    hours = (hour, hour - 1) if hour < LAST_HOUR else ()  # anybody may make up an id, of any year
    for pattern in (*map(hour_pattern, hours), "model=*/date=*/hour=*"):
        found = _in_folders(store, f"{place.dataset}/{pattern}", place)
        if found is not None:
            return found
    return None


def hour_pattern(hour: int) -> str:
    """Folders of an hour since 1970."""
    at = datetime.fromtimestamp(hour * 3600, UTC)
    return f"model=*/date={at:%Y-%m-%d}/hour={at:%H}"


def _in_folders(store: Store, pattern: str, place: Place) -> pb.PredictionTrace | None:
    files: dict[int, list[PurePosixPath]] = {}
    for name in store.find(f"{pattern}/{place.journal}-*.parquet"):
        files.setdefault(int(name.stem.split("-")[1]), []).append(name)
    base = covering(list(files), place.id.sequence)
    for name in files.get(base, []) if base is not None else []:
        for trace in _rows(store, name, ("sequence", place.id.sequence)):
            if trace.prediction_id == place.text:
                return trace
    return None


def of_segment(store: Store, journal: str, index: Index, request_id: str) -> Iterator[pb.PredictionTrace]:
    """Predictions of a request id in the exports of one segment. Raises: OSError."""
    first, last = (arrived // HOUR_NS for arrived in index.arrived)
    for hour in range(first, last + 1):
        pattern = f"{PREDICTIONS_DATASET}/{hour_pattern(hour)}/{journal}-{index.base:016d}-*.parquet"
        for name in store.find(pattern):
            yield from _rows(store, name, ("request_id", request_id))


def scanned(store: Store, request_id: str) -> list[pb.PredictionTrace]:
    """Predictions of a request id in all exports: slow, and only where no index knows of it. Raises: OSError."""
    names = store.find(f"{PREDICTIONS_DATASET}/model=*/date=*/hour=*/w*.parquet")
    return [trace for name in names for trace in _rows(store, name, ("request_id", request_id))]


def _rows(store: Store, name: PurePosixPath, wanted: Filter) -> Iterator[pb.PredictionTrace]:
    """The rows of a file that pass: first the column that decides, then all of the row groups that have them."""
    import pyarrow.parquet  # only when the journal has it no more

    column, value = wanted
    with store.open(name) as opened, pyarrow.parquet.ParquetFile(opened) as file:
        for group in range(file.num_row_groups):
            if not _may_hold(file.metadata.row_group(group), column, value):
                continue
            rows = np.flatnonzero(file.read_row_group(group, [column]).column(0).to_numpy() == value)
            if len(rows):
                table = file.read_row_group(group).take(rows)
                for row in table.to_pylist():
                    yield of_row(row, table.schema, place_of(row["prediction_id"]))


def _may_hold(group: Any, column: str, value: Any) -> bool:
    """By the statistics of a row group."""
    for number in range(group.num_columns):
        found = group.column(number)
        if found.path_in_schema == column:
            known = found.statistics
            return known is None or not known.has_min_max or bool(known.min <= value <= known.max)
    return False
