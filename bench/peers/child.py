"""A peer as a child process: started on the server's core, ready when it says or answers, ended with the run."""

import contextlib
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import cores
from bench.target import Target

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0


class PeerFailed(RuntimeError):
    """A peer could not be installed or started; the message says why. The run goes on without it."""


@contextlib.contextmanager
def started(
    command: Sequence[str], log: Path, core: set[int], folder: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The process, its errors in `log`, its threads and children on `core`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder,
            start_new_session=True,
        )  # fmt: skip
    try:
        cores.pin(process.pid, core)
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """SIGTERM, and SIGKILL when that is not obeyed."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextlib.contextmanager
def echo(module: str, rows: int, log: Path, core: set[int]) -> Iterator[Target]:
    """A peer of this package that prints its port. Raises: PeerFailed."""
    with started([sys.executable, "-m", f"bench.peers.{module}", str(rows)], log, core) as process:
        port = first_line(process, log)
        yield Target(name=module, address=f"127.0.0.1:{port}", pids=(process.pid,))


def first_line(process: subprocess.Popen[str], log: Path) -> str:
    """What it prints first. Raises: PeerFailed."""
    output = process.stdout
    if output is not None and select.select([output], [], [], START_TIMEOUT_S)[0] and (line := output.readline()):
        return line.strip()
    raise PeerFailed(f"{log.stem} did not start: {last_words(log)}")


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[str], log: Path) -> None:
    """Raises: PeerFailed when the process ends, or is not ready in a minute."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise PeerFailed(f"{log.stem} did not start: {last_words(log)}")
        time.sleep(0.1)


def last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "no word"
