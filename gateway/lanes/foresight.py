"""Calls as they will come to a route that is not in force yet: of a kind that comes now, one for each arm.

The lane is taught with them before the switch, so that the first calls after it need no Python. The shapes of what a
version answers are known from its warm-up. Where that says nothing of calls like these, or the version refuses them,
there is no call: the first real one teaches the lane, as ever.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.fastcodec.inputs import take
from gateway.fastcodec.request import Request
from gateway.job import Taken
from gateway.journal.format import NUMPY_OF, OUTPUT
from gateway.journal.writer import TensorRecord
from gateway.lanes.kinds import Known, shapes_of
from gateway.native.blocks import MOST_ARMS
from gateway.servables import Servable, Servables
from gnomon.asked import version_number
from gnomon.domain import ALL_BP, Route
from gnomon.errors import InvalidInput
from gnomon.routing import Choice, Table, role_of

MOST_KINDS = 64  # of a model, those that became known last: each costs the loop a third of a millisecond


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Kinds that are ready for a route."""

    route: Route
    kinds: list[Known] = field(default_factory=list)


def made_up(request: Request, table: Table, servables: Servables) -> Iterator[tuple[Taken, list[TensorRecord]]]:
    """A call of the request's kind for each arm that it can fall to, and each version of a rule; and the records of its
    outputs: zeros."""
    raws = tuple(_zeros(datatype, shape) for _, datatype, shape in request.layout.inputs)
    filled, shapes = request._replace(raws=raws), shapes_of(request.layout)
    for choice in _choices(request, table):
        servable = servables.get(request.model_name, choice.version)
        if servable.row_shapes is None or servable.row_shapes[0] != shapes:
            continue
        try:
            taken = Taken(filled, choice, table.route, servable, *take(filled, servable))
        except InvalidInput:
            continue
        yield taken, _outputs(servable, taken.inputs.rows, servable.row_shapes[1])


def _choices(request: Request, table: Table) -> list[Choice]:
    """None where the request names a version that the route does not."""
    version = version_number(request.model_version) if request.model_version else 0
    if version:
        return [table.pinned(version)] if version in table.route.loaded else []
    arms = [arm for _, arm in table.bounds[:MOST_ARMS]]
    ruled = sorted({rule.version for rule in table.route.rules})
    return [
        *(Choice(arm.version, arm.role, arm.weight_bp, 0, "sequence", 0) for arm in arms),
        *(Choice(number, role_of(table.route, number), ALL_BP, 0, "rule", 0) for number in ruled),
    ]


def _outputs(servable: Servable, rows: int, shapes: tuple[tuple[int, ...], ...]) -> list[TensorRecord]:
    return [
        TensorRecord(OUTPUT, index, datatype, (rows, *shape), _zeros(datatype, (rows, *shape)))
        for index, (datatype, shape) in enumerate(zip(servable.kept_outputs, shapes, strict=True))
    ]


def _zeros(datatype: str, shape: tuple[int, ...]) -> bytes:
    return bytes(NUMPY_OF[datatype].itemsize * math.prod(shape))
