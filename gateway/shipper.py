"""The shipper: sealed segments of all journals into Parquet, exactly once.

Files have names made of journal and segment: a segment that is shipped again writes the same rows over the same files.
"""

import os
from collections import Counter

import pyarrow as pa

from gateway.config import Config
from gateway.consumer import alone, consume, stop_event
from gateway.exporter import IDLE_S, NICE, Exporter, gateway_id
from gateway.shipping.names import PREDICTIONS_DATASET, SHADOW_DATASET, Partition
from gateway.shipping.rows import joined, table
from gateway.shipping.segment import Segment
from gateway.shipping.stores import Store, store_of

__all__ = ["PREDICTIONS_DATASET", "SHADOW_DATASET", "Shipper", "run"]

NAME = "shipper"


class Files:
    """Parquet in a store."""

    prefix = "gnomon_shipped"
    counters: tuple[str, ...] = ("files", "bytes")

    def __init__(self, store: Store) -> None:
        self.store = store

    def deliver(self, segment: Segment) -> Counter[str]:
        """A file for each model, version and hour."""
        alike: dict[Partition, list[pa.Table]] = {}
        for part in segment.parts:
            alike.setdefault(part.partition, []).append(table(part, segment.journal))
        sizes = [
            self.store.put(partition.name(segment.journal, segment.base), joined(tables))
            for partition, tables in alike.items()
        ]
        return Counter(files=len(sizes), bytes=sum(sizes))

    def close(self) -> None:
        """Files hold nothing open."""


class Shipper(Exporter):
    """Reads sealed segments, writes Parquet."""

    def __init__(self, config: Config) -> None:
        layout = config.layout
        super().__init__(NAME, config, Files(store_of(config.export_url, layout.parquet, gateway_id(layout))))


def run(config: Config) -> None:
    """The process."""
    os.nice(NICE)
    stop = stop_event()
    with alone(config.layout.checkpoint(NAME)):
        consume(Shipper(config), stop, idle_s=IDLE_S, drain_s=config.drain_timeout_s)
