"""What a request says about its tensors, apart from their contents: the same in every call of a client.

The general parser reads a layout once, from the bytes of the fields `inputs` and `outputs`; it is remembered by them.
"""

from typing import Any

from google.protobuf.message import DecodeError

from gateway.fastcodec.varint import Unusual
from gnomon.oip import ModelInferRequest

MAX_LAYOUTS = 1024  # remembered; one more, and all are forgotten
MAX_SPAN_BYTES = 16 << 10

Tensor = tuple[str, str, tuple[int, ...]]


class Layout:
    """Inputs as (name, datatype, shape) and names of the requested outputs. Not to be changed.

    `span` is the bytes it was read from: equal spans, equal layouts. None where it is not remembered.
    """

    __slots__ = ("inputs", "outputs", "span")

    def __init__(self, inputs: tuple[Tensor, ...], outputs: tuple[str, ...], span: bytes | None = None) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.span = span

    @classmethod
    def of(cls, message: Any, span: bytes | None = None) -> "Layout":
        inputs = tuple((tensor.name, tensor.datatype, tuple(tensor.shape)) for tensor in message.inputs)
        return cls(inputs, tuple(output.name for output in message.outputs), span)


class Layouts:
    """Layouts by the bytes they were read from. Written by: the worker's event loop."""

    def __init__(self) -> None:
        self._known: dict[bytes, Layout] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, span: bytes) -> Layout:
        """Raises: Unusual where the general parser is to read the whole request."""
        return self._known.get(span) or self._learn(span)

    def _learn(self, span: bytes) -> Layout:
        if len(span) > MAX_SPAN_BYTES:
            raise Unusual(f"{len(span)} bytes of tensor descriptions")
        try:
            message = ModelInferRequest.FromString(span)
        except DecodeError:
            raise Unusual("not descriptions of tensors") from None
        if any(tensor.HasField("contents") for tensor in message.inputs):
            raise Unusual("typed contents")
        if len(self._known) >= MAX_LAYOUTS:
            self._known.clear()
        layout = self._known[span] = Layout.of(message, span)
        return layout
