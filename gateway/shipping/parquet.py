"""Parquet files: how their columns are written, and how a file comes to be whole or not at all."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 65_536
LEVEL = 1  # of zstd; what comes of a higher one does not pay for its time
FALSE_POSITIVES = 0.01
# Few values, many rows. Elsewhere a dictionary costs more than all the rest: features seldom repeat.
DICTIONARIES = ("journal", "model", "role", "rule", "status", "reason", "artifact_sha256")
DELTAS = ("sequence", "arrived")


def encode(table: pa.Table, target: Any) -> None:
    """`target` is a path or a file. The same table gives the same bytes."""
    rows = min(table.num_rows, ROW_GROUP)
    pq.write_table(
        table, target, compression="zstd", compression_level=LEVEL, row_group_size=ROW_GROUP,
        use_dictionary=list(DICTIONARIES), column_encoding=dict.fromkeys(DELTAS, "DELTA_BINARY_PACKED"),
        bloom_filter_options={"request_id": {"ndv": rows, "fpp": FALSE_POSITIVES}},
    )  # fmt: skip


def write(table: pa.Table, path: Path) -> int:
    """One file, forced to the disk and then renamed; readers find it whole. Its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        encode(table, file)
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    os.replace(temporary, path)
    _force(path.parent)
    return size


def _force(folder: Path) -> None:
    """A rename is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
