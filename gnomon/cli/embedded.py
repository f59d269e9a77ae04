"""The embedded pair: a registry and a gateway as processes of this host, on one folder, SQLite and local files."""

import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)

START_TIMEOUT_S = 180.0  # the first start on a machine compiles
STOP_TIMEOUT_S = 60.0


class StartFailed(RuntimeError):
    """A process of the pair ended, or was not ready in time; the message carries its last words."""


class _Process:
    """One of the two: started with its output in a file, waited for, stopped in bounded time."""

    def __init__(self, name: str, arguments: list[str], log_path: Path) -> None:
        self.name = name
        self.log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as output:
            self._begins_at = output.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", name, *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    def wait_for(self, ready: Callable[[], str | None]) -> str:
        """What `ready` returns once it is not None. Raises: StartFailed."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if (answer := ready()) is not None:
                return answer
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        said = self.log_path.read_bytes()[self._begins_at :].decode(errors="replace")
        tail = said.strip().splitlines()[-1:]
        raise StartFailed(f"{self.name} did not start: {' '.join(tail) or 'no word'} (all of it: {self.log_path})")

    def stop(self) -> int:
        """SIGTERM, and SIGKILL after a minute; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            log.error("%s did not end within %.0f s", self.name, STOP_TIMEOUT_S)
            self.process.kill()
            return self.process.wait()


class Embedded:
    """A running pair. Start: registry, then gateway. Stop: gateway (it drains), then registry."""

    def __init__(
        self, folder: Path, *, grpc_port: int = 0, registry_port: int = 0, http_port: int = 0, workers: int = 1,
        gateway_flags: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Raises: StartFailed, with nothing left running."""
        self.folder = folder
        endpoint = folder / "registry" / "registry.endpoint"
        endpoint.unlink(missing_ok=True)
        self._registry = _Process(
            "registry",
            ["--dir", str(folder / "registry"), "--port", str(registry_port)],
            folder / "log" / "registry.log",
        )
        self._gateway: _Process | None = None
        try:
            self.registry = self._registry.wait_for(lambda: endpoint.read_text().strip() if endpoint.exists() else None)
            self._start_gateway(grpc_port, http_port, workers, gateway_flags)
        except BaseException:
            self.stop()
            raise

    def _start_gateway(self, grpc_port: int, http_port: int, workers: int, more: tuple[str, ...]) -> None:
        endpoints = self.folder / "gateway" / "run" / "endpoints.json"
        endpoints.unlink(missing_ok=True)
        flags = {"dir": self.folder / "gateway", "registry": self.registry, "workers": workers}
        flags |= {"grpc-port": grpc_port, "http-port": http_port}
        arguments = [text for name, value in flags.items() for text in (f"--{name}", str(value))]
        self._gateway = _Process("gateway", [*arguments, *more], self.folder / "log" / "gateway.log")
        found = json.loads(self._gateway.wait_for(lambda: endpoints.read_text() if endpoints.exists() else None))
        self.gateway, self.http = found["grpc"], found["http"]

    @property
    def processes(self) -> dict[str, int]:
        """Process ids by name."""
        both = (self._registry, self._gateway)
        return {process.name: process.process.pid for process in both if process is not None}

    def dead(self) -> str | None:
        """The name of a process that has ended by itself, None while both live."""
        both = (self._registry, self._gateway)
        return next((item.name for item in both if item is not None and item.process.poll() is not None), None)

    def stop(self) -> bool:
        """Whether both ended as they should."""
        codes = [process.stop() for process in (self._gateway, self._registry) if process is not None]
        return all(code == 0 for code in codes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
