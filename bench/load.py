"""The load generator, a process of its own on its own core: `python -m bench.load --target HOST:PORT --model NAME`.

Requests are serialised before the run and libnghttp2 carries them. It measures itself too: `client_busy` near 1 means
that the generator was what was measured, and `late_us` how late it sent what was due.
"""

import contextlib
import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench import cores, schedule
from bench.call import Call
from bench.ledger import Ledger
from bench.loops import Closed, Open
from bench.plan import Plan, PlanInvalid, parse
from bench.wire import Sockets, Wire
from gnomon import slices

EXIT_USAGE = 64
EXIT_UNREACHABLE = 69
S_NS = 1_000_000_000
SPARSE = 10_000.0  # calls a second: one that spins between calls would be stopped at 95 % of the core, for 50 ms


def run(plan: Plan) -> dict[str, Any]:
    """Warm-up, then the run; what it measured. Raises: OSError when the server does not accept."""
    with Sockets(plan.address, Call.of(plan), plan.connections) as wire:
        if plan.warm_up_s:
            end_ns = time.monotonic_ns() + int(plan.warm_up_s * S_NS)
            _closed(plan, wire, end_ns).run(Ledger(end_ns))
        gc.collect()
        gc.disable()
        return _measured(plan, wire)


def place(plan: Plan) -> None:
    """The process on its core, before all others there, as far as the system allows: it stands for clients, who have
    hosts of their own. A closed loop, or very many calls, may take the whole core, and leave others their share."""
    if plan.core >= 0:
        os.sched_setaffinity(0, {plan.core})
    slices.choose(slices.SHORTEST_NS)
    if 0 < plan.rate <= SPARSE:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def _measured(plan: Plan, wire: Wire) -> dict[str, Any]:
    arrivals = schedule.arrivals(plan) if plan.is_open else None
    server_s, own_s, start_ns = cores.cpu_s(plan.server_pid), time.process_time(), time.monotonic_ns()
    end_ns = start_ns + int(plan.seconds * S_NS)
    ledger = Ledger(end_ns)
    if arrivals is None:
        _closed(plan, wire, end_ns).run(ledger)
    else:
        Open(wire, arrivals, most_waiting=plan.most_waiting, grace_ns=int(plan.grace_s * S_NS)).run(ledger)
    took_s = (time.monotonic_ns() - start_ns) / S_NS
    server_s, own_s = cores.cpu_s(plan.server_pid) - server_s, time.process_time() - own_s
    return ledger.summary() | rates(plan, ledger, took_s) | costs(plan, ledger, took_s, server_s, own_s)


def _closed(plan: Plan, wire: Wire, end_ns: int) -> Closed:
    grace_ns = int(plan.grace_s * S_NS)
    return Closed(wire, in_flight=plan.in_flight, end_ns=end_ns, most_calls=plan.most_calls, grace_ns=grace_ns)


def rates(plan: Plan, ledger: Ledger, took_s: float) -> dict[str, Any]:
    """Calls answered OK within the time of the run, and rows in them, a second."""
    calls_per_s = ledger.in_time / min(plan.seconds, took_s)
    return {
        "loop": "open" if plan.is_open else "closed",
        "offered_per_s": plan.rate if plan.is_open else None,
        "calls_per_s": calls_per_s,
        "rows_per_s": calls_per_s * plan.rows,
        "seconds": took_s,
    }


def costs(plan: Plan, ledger: Ledger, took_s: float, server_s: float, own_s: float) -> dict[str, Any]:
    """Processor time a call, of the server and of the generator; None where no process or no call is known."""
    calls = ledger.statuses.total()
    per_call = 1e6 / calls if calls else None
    return {
        "server_cpu_us_per_call": server_s * per_call if plan.server_pid and per_call else None,
        "server_busy": server_s / took_s if plan.server_pid else None,
        "client_cpu_us_per_call": own_s * per_call if per_call else None,
        "client_busy": own_s / took_s,
    }


def table(result: dict[str, Any]) -> str:
    """A result for people: one measure a line."""
    lines = []
    for name, value in result.items():
        if isinstance(value, dict):
            value = "  ".join(f"{key} {number:g}" for key, number in value.items()) or "-"
        lines.append(f"{name:24} {value:.1f}" if isinstance(value, float) else f"{name:24} {value}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    try:
        plan = parse(arguments)
    except PlanInvalid as error:
        print(f"bench.load: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        place(plan)
        result = run(plan)
    except OSError as error:
        print(f"bench.load: {plan.target}: {error}", file=sys.stderr)
        return EXIT_UNREACHABLE
    print(json.dumps(result) if "--json" in arguments else table(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
