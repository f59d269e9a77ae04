"""The shipper: sealed segments of all journals into Parquet, exactly once.

Files have names made of journal and segment: a segment that is shipped again writes the same rows over the same files.
"""

import logging
import os
import time
from collections import Counter
from datetime import UTC, datetime

import pyarrow as pa

from gateway.config import Config
from gateway.consumer import alone, consume, stop_event
from gateway.exporter import IDLE_S, NICE, Exporter, gateway_id
from gateway.shipping.expiry import expired_days
from gateway.shipping.names import PREDICTIONS_DATASET, SHADOW_DATASET, Partition
from gateway.shipping.policies import Policies
from gateway.shipping.rows import joined
from gateway.shipping.segment import Segment
from gateway.shipping.stores import Store, store_of

__all__ = ["PREDICTIONS_DATASET", "SHADOW_DATASET", "Shipper", "run"]

log = logging.getLogger(__name__)

NAME = "shipper"
EXPIRY_S = 600.0


class Files:
    """Parquet in a store."""

    prefix = "gnomon_shipped"
    counters: tuple[str, ...] = ("files", "bytes", "expired_days")

    def __init__(self, store: Store, policies: Policies) -> None:
        self.store = store
        self.policies = policies

    def deliver(self, segment: Segment) -> Counter[str]:
        """A file for each model, version and hour."""
        self.policies.refresh()
        alike: dict[Partition, list[pa.Table]] = {}
        for part in segment.parts:
            alike.setdefault(part.partition, []).append(self.policies.table(part, segment.journal))
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
        self.files = Files(store_of(config.export_url, layout.parquet, gateway_id(layout)), Policies(layout))
        self._looked = 0.0  # for days to remove, on the monotonic clock
        super().__init__(NAME, config, self.files)

    def step(self) -> bool:
        """Besides, now and then: removes exported days that no policy keeps."""
        if time.monotonic() > self._looked + EXPIRY_S or not self._looked:
            self._looked = time.monotonic()
            self._expire()
        return super().step()

    def _expire(self) -> None:
        """A store that is gone is asked again next time."""
        try:
            self.files.policies.refresh()
            gone = expired_days(self.files.store, self.files.policies.retentions(), datetime.now(UTC))
            if gone and not self.totals["thinned"]:
                self.totals["thinned"] = 1  # first of all: who counts rows in files is to know why some are not there
                self._save()
            for folder in gone:
                self.files.store.remove(folder)
                self.totals["expired_days"] += 1
                log.info("exports %s removed: older than their log policy keeps", folder)
        except OSError as error:
            log.error("expired exports were not removed: %s", error)


def run(config: Config) -> None:
    """The process."""
    os.nice(NICE)
    stop = stop_event()
    with alone(config.layout.checkpoint(NAME)):
        consume(Shipper(config), stop, idle_s=IDLE_S, drain_s=config.drain_timeout_s)
