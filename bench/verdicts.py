"""Verdicts: what was measured against what is promised, as ratios within one run. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

GNOMON, ECHO, RUNTIME = "gnomon", "grpcio_echo", "onnxruntime"
ALONE = "1 in flight"
Result = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One promise. `value` None: not measured in this run; `limit` None: told, not promised."""

    name: str
    value: float | None
    limit: float | None = None
    at_least: bool = True

    @property
    def met(self) -> bool | None:
        if self.value is None or self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def wanted(self) -> str:
        return "" if self.limit is None else f"{'≥' if self.at_least else '≤'} {self.limit:g}"

    @property
    def word(self) -> str:
        return "not measured" if self.value is None else {True: "met", False: "missed", None: ""}[self.met]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure of a result, and which of several rounds counts: the best, for other users can only take away."""

    names: tuple[str, ...]
    best: Callable[[Sequence[float]], float]

    def of(self, row: Result) -> float | None:
        found: Any = row
        for name in self.names:
            found = found.get(name) if isinstance(found, dict) else None
        return None if found is None else float(found)


CALLS = Measure(names=("calls_per_s",), best=max)
ROWS = Measure(names=("rows_per_s",), best=max)
CPU = Measure(names=("server_cpu_us_per_call",), best=min)
P50 = Measure(names=("latency_us", "p50"), best=min)
P99 = Measure(names=("latency_us", "p99"), best=min)
MAX_WAIT_US = 100_000  # of bench.house
REFUSED_P50 = Measure(names=("refused_us", "p50"), best=min)
REFUSED_P99 = Measure(names=("refused_us", "p99"), best=min)
SHED_P99 = Measure(names=("shed_us", "p99"), best=min)
FAILED = Measure(names=("failed",), best=max)
START = Measure(names=("start_s",), best=min)
MEMORY = Measure(names=("rss_mb",), best=max)


class Found:
    """The results of a run, asked for by scenario, label and server."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.results = results

    def __call__(
        self, measure: Measure, scenario: str, label: str, server: str = GNOMON, model: str = ""
    ) -> float | None:
        """The best round; None where nothing was measured."""
        wanted = (scenario, label, server)
        chosen = (row for row in self.results if (row["scenario"], row["label"], row["server"]) == wanted)
        found = [measure.of(row) for row in chosen if model in ("", row["model"])]
        return measure.best(known) if (known := [value for value in found if value is not None]) else None

    def models(self) -> list[str]:
        """Those that bare onnxruntime ran, in that order."""
        return list(dict.fromkeys(row["model"] for row in self.results if row["server"] == RUNTIME))


def ratio(over: float | None, under: float | None) -> float | None:
    return over / under if over is not None and under else None


def verdicts(results: Sequence[Result]) -> list[Verdict]:
    """Every promise, in the order they are made in."""
    found = Found(results)
    return [verdict for part in (_echo, _clients, _runtime, _guests, _stress, _standing) for verdict in part(found)]


def _echo(found: Found) -> Iterable[Verdict]:
    for label in ("16 in flight", "64 in flight"):
        ours, theirs = found(CALLS, "headline", label), found(CALLS, "headline", label, ECHO)
        yield Verdict(name=f"{label}: calls/s, times the grpcio echo's", value=ratio(ours, theirs), limit=8)
        yield Verdict(name=f"{label}: CPU µs a call", value=found(CPU, "headline", label), limit=45, at_least=False)
        spent = ratio(found(CPU, "headline", label, ECHO), found(CPU, "headline", label))
        yield Verdict(name=f"{label}: calls a CPU second, times the grpcio echo's", value=spent)


def _clients(found: Found) -> Iterable[Verdict]:
    for label, limit in (("16 x 1", 5), ("64 x 1", 8)):
        ours, theirs = found(CALLS, "clients", label), found(CALLS, "clients", label, ECHO)
        yield Verdict(
            name=f"{label} in flight: calls/s, times the grpcio echo's", value=ratio(ours, theirs), limit=limit
        )
    alone = ratio(found(P50, "one", ALONE), found(P50, "one", ALONE, ECHO))
    yield Verdict(name="1 in flight: p50, times the grpcio echo's", value=alone, limit=1, at_least=False)


def _runtime(found: Found) -> Iterable[Verdict]:
    for model in found.models():
        ours = found(ROWS, "rows", "256 rows", model=model)
        bare = found(ROWS, "rows", "256 rows", RUNTIME, model)
        limit = 0.9 if model == "trees" else None  # 256 rows of a linear model run faster than their bytes travel
        yield Verdict(name=f"256 rows, {model}: rows/s, times bare onnxruntime's", value=ratio(ours, bare), limit=limit)


def _guests(found: Found) -> Iterable[Verdict]:
    for label, name in (("on", "shadow and drift on"), ("canary", "canary, shadow and drift on")):
        full = ratio(found(CALLS, "guests", label), found(CALLS, "guests", "off"))
        half = ratio(found(P99, "guests", f"{label}, half load"), found(P99, "guests", "off, half load"))
        yield Verdict(name=f"{name}: calls/s, times all off", value=full, limit=0.9)
        yield Verdict(name=f"{name}: p99 at half load, times all off", value=half, limit=1.05, at_least=False)


def _stress(found: Found) -> Iterable[Verdict]:
    goodput = ratio(found(CALLS, "overload", "3 x capacity"), found(CALLS, "overload", "capacity"))
    yield Verdict(name="3 x capacity: goodput, times capacity", value=goodput, limit=0.85)
    kept = ratio(found(P99, "overload", "3 x capacity"), MAX_WAIT_US)
    yield Verdict(name="3 x capacity: p99 of accepted calls, times max_wait_ms", value=kept, limit=1.2, at_least=False)
    for name, measure in (("p50", REFUSED_P50), ("p99", REFUSED_P99)):
        refused = found(measure, "overload", "3 x capacity")
        yield Verdict(name=f"3 x capacity: {name} of refused calls, µs", value=refused, limit=1_000, at_least=False)
    inside = found(SHED_P99, "overload", "3 x capacity")
    name = "3 x capacity: p99 of refused calls in the gateway, µs"
    yield Verdict(name=name, value=inside, limit=1_000, at_least=False)
    for label in ("switch warm", "load and unload"):
        yield Verdict(name=f"{label}: failed calls", value=found(FAILED, "reload", label), limit=0, at_least=False)
        slower = ratio(found(P99, "reload", label), found(P99, "reload", "steady"))
        yield Verdict(name=f"{label}: p99, times steady", value=slower, limit=1.2, at_least=False)


def _standing(found: Found) -> Iterable[Verdict]:
    two = ratio(found(CALLS, "workers", "2 at work"), found(CALLS, "workers", "1 at work"))
    yield Verdict(name="2 workers: calls/s, times 1 worker", value=two, limit=1.8)
    spent = ratio(found(CPU, "workers", "1 at work"), found(CPU, "workers", "2 at work"))
    yield Verdict(name="2 workers: calls a CPU second, times 1 worker", value=spent)
    yield Verdict(name="start to ready, s", value=found(START, "start", "warm cache"), limit=2, at_least=False)
    empty = found(MEMORY, "start", "no model")
    yield Verdict(name="a worker's memory without a model, MB", value=empty, limit=150, at_least=False)
    yield Verdict(name="a worker's memory with all models, MB", value=found(MEMORY, "start", "warm cache"))
    yield Verdict(name="a version's memory, MB, the mean of all", value=found(MEMORY, "start", "a version"))
