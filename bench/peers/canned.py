"""The answer of servers that run no model: what a classifier of two classes would have sent for the rows."""

import numpy as np

from bench.call import framed
from gnomon import oip


def answer(rows: int) -> bytes:
    """A serialised ModelInferResponse with `label` (rows,) int64 and `probabilities` (rows, 2) float32, raw."""
    message = oip.ModelInferResponse(model_name="echo", model_version="1")
    message.outputs.add(name="label", datatype="INT64", shape=[rows])
    message.outputs.add(name="probabilities", datatype="FP32", shape=[rows, 2])
    message.raw_output_contents.append(np.zeros(rows, "<i8").tobytes())
    message.raw_output_contents.append(np.full((rows, 2), 0.5, "<f4").tobytes())
    return bytes(message.SerializeToString())


def framed_answer(rows: int) -> bytes:
    """The same as one gRPC message."""
    return framed(answer(rows))
