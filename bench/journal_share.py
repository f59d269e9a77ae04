"""What the journal's record costs a call in the lane: the same service with it and without, in turns.

    python -m bench.journal_share [--seconds 20] [--in-flight 16] [--rows 1]

The lane's code is compiled twice, once with an append that writes nothing (it takes a number: replies need one), and
the two stand in turns of a quarter of a second in one process under one load. The difference of the processor time a
call, of pairs of turns side by side, is the record: frame, checksum, cursor, and the faults it takes.
"""

import argparse
import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import uvloop
from numba import cfunc

from bench import cores
from bench.beside import told
from bench.micro_lane import MODEL, driven, served, service_in
from gateway.native import answers
from gateway.native.binding import library_path
from gateway.native.blocks import JOURNAL, WORLD
from gateway.native.memory import add8, compiled, load8
from gateway.service import InferenceService
from gateway.transport.limits import Limits

TURN_S = 0.25
Marks = tuple[int, float, float, int]  # calls answered; seconds, and of the processor; page faults
MOST_US, MOST_SHARE = 3.0, 0.02
SIGNATURE = answers.CALLS["answer"][1]


@compiled
def unwritten(world: int, run: int, stream: int, now: int) -> None:
    """The number of a record, and no record."""
    add8(load8(world + WORLD.JOURNAL) + JOURNAL.SEQUENCE, 1)


def compiled_twice() -> tuple[Any, Any]:
    """`answer` with its record and without; as functions of (world, run)."""
    llvm.load_library_permanently(str(library_path()))
    written = cfunc(SIGNATURE, error_model="numpy")(answers.answer)
    lane: Any = answers
    kept = lane.append_answered, lane.end_answered
    lane.append_answered = unwritten
    lane.end_answered = compiled(lane.end_answered.py_func)
    bare = cfunc(SIGNATURE, error_model="numpy")(answers.answer)
    lane.append_answered, lane.end_answered = kept
    return written, bare


@dataclass(frozen=True, slots=True)
class Turn:
    """A quarter of a second of one of the two."""

    calls: int
    seconds: float
    loop_s: float  # of the processor, of the event loop's thread
    faults: int

    @property
    def us_a_call(self) -> float:
        return self.loop_s * 1e6 / self.calls


def difference(before: Marks, after: Marks) -> Turn:
    return Turn(after[0] - before[0], after[1] - before[1], after[2] - before[2], after[3] - before[3])


def marks(service: InferenceService) -> Marks:
    sums = service.counters.of(MODEL, 1).sums
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return sums.answered, time.perf_counter(), time.thread_time(), usage.ru_minflt + usage.ru_majflt


async def turns(service: InferenceService, use: Callable[[Any], None], both: tuple[Any, Any]) -> list[list[Turn]]:
    """With and without, until cancelled or no calls come any more."""
    found: list[list[Turn]] = [[], []]
    while True:
        for which, function in enumerate(both):
            use(function)
            before = marks(service)
            await asyncio.sleep(TURN_S)
            after = marks(service)
            if after[0] == before[0] and found[1]:
                return found
            if after[0] > before[0]:
                found[which].append(difference(before, after))


async def measured(folder: Path, arguments: argparse.Namespace) -> list[list[Turn]]:
    limits = Limits(max_message_bytes=16 << 20, max_streams=1024)
    service = service_in(folder, limits)
    server, _ = served(service, limits)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    both = compiled_twice()
    running = asyncio.create_task(
        turns(service, lambda made: setattr(server.world.native, "answer", made.ctypes), both)
    )
    await driven(port, arguments)
    found = await running
    await server.stop(0)
    service.batcher.stop()
    service.journal.close()
    return found


def compared(found: list[list[Turn]]) -> int:
    """Exit code."""
    written, bare = (each[2:-2] for each in found)
    pairs = list(zip(written, bare, strict=False))
    us = statistics.median(a.us_a_call - b.us_a_call for a, b in pairs)
    share = statistics.median(1 - (a.calls / a.loop_s) / (b.calls / b.loop_s) for a, b in pairs)
    for name, each in (("with the record", written), ("without", bare)):
        rate = statistics.median(turn.calls / turn.seconds for turn in each)
        faults = sum(turn.faults for turn in each) / sum(turn.calls for turn in each)
        cpu = statistics.median(turn.us_a_call for turn in each)
        print(f"{name:18}{rate:10,.0f} calls/s  {cpu:6.2f} µs CPU a call  {faults:.5f} page faults a call")
    return told(
        {
            f"a record: {us:.2f} µs, the median of {len(pairs)} pairs (at most {MOST_US:g})": us <= MOST_US,
            f"of the calls a second of CPU: {share:.1%} (at most {MOST_SHARE:.0%})": share <= MOST_SHARE,
        }
    )


def main() -> int:
    parser = argparse.ArgumentParser("python -m bench.journal_share", description=(__doc__ or "").splitlines()[0])
    for name, value in (("connections", 4), ("in-flight", 16), ("rows", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    cores.pin(os.getpid(), cores.split()[0])
    with tempfile.TemporaryDirectory() as folder:
        return compared(uvloop.run(measured(Path(folder), arguments)))


if __name__ == "__main__":
    sys.exit(main())
