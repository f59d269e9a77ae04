"""One sealed segment into Parquet files: each whole or not at all, and the same files whenever it is shipped again."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.journal.columns import groups
from gateway.journal.format import HEADER_BYTES, STATUS_NAMES, JournalCorrupt
from gateway.journal.segments import committed_bytes, is_sealed
from gateway.journal.walk import Batch, Position, SegmentReader
from gateway.shipping.names import Partition, dataset, folder_model
from gateway.shipping.rows import tables

READ_LIMIT = 16_384
ROW_GROUP = 65_536


@dataclass
class Shipped:
    """What became of a segment."""

    position: Position  # behind it
    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (dataset, model, status)
    files: int = 0
    bytes: int = 0
    gaps: int = 0  # sequences inside it that are not there
    corrupt: str = ""  # what is wrong with the part that was left out


def ship(path: Path, journal: str, root: Path) -> Shipped | None:
    """None for a segment that is not sealed yet. Raises: FileNotFoundError, JournalCorrupt, OSError.

    A segment with a corrupt frame is shipped up to there.
    """
    reader = SegmentReader(path)
    if not is_sealed(reader.memory):
        return None
    shipped = Shipped(Position(reader.base, committed_bytes(reader.memory), reader.base))
    parts: dict[Partition, list[pa.Table]] = {}
    for batch in _batches(reader, shipped):
        _count(batch, shipped)
        for group in groups(batch):
            for partition, table in tables(group, journal):
                parts.setdefault(partition, []).append(table)
            shipped.rows.update(_ended(group.model, group.headers["status"].tolist(), journal))
    for partition, found in parts.items():
        write(found, partition.path(root, journal, reader.base), shipped)
    return shipped


def write(found: list[pa.Table], path: Path, shipped: Shipped) -> None:
    """One file, by a rename; readers find it whole."""
    table = pa.concat_tables(found, promote_options="default").sort_by("sequence")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP)
    shipped.files += 1
    shipped.bytes += temporary.stat().st_size
    os.replace(temporary, path)


def _batches(reader: SegmentReader, shipped: Shipped) -> list[Batch]:
    """All batches of a sealed segment; what follows a corrupt frame is left out, and said."""
    found: list[Batch] = []
    at, limit = HEADER_BYTES, READ_LIMIT
    while True:
        try:
            offsets, at = reader.read(at, limit)
        except JournalCorrupt as error:
            if limit == 1:
                shipped.corrupt = str(error)
                return found
            limit = 1  # frame by frame, up to the bad one
            continue
        if not offsets:
            return found
        found.append(reader.batch(offsets))


def _count(batch: Batch, shipped: Shipped) -> None:
    last = int(batch.headers["sequence"][-1])
    shipped.gaps += last + 1 - shipped.position.sequence - len(batch)
    shipped.position = shipped.position._replace(sequence=last + 1)


def _ended(model: str, statuses: list[int], journal: str) -> Counter[tuple[str, str, str]]:
    counted = Counter(statuses)
    return Counter(
        {(dataset(journal), folder_model(model), STATUS_NAMES.get(status, "")): n for status, n in counted.items()}
    )
