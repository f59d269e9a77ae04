"""The command line and the processes it starts, for real."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gnomon.client import GatewayClient, RegistryClient

GNOMON = [sys.executable, "-m", "gnomon.cli.main"]


class Up:
    """A running `gnomon up`."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        command = [*GNOMON, "up", "--dir", str(folder), "--grpc-port", "0", "--registry-port", "0", "--http-port", "0"]
        self.process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        self.printed = ""
        deadline = time.monotonic() + 60
        while "metrics" not in self.printed and time.monotonic() < deadline:
            line = self.process.stdout.readline()
            self.printed += line
            if not line and self.process.poll() is not None:
                break
        assert "metrics" in self.printed, self.printed
        found = re.findall(r"127\.0\.0\.1:\d+", self.printed)
        self.gateway, self.registry, self.http = found[0], found[1], found[2]

    def cli(self, *arguments: str) -> str:
        """Standard output of a command that succeeds."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.cli(*arguments, "--json"))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"GNOMON_REGISTRY": self.registry, "GNOMON_GATEWAY": self.gateway, "PATH": "/usr/bin:/bin"}
        return subprocess.run(
            [*GNOMON, *arguments], capture_output=True, text=True, env=environment, timeout=60, check=False
        )

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    @contextlib.contextmanager
    def clients(self) -> Iterator[tuple[RegistryClient, GatewayClient]]:
        with RegistryClient(self.registry) as registry, GatewayClient(self.gateway) as gateway:
            yield registry, gateway


Start = Callable[..., Up]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `gnomon up` on the test's folder, as often as asked; all are stopped at the end."""
    running: list[Up] = []

    def one(*flags: str, folder: Path = tmp_path / "data") -> Up:
        running.append(Up(folder, *flags))
        return running[-1]

    yield one
    for up in running:
        up.stop()
        assert up.process.stdout is not None
        up.process.stdout.close()
