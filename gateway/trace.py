"""One prediction as people are told of it: a frame of the journal, or a row of the exported files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from gateway.journal.format import INPUT, OUTPUT, RULE_NAMES, STATUS_NAMES, PredictionId
from gateway.journal.walk import Batch
from gateway.layout import SHADOW_JOURNAL
from gateway.shipping.names import PREDICTIONS_DATASET, SHADOW_DATASET
from gateway.tensors import raw_of
from gnomon.domain import Role
from gnomon.errors import InvalidInput
from gnomon.gateway.v1 import gateway_pb2 as pb
from gnomon.wire import encode

SHADOW_SLOT = 4095


@dataclass(frozen=True, slots=True)
class Place:
    """Where an id says its record is."""

    id: PredictionId
    text: str

    @property
    def journal(self) -> str:
        return SHADOW_JOURNAL if self.id.slot == SHADOW_SLOT else f"w{self.id.slot:02d}"

    @property
    def dataset(self) -> str:
        return SHADOW_DATASET if self.id.slot == SHADOW_SLOT else PREDICTIONS_DATASET


def place_of(text: str) -> Place:
    """Raises: InvalidInput for what is no prediction id."""
    try:
        return Place(PredictionId.parse(text), text.lower())
    except ValueError as error:
        raise InvalidInput(str(error)) from None


def covering(bases: Sequence[int], sequence: int) -> int | None:
    """The greatest base at or below `sequence`."""
    return max((base for base in bases if base <= sequence), default=None)


def of_frame(batch: Batch, row: int, place: Place) -> pb.PredictionTrace:
    header = batch.headers[row]
    schema = batch.schemas.get(int(header["schema"]), {})
    request_id, reason = batch.text(row)
    trace = pb.PredictionTrace(
        prediction_id=place.text, request_id=request_id, journal=place.journal, sequence=place.id.sequence,
        arrived_unix_ns=int(header["arrived_unix_ns"]), status=STATUS_NAMES[int(header["status"])], source="journal",
        decode_us=int(header["decode_ns"]) // 1000, queue_us=int(header["queue_ns"]) // 1000,
        run_us=int(header["run_ns"]) // 1000, total_us=int(header["total_ns"]) // 1000,
        artifact_sha256=schema.get("artifact_sha256", ""), reason=reason,
        trace_id=trace_text(bytes(header["trace_id"])),
    )  # fmt: skip
    trace.why.CopyFrom(
        pb.Explanation(
            model=schema.get("model", ""),
            epoch=int(header["epoch"]),
            version=int(header["version"]),
            role=cast(Any, int(header["role"])),
            bucket=int(header["bucket"]),
            weight_bp=int(header["weight_bp"]),
            rule=RULE_NAMES[int(header["rule"])],
        )
    )
    route = batch.routes.get(int(header["epoch"]))
    if route is not None:
        encode(route, trace.route)
    for tensor in batch.tensors(row):
        into, specs = _side(trace, schema, tensor.direction)
        if into is not None:
            name = specs[tensor.index]["name"] if tensor.index < len(specs) else ""
            into.add(name=name, datatype=tensor.datatype, shape=tensor.shape, raw=bytes(tensor.data))
    return trace


def trace_text(raw: bytes) -> str:
    return raw.hex() if any(raw) else ""


def _side(trace: pb.PredictionTrace, schema: dict[str, Any], direction: int) -> tuple[Any, list[dict[str, Any]]]:
    if direction == INPUT:
        return trace.inputs, schema.get("inputs", [])
    return (trace.outputs, schema.get("outputs", [])) if direction == OUTPUT else (None, [])


def of_row(row: dict[str, Any], schema: Any, place: Place) -> pb.PredictionTrace:
    trace = pb.PredictionTrace(
        prediction_id=place.text, request_id=row["request_id"], journal=place.journal, sequence=place.id.sequence,
        arrived_unix_ns=int(row["arrived"].timestamp() * 1e6) * 1000, status=row["status"], source="parquet",
        decode_us=int(row["decode_us"]), queue_us=int(row["queue_us"]), run_us=int(row["run_us"]),
        total_us=int(row["total_us"]), artifact_sha256=row["artifact_sha256"], reason=row["reason"],
        trace_id=row["trace_id"] or "",
    )  # fmt: skip
    from gateway.shipping.whole import tensors_of

    role = Role[row["role"].upper()] if row["role"] else 0
    trace.why.CopyFrom(
        pb.Explanation(
            model=row["model"],
            epoch=row["epoch"],
            version=row["version"],
            role=cast(Any, int(role)),
            bucket=row["bucket"],
            weight_bp=row["weight_bp"],
            rule=row["rule"],
        )
    )
    for tensor in tensors_of(row, schema):
        if tensor.side in ("input", "output"):
            into = trace.inputs if tensor.side == "input" else trace.outputs
            into.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape, raw=raw_of(tensor.values))
    return trace
