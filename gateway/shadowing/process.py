"""The runner's side of an arm's process: starts it, asks it, watches it while it works, and ends it when it must.

While an answer is waited for, every WATCH_S: what CPU it used is charged to the arm's budget, and a process that is
over it is stopped (SIGSTOP) until the budget allows more, whatever it does and with however many threads. A process
that holds too much memory, or computes or sleeps for too long over one answer, is killed. Time that it could not run,
as others wanted the processor or it was stopped, does not count, nor time in which the runner could not look.
"""

import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

from gateway.shadowing.budget import Budget
from gateway.shadowing.vitals import Vitals, vitals_of

log = logging.getLogger(__name__)

WATCH_S = 0.05
MOST_BETWEEN_S = 2 * WATCH_S  # two looks: after longer than that it was the runner that stood still, perhaps with all
START_TIMEOUT_S = 60.0  # of computing: imports and the warm-up
SEND_TIMEOUT_S = 60  # of the clock: a process that no longer reads what it is asked


class Died(Exception):
    """The process is gone, or had to be ended; the message says how."""


class Process:
    """One life of an arm's process. Written by: the arm's thread."""

    def __init__(self, module: str, budget: Budget, *, memory_bytes: int) -> None:
        """Raises: OSError when it cannot be started."""
        self._budget = budget
        self._memory_bytes = memory_bytes
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT_S, 0))
        with theirs:
            command = [sys.executable, "-m", module, str(theirs.fileno())]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        self._connection: Any = Connection(ours.detach())
        self._charged_s = 0.0

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, message: Any, timeout_s: float) -> Any:
        """The answer. Raises: Died."""
        try:
            self._connection.send(message)
            self._wait(timeout_s)
            return self._connection.recv()
        except (EOFError, OSError) as error:
            raise Died(f"it ended: {error or type(error).__name__}") from None

    def watch(self) -> None:
        """Charges what it used without being asked, and stops it where that is too much. Raises: Died."""
        self._look()
        self._pause()

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """Kills it; it has nothing to save."""
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def _wait(self, timeout_s: float) -> None:
        """Until there is an answer. Raises: Died."""
        asleep_s, began_s, seen_s = 0.0, self._look().cpu_s, time.monotonic()
        while not self._connection.poll(WATCH_S):
            found = self._look()
            now_s = time.monotonic()
            asleep_s += min(now_s - seen_s, MOST_BETWEEN_S) if found.asleep else 0.0
            if asleep_s > timeout_s:
                raise Died(f"it hangs: no answer, and asleep for {asleep_s:.1f} s")
            if found.cpu_s - began_s > timeout_s:
                raise Died(f"it computed {found.cpu_s - began_s:.1f} s over one answer")
            self._pause()
            seen_s = time.monotonic()
        self._look()

    def _look(self) -> Vitals:
        found = vitals_of(self.pid)
        if found is None:
            raise Died("it is gone")
        self._budget.charge(found.cpu_s - self._charged_s, time.monotonic())
        self._charged_s = found.cpu_s
        if found.resident_bytes > self._memory_bytes:
            raise Died(f"it holds {found.resident_bytes >> 20} MiB of memory; {self._memory_bytes >> 20} are allowed")
        return found

    def _pause(self) -> None:
        """Where the budget is used up: the process stands still until there is more."""
        if self._budget.wait_s(time.monotonic()):
            os.kill(self.pid, signal.SIGSTOP)
            while wait_s := self._budget.wait_s(time.monotonic()):
                time.sleep(wait_s)
            os.kill(self.pid, signal.SIGCONT)


def started(module: str, budget: Budget, memory_bytes: int, message: Any) -> tuple[Process, Any]:
    """A process that has answered its first message. Raises: Died, OSError."""
    process = Process(module, budget, memory_bytes=memory_bytes)
    try:
        return process, process.ask(message, START_TIMEOUT_S)
    except Died:
        process.end()
        raise
