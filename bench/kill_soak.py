"""Kills a gateway's processes at random instants under full load, and proves that nothing was lost and nothing doubled.

    python -m bench.kill_soak --times 300 [--dir DIR] [--callers 8] [--seed 1]

Each time a worker, the shipper and the supervisor get SIGKILL, in an order and at instants that chance chooses; every
third kill is followed by one of the successor, while it starts. After each, with calls answered again, what `gnomon
journal verify` looks at has to balance. At the end the gateway drains: every reply that a caller got has to be a row of
the exports, no row may be there twice, and no consumer may have anything left to read. Exit code 0 only if all of it
holds.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench import cores, models
from bench.call import request
from gateway.verify import layout_of
from gateway.verifying.report import verify
from gnomon import oip
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Arm, Role, Route

MODEL = "flight-delay"
VICTIMS = ("worker", "shipper", "supervisor")
WAIT_S = 60.0
PAUSE_S = 1.2  # at most, before a kill
START_S = 1.2  # about what a process takes to start: within it, perhaps, its successor is killed too
AGAIN = 1 / 3  # how often that is
FLAGS = {
    "segment-bytes": 8 << 20, "max-message-bytes": 1 << 20, "segment-max-age-s": 1, "retention-s": 5,
    "retention-bytes": 1 << 30,
}  # fmt: skip


class Callers:
    """Threads that call as fast as they are answered, and keep the ids of all answers."""

    def __init__(self, target: str, count: int) -> None:
        self.answered: list[list[str]] = [[] for _ in range(count)]
        self.failed = 0
        self._target = target
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(into,), daemon=True) for into in self.answered]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    @property
    def replies(self) -> int:
        return sum(map(len, self.answered))

    def go_on(self, when: str) -> None:
        """Returns once some calls more were answered."""
        enough = self.replies + 10
        wait(lambda: self.replies > enough, f"an answer {when}")

    def _run(self, into: list[str]) -> None:
        body = oip.ModelInferRequest.FromString(request(MODEL, np.ones((1, models.FEATURES), np.float32)))
        options = [
            ("grpc.initial_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 100),
            ("grpc.use_local_subchannel_pool", 1),
        ]  # fmt: skip
        with grpc.insecure_channel(self._target, options=options) as channel:
            stub: Any = oip.GRPCInferenceServiceStub(channel)
            while not self._stop.is_set():
                try:
                    reply = stub.ModelInfer(body, timeout=5.0)
                except grpc.RpcError:
                    self.failed += 1
                    self._stop.wait(0.005)
                    continue
                into.append(reply.parameters["prediction_id"].string_param)


class Gateway:
    """A registry and a gateway, the gateway on a port of its own choice that it keeps over restarts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._registry = self._spawn("registry", "--dir", str(folder / "registry"), "--port", "0")
        endpoint = folder / "registry" / "registry.endpoint"
        self.registry = wait(lambda: endpoint.read_text().strip() if endpoint.exists() else "", "the registry")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.target = f"127.0.0.1:{self.port}"
        self.process = self.start()

    def _spawn(self, name: str, *flags: str) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.log").open("ab") as output:
            return subprocess.Popen([sys.executable, "-m", name, *flags], stdout=output, stderr=output)

    def start(self) -> subprocess.Popen[bytes]:
        """Again and again, while those who were left without a supervisor drain."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            process = self.supervisor()
            endpoints = self.folder / "gateway" / "run" / "endpoints.json"
            while process.poll() is None:
                with contextlib.suppress(OSError, ValueError, KeyError):
                    if json.loads(endpoints.read_text())["pid"] == process.pid:
                        return process
                time.sleep(0.02)
            time.sleep(0.1)
        raise SystemExit("the gateway did not start")

    def supervisor(self) -> subprocess.Popen[bytes]:
        """A process that may find the folder or the port taken."""
        flags = {"dir": self.folder / "gateway", "registry": self.registry, "http-port": 0, "grpc-port": self.port}
        return self._spawn(
            "gateway", *(text for name, value in (flags | FLAGS).items() for text in (f"--{name}", str(value)))
        )

    def serve(self, artifact: bytes) -> None:
        with RegistryClient(self.registry) as registry, GatewayClient(self.target) as gateway:
            registry.register_version(MODEL, artifact_sha256=registry.put_artifact(artifact))
            arm = Arm(version=1, role=Role.STABLE)
            revision = registry.set_route(Route(model=MODEL, arms=(arm,), actor="soak")).revision
            wait(lambda: gateway.status().applied_revision >= revision, "the route")

    def kill(self, victim: str, again_after_s: float | None = None) -> int:
        """Kills a process; and its successor, that long after it began. How many were killed."""
        if victim != "supervisor":
            for pause_s in (0.0, *([] if again_after_s is None else [again_after_s])):
                pid = wait(lambda: self._child(victim), victim)
                time.sleep(pause_s)
                os.kill(pid, signal.SIGKILL)
                wait(lambda gone=pid: self._child(victim) != gone, f"the end of the {victim}")  # type: ignore[misc]
            return 1 + (again_after_s is not None)
        self.process.kill()
        self.process.wait()
        if again_after_s is not None:
            successor = self.supervisor()
            time.sleep(again_after_s)
            successor.kill()
            successor.wait()
        self.process = self.start()
        return 1 + (again_after_s is not None)

    def _child(self, role: str) -> int:
        for pid in cores.descendants(self.process.pid):
            with contextlib.suppress(OSError):
                if role.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    return pid
        return 0

    def stop(self) -> int:
        code = 0
        for process in (self.process, self._registry):
            process.send_signal(signal.SIGTERM)
            code |= process.wait(120)
        return code


def wait(condition: Callable[[], Any], what: str) -> Any:
    """What `condition` returns once it is true of something."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise SystemExit(f"{what} did not come within {WAIT_S:.0f} s")


