"""Flights as calls: the rows the trainer wrote, replayed in time order by a client of the protocol that is not ours."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "flight-delay"
IN_FLIGHT = 8
DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Flights:
    """Rows in time order: `features` (n, d) float32, `month`, `tailnum` and `late` (n,), and row indexes by name.

    `late` is 1 or 0, NaN of a flight that never arrived.
    """

    features: np.ndarray[Any, Any]
    month: np.ndarray[Any, Any]
    tailnum: np.ndarray[Any, Any]
    late: np.ndarray[Any, Any]
    held_out: np.ndarray[Any, Any]
    columns: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "Flights":
        with np.load(path) as file:
            return cls(
                file["features"], file["month"], file["tailnum"], file["label"], file["held_out_v1"],
                tuple(file["columns"].tolist()),
            )  # fmt: skip

    def of_month(self, month: int) -> np.ndarray[Any, Any]:
        """Indexes of a month's rows, ascending in time."""
        return np.flatnonzero(self.month == month)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one flight."""

    row: int
    prediction_id: str
    version: int
    arm: str
    epoch: int
    score: float


@dataclass
class Tally:
    """Every call of the story, by how it ended. Written by: the replay's one event loop."""

    sent: int = 0
    answered: int = 0
    rejected: int = 0
    failed: int = 0
    by_arm: Counter[tuple[int, str]] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    latest: dict[tuple[int, str], Answer] = field(default_factory=dict)  # the last answer of each version and arm


class Replay:
    """Calls a gateway with `tritonclient`, a few at a time, each keyed by its flight's tail number."""

    def __init__(self, target: str, flights: Flights) -> None:
        import tritonclient.grpc.aio as triton

        self._triton = triton
        self.flights = flights
        self.tally = Tally()
        self.answers: dict[int, Answer] = {}  # the last of each row
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(self._connect(target))

    async def _connect(self, target: str) -> Any:
        return self._triton.InferenceServerClient(target)

    def send(self, rows: Sequence[int] | np.ndarray[Any, Any], each: Callable[[], None] = lambda: None) -> None:
        """One call a row, in order, `IN_FLIGHT` at a time; `each` after every answer."""
        self._loop.run_until_complete(self._send(iter(np.asarray(rows).tolist()), each))

    def bad_call(
        self, *, model: str = MODEL, name: str = "features", version: str = "", values: np.ndarray[Any, Any]
    ) -> str:
        """A call that should be refused; the status it got, or `answered`."""
        tensor = self._triton.InferInput(name, list(values.shape), "FP32")
        tensor.set_data_from_numpy(values.astype(np.float32))
        return self._loop.run_until_complete(self._refused(model, version, tensor))

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.close()

    async def _send(self, rows: Any, each: Callable[[], None]) -> None:
        async def caller() -> None:
            for row in rows:
                await self._call(row)
                each()

        await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))

    async def _call(self, row: int) -> None:
        values = self.flights.features[row : row + 1]
        tensor = self._triton.InferInput("features", list(values.shape), "FP32")
        tensor.set_data_from_numpy(values)
        key = str(self.flights.tailnum[row])
        self.tally.sent += 1
        try:
            result = await self._client.infer(
                MODEL, [tensor], request_id=f"flight-{row}", parameters={"routing_key": key}, client_timeout=DEADLINE_S
            )
        except self._triton.InferenceServerException as error:
            self.tally.failed += 1
            self.tally.errors[f"{error.status()}: {error.message()}"] += 1
            return
        self._count(row, result)

    def _count(self, row: int, result: Any) -> None:
        response = result.get_response()
        parameters, score = response.parameters, result.as_numpy(response.outputs[-1].name).flat[-1]
        answer = Answer(
            row, parameters["prediction_id"].string_param, int(response.model_version), parameters["arm"].string_param,
            parameters["epoch"].int64_param, float(score),
        )  # fmt: skip
        self.tally.answered += 1
        self.tally.by_arm[answer.version, answer.arm] += 1
        self.tally.latest[answer.version, answer.arm] = self.answers[row] = answer

    async def _refused(self, model: str, version: str, tensor: Any) -> str:
        self.tally.sent += 1
        try:
            await self._client.infer(model, [tensor], model_version=version, client_timeout=DEADLINE_S)
        except self._triton.InferenceServerException as error:
            self.tally.rejected += 1
            return str(error.status()).removeprefix("StatusCode.")
        self.tally.answered += 1
        return "answered"
