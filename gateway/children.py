"""A child process of the supervisor: started, watched, restarted with a growing pause, stopped in bounded time."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
STEADY_S = 10.0  # a process that lived this long failed for a new reason


class Child:
    """`python -m gateway ROLE …`, kept alive until `stop`. Written by: the supervisor's event loop."""

    def __init__(
        self,
        name: str,
        log_path: Path,
        arguments: Callable[[], tuple[Sequence[str], Sequence[int]]],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """`arguments` gives what follows `python -m gateway`, and descriptors to pass, anew at each start; `ended` is
        told of each death.
        """
        self.name = name
        self.restarts = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._log_path = log_path
        self._arguments = arguments
        self._ended = ended
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None and self.process.poll() is None else 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name=f"keep-{self.name}")

    async def stop(self, timeout_s: float) -> None:
        """SIGTERM, and SIGKILL to what is still there after `timeout_s`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        process = self.process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, timeout_s)
        except subprocess.TimeoutExpired:
            log.error("%s did not end within %.0f s after SIGTERM; killed", self.name, timeout_s)
            process.kill()
            process.wait()

    async def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            ended = await self._lived()
            if time.monotonic() - began > STEADY_S:
                pause_s = FIRST_PAUSE_S
            log.warning("%s %s; started again in %.1f s", self.name, ended, pause_s)
            self._ended()
            self.restarts += 1
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _lived(self) -> str:
        """One life of the process; how it ended."""
        try:
            self._spawn()
        except OSError as error:
            return f"could not be started: {error}"
        assert self.process is not None
        while self.process.poll() is None:
            await asyncio.sleep(0.05)
        return f"ended with {self.process.returncode}"

    def _spawn(self) -> None:
        arguments, descriptors = self._arguments()
        with self._log_path.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", *arguments, "--parent", str(os.getpid())],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=tuple(descriptors),
            )  # fmt: skip
        for descriptor in descriptors:
            os.close(descriptor)
