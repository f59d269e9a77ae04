"""What a killed worker left in its journal: the next one of the slot counts it."""

from collections.abc import Iterator
from pathlib import Path

from gateway.books import Left
from gateway.journal.format import ANSWERED
from gateway.journal.tail import records_since
from gateway.sampling import offered_to
from gnomon.domain import Route
from gnomon.registry.v1 import registry_pb2
from gnomon.wire import decode


def left_since(folder: Path, sequence: int) -> Iterator[Left]:
    """The records from `sequence` on."""
    known: dict[int, Route] = {}
    for header, routes in records_since(folder, sequence):
        epoch, left = int(header["epoch"]), Left(int(header["status"]))
        if header["status"] == ANSWERED and epoch in routes:
            if epoch not in known:
                known[epoch] = decode(registry_pb2.Route.FromString(routes[epoch]), Route)
            wanted = offered_to(known[epoch], int(header["version"]), folder.name, int(header["sequence"]))
            left = left._replace(offered=tuple((known[epoch].model, arm.version) for arm in wanted))
        yield left
