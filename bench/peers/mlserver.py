"""MLServer with onnxruntime inside, one process without its worker pool, which is its fastest for small models.

It has no runtime for ONNX of its own: `mlserver_onnx.py`, copied into its folder, is the shortest that can be written.
"""

import contextlib
import json
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc

from bench import cores
from bench.peers.child import started, wait_until
from bench.peers.venv import interpreter
from bench.target import Target
from gnomon import oip

PACKAGES = ("mlserver==1.7.1", "onnxruntime>=1.20,<2")
RUNTIME = Path(__file__).with_name("mlserver_onnx.py")


@contextlib.contextmanager
def serving(models: Mapping[str, bytes], work: Path, venvs: Path, core: set[int]) -> Iterator[Target]:
    """MLServer with `models` by name, ready. Raises: PeerFailed."""
    python = interpreter(venvs / "mlserver", PACKAGES).absolute()
    ports = _free_ports(3)
    folder = work / "mlserver"
    _lay_out(folder, models, ports)
    command = [str(python.with_name("mlserver")), "start", str(folder)]
    log = work / "mlserver.log"
    with started(command, log, core, folder) as process, grpc.insecure_channel(f"127.0.0.1:{ports[1]}") as channel:
        wait_until(lambda: all(_ready(channel, name) for name in models), process, log)
        pids = (process.pid, *cores.descendants(process.pid))
        for pid in pids:
            cores.pin(pid, core)
        yield Target(name="mlserver", address=f"127.0.0.1:{ports[1]}", pids=pids)


def _lay_out(folder: Path, models: Mapping[str, bytes], ports: list[int]) -> None:
    settings = {"host": "127.0.0.1", "parallel_workers": 0, "debug": False, "use_structured_logging": False}
    settings |= dict(zip(("http_port", "grpc_port", "metrics_port"), ports, strict=True))
    for name, model in models.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "model.onnx").write_bytes(model)
        described = {"name": name, "implementation": "mlserver_onnx.OnnxModel", "parameters": {"uri": "./model.onnx"}}
        (folder / name / "model-settings.json").write_text(json.dumps(described))
        shutil.copy(RUNTIME, folder / name)
    shutil.copy(RUNTIME, folder)
    (folder / "settings.json").write_text(json.dumps(settings))


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def _ready(channel: grpc.Channel, name: str) -> bool:
    stub: Any = oip.GRPCInferenceServiceStub(channel)
    try:
        return bool(stub.ModelReady(oip.ModelReadyRequest(name=name), timeout=2.0).ready)
    except grpc.RpcError:
        return False
