"""Call: one kind of request, serialised before the run: headers, and a few bodies with different rows."""

from dataclasses import dataclass

import numpy as np

from bench.plan import Plan
from gnomon import oip

INPUT = "features"
BODIES = 32  # different rows, so that a server cannot answer from the last call
PREFIX_BYTES = 5  # gRPC: one byte whether compressed, four of length
Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is sent over and over. `bodies` are whole gRPC messages."""

    headers: tuple[Header, ...]
    bodies: tuple[bytes, ...]
    rows: int

    @classmethod
    def of(cls, plan: Plan) -> "Call":
        rng = np.random.default_rng(plan.seed)
        blocks = rng.normal(size=(BODIES, plan.rows, plan.features)).astype("<f4")
        if plan.keys:
            blocks[:, :, -1] = rng.integers(plan.keys, size=blocks.shape[:2])
        sent = ((b"x-tenant", plan.tenant.encode()),) if plan.tenant else ()
        return cls(
            headers=(*headers(plan.target, plan.timeout_ms), *sent),
            bodies=tuple(framed(request(plan.model, block)) for block in blocks),
            rows=plan.rows,
        )

    def fault(self, body: bytes) -> str | None:
        """What is wrong with the body of an answer: it must hold outputs of as many rows as were sent."""
        message = oip.ModelInferResponse.FromString(body[PREFIX_BYTES:])
        wrong = [output.name for output in message.outputs if output.shape[:1] != [self.rows]]
        if wrong or not message.outputs:
            return f"outputs {wrong or 'missing'} in an answer to {self.rows} rows"
        return None


def headers(authority: str, timeout_ms: int) -> tuple[Header, ...]:
    """Of a unary gRPC call of ModelInfer."""
    found = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", f"/{oip.SERVICE}/ModelInfer".encode()),
        (b":authority", authority.encode()),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        (b"user-agent", b"gnomon-bench"),
    ]
    if timeout_ms:
        found.append((b"grpc-timeout", f"{timeout_ms}m".encode()))
    return tuple(found)


def request(model: str, rows: "np.ndarray[tuple[int, int], np.dtype[np.float32]]") -> bytes:
    """A serialised ModelInferRequest with the rows (n, d) float32, raw."""
    message = oip.ModelInferRequest(model_name=model)
    message.inputs.add(name=INPUT, datatype="FP32", shape=rows.shape)
    message.raw_input_contents.append(rows.tobytes())
    return bytes(message.SerializeToString(deterministic=True))


def framed(message: bytes) -> bytes:
    """One uncompressed gRPC message."""
    return b"\x00" + len(message).to_bytes(4, "big") + message
