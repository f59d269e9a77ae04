"""Microseconds that the codec takes per call, beside the general path on the generated parser.

    python -m bench.micro_codec

Each figure is the best of five repeats, in one run on one core: compare within a run, not between runs.
"""

import timeit
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gateway import codec
from gateway.fastcodec import inputs, response
from gateway.fastcodec.request import Decoder
from gateway.journal.format import OUTPUT, id_text
from gateway.journal.writer import TensorRecord
from gateway.servables import TensorSpec
from gnomon.asked import routing_key
from gnomon.domain import Version
from gnomon.oip import ModelInferRequest

COLUMNS = 30
ROWS = (1, 8, 64, 256)
REPEATS = 5
REPEAT_S = 0.1
PREDICTION_ID = bytes(range(16))


@dataclass
class Signature:
    """What the codec asks of a loaded version."""

    inputs: tuple[TensorSpec, ...] = (TensorSpec("features", "FP32", (-1, COLUMNS)),)
    outputs: tuple[TensorSpec, ...] = (
        TensorSpec("label", "INT64", (-1,)),
        TensorSpec("probabilities", "FP32", (-1, 2)),
    )
    version: Version = field(default_factory=lambda: Version(model="flight-delay", version=3, artifact_sha256=""))
    layouts: dict[Any, Any] = field(default_factory=dict)
    replies: dict[Any, Any] = field(default_factory=dict)

    @property
    def input_index(self) -> dict[str, int]:
        return {spec.name: index for index, spec in enumerate(self.inputs)}

    @property
    def output_names(self) -> list[str]:
        return [spec.name for spec in self.outputs]


def request(rows: int) -> bytes:
    """With an id and a routing key, as a client sends it."""
    message = ModelInferRequest(model_name="flight-delay", id="0123456789abcdef")
    message.parameters["routing_key"].string_param = "customer-4711"
    message.inputs.add(name="features", datatype="FP32", shape=[rows, COLUMNS])
    message.raw_input_contents.append(np.ones((rows, COLUMNS), np.float32).tobytes())
    data: bytes = message.SerializeToString()
    return data


def answer(rows: int) -> list[TensorRecord]:
    return [
        TensorRecord(OUTPUT, 0, "INT64", (rows,), bytes(8 * rows)),
        TensorRecord(OUTPUT, 1, "FP32", (rows, 2), bytes(8 * rows)),
    ]


def general_reply(message: Any, servable: Any, records: list[TensorRecord]) -> bytes:
    reply = codec.response(message, servable, records, [0, 1], raw=True)
    reply.parameters["prediction_id"].string_param = id_text(PREDICTION_ID)
    reply.parameters["arm"].string_param = "stable"
    reply.parameters["epoch"].int64_param = 7
    data: bytes = reply.SerializeToString()
    return data


def general_decode(data: bytes) -> Any:
    """What a service reads from every request, whichever its model."""
    message = codec.parse(data)
    return message, message.model_name, message.model_version, message.id.encode(), routing_key(message)


def best_us(call: Callable[[], Any]) -> float:
    timer = timeit.Timer(call)
    number = max(1, int(REPEAT_S / max(timer.timeit(20) / 20, 1e-7)))
    return min(timer.repeat(REPEATS, number)) / number * 1e6


def measured(rows: int) -> list[tuple[str, float, float]]:
    """(what, short path, general path), in microseconds."""
    data, records, decoder = request(rows), answer(rows), Decoder()
    servable: Any = Signature()
    short, message = decoder.decode(data), codec.parse(data)

    def encode() -> bytes:
        return response.encode(servable, short.id_raw, records, (0, 1), PREDICTION_ID, "stable", 7)

    def read() -> Any:
        return inputs.read(short, servable), inputs.wanted(short, servable)

    def general_read() -> Any:
        return codec.read_inputs(message, servable), codec.wanted_outputs(message, servable)

    return [
        ("decode", best_us(lambda: decoder.decode(data)), best_us(lambda: general_decode(data))),
        ("read", best_us(read), best_us(general_read)),
        ("encode", best_us(encode), best_us(lambda: general_reply(message, servable, records))),
    ]


def main() -> None:
    print(f"{'rows':>5}  {'':8}{'µs':>8}{'general':>9}{'times':>7}")
    for rows in ROWS:
        for what, short, general in measured(rows):
            print(f"{rows:>5}  {what:8}{short:8.2f}{general:9.2f}{general / short:7.1f}")


if __name__ == "__main__":
    main()
