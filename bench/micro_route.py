"""What it costs to choose an arm, each way; and what a call costs of a model whose route asks for more than a key.

    python -m bench.micro_route [--seconds 2] [--connections 4] [--in-flight 16] [--rounds 3] [--no-calls]

A decision is all of Serving.choose on Python's way (metadata, table, rules, key) and all of target_of in the lane, of a
call whose header fields and message were read. It is counted in processor time, the best of many short repeats, and as
a multiple of one BLAKE2b of the key, which no neighbour on the core changes; and held against its budget. Calls are of
a worker's service in this process, as in bench.micro_lane: routes take turns, so that their ratio is of one sitting.
"""

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import uvloop

from bench import cores
from bench.lane_choice import LaneChoice
from bench.micro_lane import MODEL, driven, service_in
from bench.micro_lane import served as listening
from gateway.fastcodec.request import Decoder
from gateway.journal.format import RULE_NAMES
from gateway.serving import Serving
from gateway.transport.limits import Limits
from gateway.unkeyed import Unkeyed
from gnomon import oip
from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Version
from gnomon.routing import Table
from gnomon.rules import Compare, RouteRule

KEY = "customer-4711"
BUDGET_NS = 1_000
REPEATS, TURNS = 200, 1_000
ARMS = (Arm(version=1, role=Role.STABLE, weight_bp=9_900), Arm(version=2, role=Role.CANARY, weight_bp=100))
FIELDS = ((b":method", b"POST"), (b"content-type", b"application/grpc"), (b"user-agent", b"grpc-c++/1.76"))


class Headers:
    """A call's metadata, looked through as gateway.transport.direct does it."""

    def __init__(self, *fields: tuple[bytes, bytes]) -> None:
        self.fields = (*FIELDS, *fields)

    def metadata(self, name: str) -> bytes | None:
        wanted = name.encode()
        for key, value in self.fields:
            if key == wanted:
                return value
        return None


def by_header(name: str, *values: str) -> RouteRule:
    return RouteRule(name=name, version=2, header="x-tenant", values=values)


BY_FEATURE = RouteRule(name="large", version=2, feature="features[3]", compare=Compare.GT, values=("1e9",))


def request(version: str = "", key: str = "") -> Any:
    message = oip.ModelInferRequest(model_name=MODEL, model_version=version)
    message.inputs.add(name="features", datatype="FP32", shape=[1, 30])
    message.raw_input_contents.append(np.arange(30, dtype="<f4").tobytes())
    if key:
        message.parameters["routing_key"].string_param = key
    return Decoder().decode(message.SerializeToString())


def serving(route: Route) -> Serving:
    versions = tuple(Version(model=MODEL, version=number, artifact_sha256="0" * 64) for number in route.loaded)
    return Serving.of(DesiredState(revision=1, models=(ModelState(route=route, versions=versions),)))


def cases() -> Iterator[tuple[str, Route, Any, Headers]]:
    """(name, route, request, metadata) of each kind of decision."""
    plain, nobody, tenant = Route(model=MODEL, arms=ARMS), Headers(), Headers((b"x-tenant", b"acme"))
    eight = tuple(by_header(f"r{number}", f"tenant-{number}") for number in range(7))
    many = tuple(f"tenant-{number}" for number in range(255))
    features = tuple(replace(BY_FEATURE, name=f"r{number}", feature=f"features[{number % 30}]") for number in range(64))
    turns = tuple(replace(by_header(f"r{number}", "acme"), header="x-ab"[: 3 + number % 2]) for number in range(64))
    yield from (
        ("by turn", plain, request(), nobody),
        ("key, a parameter", plain, request(key=KEY), nobody),
        ("key, a header", plain, request(), Headers((b"x-routing-key", KEY.encode()))),
        ("pinned", plain, request(version="2"), nobody),
        ("rule by tenant", replace(plain, rules=(by_header("r", "acme", "globex"),)), request(), tenant),
        ("the eighth rule by tenant", replace(plain, rules=(*eight, by_header("r", "acme"))), request(), tenant),
        ("rule by tenant, one of 256", replace(plain, rules=(by_header("r", *many, "acme"),)), request(), tenant),
        ("rule by feature", replace(plain, rules=(replace(BY_FEATURE, values=("2",)),)), request(), nobody),
        ("rule by feature, not taken; by turn", replace(plain, rules=(BY_FEATURE,)), request(), nobody),
        ("64 rules by feature, none taken", replace(plain, rules=features), request(), nobody),
        ("64 rules by two headers, none taken", replace(plain, rules=turns), request(), nobody),
        ("key, a column", replace(plain, routing_key_column="features[4]"), request(), nobody),
    )


