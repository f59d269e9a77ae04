"""What a worker serves at one instant: an immutable table of models, swapped whole. A request reads it once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.router import Choice, Table
from gateway.unkeyed import Unkeyed
from gnomon.domain import DesiredState, Route
from gnomon.errors import ModelNotFound, NotReady, VersionNotFound


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

    def table(self, model: str) -> Table:
        """Raises: NotReady before the first state, ModelNotFound."""
        if self.revision < 0:
            raise NotReady("this worker has not been told yet what to serve")
        table = self.tables.get(model)
        if table is None:
            raise ModelNotFound(f"model {model!r} is not served here; served are {sorted(self.tables)}")
        return table

    def choose(self, model: str, version: int, key: bytes, unkeyed: Unkeyed) -> tuple[Route, Choice]:
        """The arm for one call: the version it names, else by its key, else by its place among calls without one.

        Raises: NotReady, ModelNotFound, VersionNotFound.
        """
        table = self.table(model)
        if version:
            if version not in table.route.loaded:
                raise VersionNotFound(f"{model} version {version} is not served; served are {list(table.route.loaded)}")
            return table.route, table.pinned(version)
        if key:
            return table.route, table.by_key(key)
        return table.route, table.by_sequence(unkeyed.next(model))