def verified(folder: Path) -> dict[str, Any]:
    """What `gnomon journal verify --json` prints of a gateway's folder."""
    return verify(layout_of(folder)).plain()


def soak(gateway: Gateway, callers: Callers, times: int, chance: random.Random) -> Iterator[str]:
    """What was wrong, while it goes on. The books are verified by a process of its own, which starts once."""
    killed: Counter[str] = Counter()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as verifier:
        for number in range(1, times + 1):
            for victim in chance.sample(VICTIMS, len(VICTIMS)):
                time.sleep(chance.uniform(0.0, PAUSE_S))
                killed[victim] += gateway.kill(
                    victim, chance.uniform(0.0, START_S) if chance.random() < AGAIN else None
                )
                callers.go_on(f"after the {victim} was killed")
                report = verifier.submit(verified, gateway.folder).result()
                for problem in report["problems"]:
                    print(f"kill {number} of the {victim}: {problem}", flush=True)
                    yield problem
            kills = ", ".join(f"{victim} {killed[victim]}" for victim in VICTIMS)
            print(
                f"{number:4} times ({kills}), {callers.replies} replies, {callers.failed} calls without one", flush=True
            )


def proved(folder: Path) -> dict[str, Any]:
    """The same, by the command itself."""
    command = [sys.executable, "-m", "gnomon.cli.main", "journal", "verify", "--json", "--dir", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise SystemExit(f"verify: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def unread(report: dict[str, Any]) -> Iterator[str]:
    """What consumers left: after the drain there is nothing, or one of them hung."""
    for journal in report["journals"]:
        for each in journal["consumers"]:
            if each["pending"]:
                yield f"{each['consumer']} left {each['pending']} records of {journal['name']} unread"


def exported(folder: Path) -> tuple[int, set[str]]:
    """(rows, prediction ids) of all exports of live calls that were answered."""
    rows, found = 0, set()
    for path in (folder / "gateway" / "parquet" / "predictions").rglob("[!.]*.parquet"):
        with pq.ParquetFile(path) as file:
            table = file.read(["prediction_id", "status"])
        table = table.filter(pc.equal(table["status"], "answered"))
        rows += len(table)
        found.update(table["prediction_id"].to_pylist())
    return rows, found


def run(folder: Path, times: int, count: int, seed: int) -> list[str]:
    """Everything that was wrong."""
    gateway = Gateway(folder)
    gateway.serve(models.artifact(models.Recipe(kind="logistic"), folder / "models"))
    with Callers(gateway.target, count) as callers:
        wait(lambda: callers.replies > 100, "the first answers")
        wrong = list(soak(gateway, callers, times, random.Random(seed)))
    if gateway.stop():
        wrong.append("a process did not end as it should")
    report = proved(folder)
    wrong += [*report["problems"], *unread(report)]
    rows, ids = exported(folder)
    replies = {identity for each in callers.answered for identity in each}
    if rows != len(ids):
        wrong.append(f"{rows - len(ids)} rows are exported twice")
    if replies - ids:
        wrong.append(f"{len(replies - ids)} replies are not in the exports, {min(replies - ids)} for one")
    total = report["total"]
    print(f"replies {len(replies)}, all found: {not replies - ids}; rows answered {rows}, twice {rows - len(ids)}")
    print("books: " + ", ".join(f"{name} {value}" for name, value in total.items()))
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill -9 under load; are the books right?")
    parser.add_argument("--times", type=int, default=300, help="each process is killed so often")
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", type=Path, help="kept; default: a temporary folder")
    flags = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = flags.dir or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        wrong = run(folder, flags.times, flags.callers, flags.seed)
    for problem in wrong:
        print(f"wrong: {problem}")
    print(f"{flags.times} times {', '.join(VICTIMS)} killed: {'all holds' if not wrong else f'{len(wrong)} wrong'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
