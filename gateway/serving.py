"""What a worker serves at one instant: an immutable table of models, swapped whole. A request reads it once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.fastcodec.request import Request
from gateway.router import AskedCall, HasMetadata
from gateway.unkeyed import Unkeyed
from gnomon.asked import version_number
from gnomon.domain import DesiredState, Route
from gnomon.errors import ModelNotFound, NotReady
from gnomon.routing import ROUTING_KEY, Choice, Table


@dataclass(frozen=True, slots=True)
class Serving:
    """Routes by model, and which versions are loaded. Written by: the worker's event loop, as a whole."""

    revision: int = -1  # -1: nothing was committed yet
    tables: Mapping[str, Table] = field(default_factory=dict)

    @classmethod
    def of(cls, state: DesiredState) -> "Serving":
        tables = {model.route.model: Table.build(model.route) for model in state.models}
        return cls(state.revision, MappingProxyType(tables))

    def with_table(self, table: Table) -> "Serving":
        """The same, but for one model's table."""
        return Serving(self.revision, MappingProxyType({**self.tables, table.route.model: table}))

    def unlike(self, other: "Serving") -> set[str]:
        """Models whose route is not the same in the other."""
        routes, others = ({model: table.route for model, table in each.tables.items()} for each in (self, other))
        return {model for model in routes.keys() | others.keys() if routes.get(model) != others.get(model)}

    def table(self, model: str) -> Table:
        """Raises: NotReady before the first state, ModelNotFound."""
        if self.revision < 0:
            raise NotReady("this worker has not been told yet what to serve")
        table = self.tables.get(model)
        if table is None:
            raise ModelNotFound(f"model {model!r} is not served here; served are {sorted(self.tables)}")
        return table

    def choose(self, request: Request, call: HasMetadata, unkeyed: Unkeyed) -> tuple[Route, Choice]:
        """The arm for one call, by its place among those that go by turn where nothing else decides.

        Raises: NotReady, ModelNotFound, VersionNotFound, InvalidInput.
        """
        model = request.model_name
        version = version_number(request.model_version) if request.model_version else 0
        table = self.tables.get(model) or self.table(model)
        if version:
            return table.route, table.pinned(version)
        key = call.metadata(ROUTING_KEY) or request.routing_key
        if key and not table.asks:
            return table.route, table.by_key(key)
        choice = table.choose(key, AskedCall(call, request)) if table.asks else None
        return table.route, table.by_sequence(unkeyed.next(model)) if choice is None else choice
