"""Runs of models with BF16 inputs or outputs, whose arrays are float32 here.

The runtime takes and gives such tensors only as values of its own, and NumPy has no BF16: inputs go in as 16-bit
integers under the runtime's type, outputs are copied out of its memory. Known weakness: such a model cannot have inputs
of text.
"""

import ctypes
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from gateway.tensors import narrowed, widened

ONNX_BFLOAT16 = 16  # TensorProto.BFLOAT16


def run(
    session: Any, outputs: Sequence[str], feeds: Mapping[str, np.ndarray[Any, Any]], bfloat16: Collection[str]
) -> list[np.ndarray[Any, Any]]:
    """All `outputs`; `bfloat16` names those tensors. Raises: whatever the runtime raises."""
    values = {name: _value(array, name in bfloat16) for name, array in feeds.items()}
    answered = session.run_with_ort_values(outputs, values)
    return [_array(value) if name in bfloat16 else value.numpy() for name, value in zip(outputs, answered, strict=True)]


def _value(array: np.ndarray[Any, Any], bfloat16: bool) -> Any:
    if bfloat16:
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(narrowed(array), ONNX_BFLOAT16)
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _array(value: Any) -> np.ndarray[Any, Any]:
    shape = value.shape()
    size = 2 * int(np.prod(shape))
    bits = np.frombuffer(ctypes.string_at(value.data_ptr(), size), "<u2")
    return widened(bits).reshape(shape)
