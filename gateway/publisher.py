"""The publisher: sealed segments of all journals into a NATS JetStream stream, as Arrow record batches, exactly once.

A process of its own with a cursor of its own: a slow broker holds up neither Parquet nor a call. What the broker does
not take waits in the journal, until retention takes it, which is counted as missed.
"""

import os
from collections import Counter

import pyarrow as pa

from gateway.config import Config
from gateway.consumer import alone, consume, stop_event
from gateway.exporter import IDLE_S, NICE, Exporter, gateway_id
from gateway.shipping.jetstream import Stream
from gateway.shipping.messages import messages, subject
from gateway.shipping.policies import Policies
from gateway.shipping.rows import joined
from gateway.shipping.segment import Segment

NAME = "publisher"


class Messages:
    """Arrow record batches in a stream."""

    prefix = "gnomon_published"
    counters: tuple[str, ...] = ("messages", "bytes", "bare")

    def __init__(self, config: Config) -> None:
        self.config = config
        self.gateway_id = gateway_id(config.layout)
        self.stream = Stream(config)
        self.policies = Policies(config.layout)

    def deliver(self, segment: Segment) -> Counter[str]:
        """A subject a model; on each, rows in the order of their sequence: the last one tells where to go on."""
        self.policies.refresh()
        alike: dict[str, list[pa.Table]] = {}
        for part in segment.parts:
            name = subject(self.config.nats_subject, segment.journal, part.partition.model, self.gateway_id)
            alike.setdefault(name, []).append(self.policies.table(part, segment.journal))
        counts: Counter[str] = Counter()
        for name, tables in alike.items():
            for message in messages(joined(tables), self.stream.tail(name).sequence, self.stream.limit_bytes()):
                self.stream.publish(name, message)
                counts.update(messages=1, bytes=len(message.data), bare=message.bare)
        return counts

    def close(self) -> None:
        self.stream.close()


class Publisher(Exporter):
    """Reads sealed segments, publishes messages."""

    def __init__(self, config: Config) -> None:
        super().__init__(NAME, config, Messages(config))


def run(config: Config) -> None:
    """The process."""
    os.nice(NICE)
    stop = stop_event()
    with alone(config.layout.checkpoint(NAME)):
        consume(Publisher(config), stop, idle_s=IDLE_S, drain_s=config.drain_timeout_s)