def pythons(route: Route, asked: Any, call: Headers) -> float:
    """Nanoseconds of a decision on Python's way."""
    served, unkeyed = serving(route), Unkeyed()
    return ns_of(lambda: served.choose(asked, call, unkeyed))


def lanes(route: Route, asked: Any, call: Headers) -> float:
    """The same in the lane, which decides for the same reason."""
    choice, unkeyed = LaneChoice(Table.build(route), asked, call.fields), Unkeyed()
    _, wanted = serving(route).choose(asked, call, unkeyed)
    if RULE_NAMES[choice.rule()] != wanted.rule:
        raise AssertionError(f"the lane decides by {RULE_NAMES[choice.rule()]}, Python by {wanted.rule}")
    return choice.ns()


def ns_of(function: Callable[[], object]) -> float:
    """Processor time of one turn: the best of many short repeats."""
    best = float("inf")
    for _ in range(REPEATS):
        began = time.thread_time_ns()
        for _ in range(TURNS):
            function()
        best = min(best, (time.thread_time_ns() - began) / TURNS)
    return best


def digest() -> object:
    return hashlib.blake2b(KEY.encode(), digest_size=8, key=b"trees").digest()


async def cost_of_calls(folder: Path, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Processor µs a call under each route, round after round."""
    limits = Limits(max_message_bytes=16 << 20, max_streams=1024)
    service = service_in(folder, limits)
    server, lanes = listening(service, limits)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    alone = Route(model=MODEL, revision=1, arms=(Arm(version=1, role=Role.STABLE),))
    rules = (replace(by_header("r", "acme"), version=1),)
    keys = {"keys": 1_000_000}
    routes: dict[str, tuple[Route, dict[str, Any]]] = {
        "no rule": (alone, {}),
        "rule by tenant": (replace(alone, rules=rules), {"tenant": "acme"}),
        "rule by feature, not taken; by turn": (replace(alone, rules=(replace(BY_FEATURE, version=1),)), {}),
        "key, a column": (replace(alone, routing_key_column="features[29]"), keys),
        "key, a column with fractions": (replace(alone, routing_key_column="features[4]"), {}),
    }
    found: dict[str, list[float]] = {name: [] for name in routes}
    for _ in range(arguments.rounds):
        for name, (route, flags) in routes.items():
            service.serving = serving(route)
            lanes.follow({MODEL}, {})
            before, cpu_s = service.counters.of(MODEL, 1).sums.answered, time.process_time()
            await driven(port, arguments, **flags)
            calls = service.counters.of(MODEL, 1).sums.answered - before
            found[name].append((time.process_time() - cpu_s) * 1e6 / calls)
    await server.stop(0)
    service.batcher.stop()
    service.journal.close()
    return found


def told(name: str, value: float, unit: str, others: Sequence[float], verdict: str = "") -> None:
    ratios = "".join(f"{value / other:8.2f} ×" for other in others)
    print(f"  {name:38}{value:9.2f} {unit}{ratios}" + (f"   {BUDGET_NS} ns: {verdict}" if verdict else ""))


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.micro_route", description=(__doc__ or "").splitlines()[0])
    for option, count in (("connections", 4), ("in-flight", 16), ("rows", 1), ("rounds", 3)):
        parser.add_argument(f"--{option}", type=int, default=count)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--no-calls", action="store_true", help="decisions only")
    parser.add_argument("--json", type=Path, help="writes the figures to this file as well")
    arguments = parser.parse_args()
    cores.pin(os.getpid(), cores.split()[0])
    hashed = ns_of(digest)
    print(f"BLAKE2b of a key: {hashed:.0f} ns; a decision, and as a multiple of it:")
    figures: dict[str, Any] = {"blake2b_ns": hashed}
    for way, decided in (("in the lane", lanes), ("on Python's way", pythons)):
        print(f" {way}")
        ns = figures[way] = {name: decided(*case) for name, *case in cases()}
        for name, value in ns.items():
            told(name, value, "ns", [hashed], "met" if value <= BUDGET_NS else "missed")
    if not arguments.no_calls:
        print("a call, processor time, and as a multiple of one without rules:")
        with tempfile.TemporaryDirectory() as folder:
            rounds = uvloop.run(cost_of_calls(Path(folder), arguments))
        figures["call_us"] = rounds
        for name, values in rounds.items():
            told(name, median(values), "µs", [median(rounds["no rule"])])
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
