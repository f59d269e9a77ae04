"""Servers that are not ours, each a real process over a real socket: an S3-compatible store, and NATS."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import until


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A process that can be killed, paused, and started again at the same port."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.command = command
        self.port = port
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        until(lambda: listens(self.port))

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL, also of one that is stopped or gone."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait()


S3_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
}  # fmt: skip


def s3_server(folder: Path) -> Server:
    """Not started. Its objects are in its memory, and go with it."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    return Server(command, port, folder / "s3.log")


def make_bucket(server: Server, bucket: str) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/{bucket}", method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


@contextmanager
def started(*servers: Server) -> Iterator[None]:
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.kill()


def script(name: str) -> str:
    """A program that a package of the tests brought. Raises: AssertionError."""
    found = shutil.which(name, path=sysconfig.get_path("scripts"))
    assert found, f"{name} is not installed"
    return found


def nats_server(folder: Path, port: int = 0) -> Server:
    """One with JetStream. What it stores outlives it."""
    port = port or free_port()
    command = [script("nats-server"), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder / "nats")]
    return Server(command, port, folder / "nats.log")


def nats_cluster(folder: Path, count: int = 3) -> list[Server]:
    ports = [free_port() for _ in range(2 * count)]
    routes = ",".join(f"nats://127.0.0.1:{port}" for port in ports[count:])
    servers = []
    for number in range(count):
        command = [script("nats-server"), "-a", "127.0.0.1", "-p", str(ports[number]), "-n", f"n{number}", "-js"]
        command += ["-sd", str(folder / f"n{number}"), "--cluster_name", "c"]
        command += ["--cluster", f"nats://127.0.0.1:{ports[count + number]}", "--routes", routes]
        servers.append(Server(command, ports[number], folder / f"n{number}.log"))
    return servers


def nats_url(*servers: Server) -> str:
    return ",".join(f"nats://127.0.0.1:{server.port}" for server in servers)
