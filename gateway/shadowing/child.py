"""`python -m gateway.shadowing.child DESCRIPTOR`: the process that runs the model of one shadow arm, and nothing else.

It hangs, leaks or dies alone. It ends with the runner that started it, and is the first to go when memory runs out.
"""

import ctypes
import logging
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gateway import servables
from gateway.servables import Servable
from gateway.shadowing.messages import Answer, Feeds, Load, Loaded, Part, Refused, Run
from gnomon.domain import Version
from gnomon.errors import GnomonError

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
MOST_KILLABLE = "1000"  # of oom_score_adj

Loader = Callable[[Version, Path], Servable]


def run(servable: Servable, wanted: Run) -> list[Part]:
    """Runs calls together; where that fails, one by one: a bad one shall not take the others with it."""
    part = _run(servable, wanted.feeds, wanted.calls)
    if part.outputs is not None or wanted.calls == 1:
        return [part]
    return [_run(servable, _call_of(wanted, number), 1)._replace(run_ns=0) for number in range(wanted.calls)]


def _call_of(wanted: Run, number: int) -> Feeds:
    rows = len(next(iter(wanted.feeds.values()))) // wanted.calls
    return {name: array[number * rows : (number + 1) * rows] for name, array in wanted.feeds.items()}


def _run(servable: Servable, feeds: Feeds, calls: int) -> Part:
    # The time this thread computed, not that on the clock: at the lowest priority it waits for others most of the time.
    began = time.thread_time_ns()
    try:
        outputs = servable.run(feeds)
    except Exception as error:  # the runtime's exceptions share no base of their own
        log.warning("shadow run of %d calls: %s", calls, error)
        return Part(calls, None, 0)
    if calls == 1:
        return Part(1, outputs, time.thread_time_ns() - began)
    rows = len(next(iter(feeds.values())))
    told_apart = all(output.shape[:1] == (rows,) for output in outputs)
    return Part(calls, outputs if told_apart else None, 0)


def serve(connection: Connection, load: Loader) -> None:
    """Loads what the first message names, and runs what the others bring, until the runner is gone."""
    first: Load = connection.recv()
    try:
        servable = load(first.version, first.cache)
    except GnomonError as error:
        connection.send(Refused(str(error)))
        return
    connection.send(Loaded(servable.described(), tuple(servable.input_index), servable.takes_any_rows))
    while True:
        wanted: list[Run] = connection.recv()
        began = time.thread_time_ns()
        parts = [run(servable, each) for each in wanted]
        connection.send(Answer(parts, time.thread_time_ns() - began))


def main(load: Loader = servables.load) -> None:
    """The process."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to everybody; the supervisor decides
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        Path("/proc/self/oom_score_adj").write_text(MOST_KILLABLE)
    except OSError as error:
        log.info("oom_score_adj: %s", error)
    connection: Any = Connection(int(sys.argv[1]))
    try:
        serve(connection, load)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        log.debug("the runner is gone")


if __name__ == "__main__":
    main()
