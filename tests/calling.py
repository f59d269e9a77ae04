"""Calls of the inference protocol for tests: one row of three numbers."""

import threading
from typing import Any

import grpc
import numpy as np

from gnomon import oip

ROW = np.ones(3, np.float32)


def request(model: str, key: str = "", rows: int = 1, version: str = "") -> Any:
    message = oip.ModelInferRequest(model_name=model, model_version=version)
    message.inputs.add(name="x", datatype="FP32", shape=[rows, 3])
    message.raw_input_contents.append(np.tile(ROW, rows).tobytes())
    if key:
        message.parameters["routing_key"].string_param = key
    return message


class Caller:
    """Calls one model from a thread until stopped. Keeps the ids of what was answered and counts what was not."""

    def __init__(
        self, target: str, model: str, credentials: grpc.ChannelCredentials | None = None, *, patient: bool = False
    ) -> None:
        """`patient`: a call that was not sent waits for a connection; one that was sent and is lost fails still."""
        self.answered: list[str] = []
        self.versions: list[int] = []
        self.errors: list[grpc.StatusCode] = []
        self._target, self._model, self._credentials = target, model, credentials
        self._patient = patient
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="caller")

    def __enter__(self) -> "Caller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        options = [
            ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200),
            ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
            # Not even those the client makes without a word, but for a patient one: a call that meets a GOAWAY before
            # it is on the wire is then sent on the next connection.
            ("grpc.enable_retries", int(self._patient)),
        ]  # fmt: skip
        with self._channel(options) as channel:
            stub: Any = oip.GRPCInferenceServiceStub(channel)
            number = 0
            while not self._stop.is_set():
                number += 1
                try:
                    asked = request(self._model, key=f"key-{number}")
                    reply = stub.ModelInfer(asked, timeout=5.0, wait_for_ready=self._patient)
                except grpc.RpcError as failure:
                    self.errors.append(failure.code())  # type: ignore[attr-defined]
                    self._stop.wait(0.01)
                    continue
                self.answered.append(reply.parameters["prediction_id"].string_param)
                self.versions.append(int(reply.model_version))

    def _channel(self, options: list[tuple[str, int]]) -> grpc.Channel:
        if self._credentials is None:
            return grpc.insecure_channel(self._target, options=options)
        return grpc.secure_channel(self._target, self._credentials, options=options)
