"""Calls that wait for others to run with, where a model's route asks for it: how long, and for how many rows.

Nobody waits beyond what the route allows from the moment the first call came, nor so long that the run would end after
a caller's deadline. Pure but for what it holds: time is an argument.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from gnomon.domain import DesiredState


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What a route allows. `rows` 0: as many as one run takes."""

    us: int
    rows: int = 0


def waits_of(state: DesiredState) -> Mapping[str, Wait]:
    """Of the models whose routes let calls wait."""
    routes = (model.route for model in state.models if model.route.batch_wait_us)
    return {route.model: Wait(us=route.batch_wait_us, rows=route.batch_wait_rows) for route in routes}


class Waiter(Protocol):
    """A call that can wait."""

    @property
    def rows(self) -> int: ...

    def remaining_s(self) -> float | None:
        """Until its caller's deadline; None where there is none."""


Call = TypeVar("Call", bound=Waiter)


@dataclass(slots=True)
class Held(Generic[Call]):
    """Calls of one version that wait. Written by: the worker's event loop."""

    jobs: list[Call] = field(default_factory=list)
    rows: int = 0
    due: float = float("inf")  # seconds of the clock that `add` is told

    def add(self, jobs: Iterable[Call], now: float, wait_us: int, run_us: float) -> None:
        """Takes calls in. `run_us` is what the run they wait for is expected to take."""
        for job in jobs:
            self.jobs.append(job)
            self.rows += job.rows
            remaining_s = job.remaining_s()
            if remaining_s is not None:
                self.due = min(self.due, now + remaining_s - 2 * run_us / 1e6)  # half of it is for the way back
        self.due = min(self.due, now + wait_us / 1e6)

    def is_due(self, now: float, rows_wanted: int) -> bool:
        return self.rows >= rows_wanted or now >= self.due
