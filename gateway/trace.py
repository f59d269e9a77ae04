"""One prediction by its id: from the journal while it is there, from the exported files afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from gateway.journal.format import INPUT, OUTPUT, RULE_NAMES, STATUS_NAMES, PredictionId, id_text
from gateway.journal.segments import base_sequence_of, segments
from gateway.journal.walk import Batch, SegmentReader
from gateway.layout import SHADOW_JOURNAL, Layout
from gateway.shipping.names import PREDICTIONS_DATASET, SHADOW_DATASET
from gateway.tensors import raw_of
from gnomon.domain import Role
from gnomon.errors import InvalidInput, PredictionNotFound
from gnomon.gateway.v1 import gateway_pb2 as pb

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


def find(layout: Layout, text: str) -> pb.PredictionTrace:
    """The record of a prediction, as far as this host's files tell. Blocking.

    Raises: InvalidInput, PredictionNotFound.
    """
    place = place_of(text)
    found = from_journal(layout.journals / place.journal, place) or from_parquet(layout.parquet / place.dataset, place)
    if found is None:
        raise PredictionNotFound(f"prediction {text}: neither in journal {place.journal} nor in its exports")
    return found


def covering(bases: Sequence[int], sequence: int) -> int | None:
    """The greatest base at or below `sequence`."""
    return max((base for base in bases if base <= sequence), default=None)


def from_journal(folder: Path, place: Place) -> pb.PredictionTrace | None:
    paths = {base_sequence_of(path): path for path in segments(folder)}
    base = covering(list(paths), place.id.sequence)
    if base is None:
        return None
    try:
        reader = SegmentReader(paths[base])
    except FileNotFoundError:  # retired since it was listed
        return None
    for batch in reader.batches():
        rows = np.flatnonzero(batch.headers["sequence"] == place.id.sequence)
        if len(rows):
            row = int(rows[0])
            same = id_text(bytes(batch.headers["prediction_id"][row])) == place.text
            return _of_frame(batch, row, place) if same else None
    return None


def _of_frame(batch: Batch, row: int, place: Place) -> pb.PredictionTrace:
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
    for tensor in batch.tensors(row):
        into, specs = _side(trace, schema, tensor.direction)
        if into is not None:
            name = specs[tensor.index]["name"]
            into.add(name=name, datatype=tensor.datatype, shape=tensor.shape, raw=bytes(tensor.data))
    return trace


def trace_text(raw: bytes) -> str:
    return raw.hex() if any(raw) else ""


def _side(trace: pb.PredictionTrace, schema: dict[str, Any], direction: int) -> tuple[Any, list[dict[str, Any]]]:
    if direction == INPUT:
        return trace.inputs, schema["inputs"]
    return (trace.outputs, schema["outputs"]) if direction == OUTPUT else (None, [])


def from_parquet(folder: Path, place: Place) -> pb.PredictionTrace | None:
    import pyarrow.parquet  # only when the journal has it no more

    files: dict[int, list[Path]] = {}
    for path in folder.rglob(f"{place.journal}-*.parquet"):
        files.setdefault(int(path.stem.split("-")[1]), []).append(path)
    base = covering(list(files), place.id.sequence)
    for path in files.get(base, []) if base is not None else []:
        table = pyarrow.parquet.read_table(path, partitioning=None, filters=[("sequence", "=", place.id.sequence)])
        for row in table.to_pylist():
            if row["prediction_id"] == place.text:
                return _of_row(row, table.schema, place)
    return None


def _of_row(row: dict[str, Any], schema: Any, place: Place) -> pb.PredictionTrace:
    trace = pb.PredictionTrace(
        prediction_id=place.text, request_id=row["request_id"], journal=place.journal, sequence=place.id.sequence,
        arrived_unix_ns=int(row["arrived"].timestamp() * 1e6) * 1000, status=row["status"], source="parquet",
        decode_us=int(row["decode_us"]), queue_us=int(row["queue_us"]), run_us=int(row["run_us"]),
        total_us=int(row["total_us"]), artifact_sha256=row["artifact_sha256"], reason=row["reason"],
        trace_id=row["trace_id"] or "",
    )  # fmt: skip
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
    for column, values in row.items():
        side, _, name = column.partition(".")
        if side in ("input", "output") and not name.endswith(".shape") and values is not None:
            into = trace.inputs if side == "input" else trace.outputs
            field = schema.field(column)
            datatype = field.metadata[b"datatype"].decode()
            array = np.array(values, object if datatype == "BYTES" else field.type.value_type.to_pandas_dtype())
            into.add(name=name, datatype=datatype, shape=row[f"{column}.shape"], raw=raw_of(array))
    return trace
