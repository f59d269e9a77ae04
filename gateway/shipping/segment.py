"""One sealed segment into Parquet files: each whole or not at all, and the same files whenever it is shipped again."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from gateway.journal.format import STATUS_NAMES
from gateway.journal.segments import committed_bytes, is_sealed
from gateway.journal.walk import Position, SegmentReader
from gateway.shipping.frames import Walked, walk
from gateway.shipping.names import Partition, dataset, folder_model
from gateway.shipping.rows import Part, parts, table
from gateway.shipping.stores import Store


@dataclass
class Shipped:
    """What became of a segment."""

    position: Position  # behind it
    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (dataset, model, status)
    files: int = 0
    bytes: int = 0
    gaps: int = 0  # sequences inside it that are not there
    corrupt: str = ""  # what is wrong with the part that was left out


def ship(path: Path, journal: str, store: Store) -> Shipped | None:
    """None for a segment that is not sealed yet. Raises: FileNotFoundError, JournalCorrupt, OSError.

    A segment with a corrupt frame is shipped up to there.
    """
    reader = SegmentReader(path)
    if not is_sealed(reader.memory):
        return None
    walked = walk(reader)
    shipped = _counted(walked, reader)
    for partition, found in _tables(walked, journal, shipped):
        shipped.bytes += store.put(partition.name(journal, reader.base), found)
        shipped.files += 1
    return shipped


def _counted(walked: Walked, reader: SegmentReader) -> Shipped:
    sequences = walked.frames.headers["sequence"]
    following = int(sequences[-1]) + 1 if len(sequences) else reader.base
    position = Position(reader.base, committed_bytes(reader.memory), following)
    gaps = following - reader.base - len(sequences)
    corrupt = ""
    if walked.corrupt_at is not None:
        corrupt = f"{reader.path}: the frame at byte {walked.corrupt_at} has a wrong length or checksum"
    return Shipped(position, gaps=gaps, corrupt=corrupt)


def _tables(walked: Walked, journal: str, shipped: Shipped) -> Iterator[tuple[Partition, pa.Table]]:
    """A table a file."""
    alike: dict[Partition, list[Part]] = {}
    for part in parts(walked.frames, walked.schemas) if len(walked.frames) else ():
        alike.setdefault(part.partition, []).append(part)
        shipped.rows.update(_ended(part, journal))
    for partition, found in alike.items():
        tables = [table(part, journal) for part in found]
        whole = tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")
        yield partition, whole if len(tables) == 1 else whole.sort_by("sequence")


def _ended(part: Part, journal: str) -> Counter[tuple[str, str, str]]:
    counted = np.bincount(part.frames.headers["status"], minlength=1)
    key = dataset(journal), folder_model(part.partition.model)
    return Counter({(*key, STATUS_NAMES.get(status, "")): int(n) for status, n in enumerate(counted) if n})
