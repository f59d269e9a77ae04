"""What every consumer process does: be the only one, go on until told to stop, and then drain in bounded time."""

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from gnomon.hold import hold
from gnomon.stopping import Stop

log = logging.getLogger(__name__)

LOCK_WAIT_S = 20.0
FULL_DISK_PAUSE_S = 1.0
STOPPED_BY = (signal.SIGTERM, signal.SIGINT)


class Consumer(Protocol):
    """Reads journals behind its own cursor."""

    def step(self) -> bool:
        """Does one portion of work, checkpointed. False when there is nothing to do now."""

    def close(self) -> None:
        """Lets go of what it holds, after the last step."""


def hold_stop() -> None:
    """Keeps signals until `take_stop`: a consumer imports for seconds, and one told to stop meanwhile is to drain."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPED_BY)


def take_stop() -> None:
    """Lets signals come, now that somebody listens."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPED_BY)


def stop_event() -> Stop:
    """Set by SIGTERM. SIGINT is left to the supervisor: a terminal sends it to everybody."""
    stop = Stop.on(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    take_stop()
    return stop


@contextmanager
def alone(checkpoint: Path) -> Iterator[None]:
    """Waits for a former process of the same consumer to be gone: two would count everything twice.

    Raises: TimeoutError.
    """
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    descriptor = hold(checkpoint.with_suffix(".lock"), LOCK_WAIT_S)
    try:
        yield
    finally:
        os.close(descriptor)


def consume(consumer: Consumer, stop: Stop, *, idle_s: float, drain_s: float) -> None:
    """Until `stop` is set; then what is left, for `drain_s` at most. What is left after that is next time's."""
    while not stop.is_set():
        try:
            worked = consumer.step()
        except OSError as error:  # a full disk: what is in memory is saved with a later step
            log.error("%s; trying again", error)
            worked = False
            stop.wait(FULL_DISK_PAUSE_S)
        if not worked:
            stop.wait(idle_s)
    deadline = time.monotonic() + drain_s
    while consumer.step():
        if time.monotonic() > deadline:
            log.warning("not drained within %.0f s; going on at the next start", drain_s)
            break
    consumer.close()
