"""What the shadow runner journals: a frame for each run, also one that failed; and what a killed one had."""

import time
from pathlib import Path
from typing import Any

from gateway.journal.format import ANSWERED, FAILED, HEADER_BYTES, LIVE_OUTPUT, OUTPUT, RULE_CODES, JournalCorrupt
from gateway.journal.segments import base_sequence_of, segments
from gateway.journal.walk import Batch, JournalReader, Position
from gateway.journal.writer import Record, TensorRecord, Writer
from gateway.servables import Servable
from gateway.shadowing.runs import Ran
from gateway.tensors import raw_of
from gnomon.domain import Arm, Role
from gnomon.wire import message_of


def parents_since(folder: Path, sequence: int) -> dict[tuple[int, bytes], int]:
    """Status of what is in the journal from `sequence` on, run after the checkpoint: by version and live prediction."""
    bases = [base_sequence_of(path) for path in segments(folder)]
    base = max((base for base in bases if base <= sequence), default=0)
    reader = JournalReader(folder, Position(base, HEADER_BYTES if base in bases else 0, base))
    parents: dict[tuple[int, bytes], int] = {}
    while True:
        try:
            batch = reader.read()
        except JournalCorrupt:
            continue
        if batch is None:
            return parents
        for header in batch.headers[batch.headers["sequence"] >= sequence]:
            parents[int(header["version"]), bytes(header["parent_id"])] = int(header["status"])


def described(servable: Servable, live: dict[str, Any]) -> dict[str, Any]:
    """Schema of a shadow's frames: its own tensors, and those of the live version it is compared with."""
    return servable.described() | {
        "live_version": live["version"],
        "live_outputs": live["outputs"],
        "live_score": live["score"],
    }


class Frames:
    """Writes runs to the shadow journal. Written by: the shadow runner."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._schemas: dict[tuple[str, int, int], int] = {}
        self._epochs: set[int] = set()  # whose routes the writer knows

    @property
    def sequence(self) -> int:
        """Of the next frame."""
        return self._writer.sequence

    def append(self, batch: Batch, ran: Ran, servable: Servable, arm: Arm) -> bool:
        """False when there is no room on the disk."""
        header = batch.headers[ran.item.row]
        live = batch.schemas[int(header["schema"])]
        now_ns, epoch = time.time_ns(), int(header["epoch"])
        arrived_ns = int(header["arrived_unix_ns"])
        waited_ns = max(0, now_ns - arrived_ns - ran.run_ns)
        self._know_route(batch, epoch)
        status = FAILED if ran.outputs is None else ANSWERED
        return self._writer.append(
            Record(
                self._writer.next_id(now_ns), status, arrived_ns, schema=self._schema(servable, live), epoch=epoch,
                version=arm.version, role=Role.SHADOW, rule=RULE_CODES["shadow"], bucket=int(header["bucket"]),
                weight_bp=arm.weight_bp, key_hash=int(header["key_hash"]), rows=int(header["rows"]), queue_ns=waited_ns,
                run_ns=ran.run_ns, total_ns=ran.run_ns, request_id=batch.text(ran.item.row)[0].encode(),
                tensors=_tensors(ran, servable), parent_id=bytes(header["prediction_id"]),
                trace_id=bytes(header["trace_id"]),
            )
        )  # fmt: skip

    def tick(self) -> None:
        self._writer.tick()

    def close(self) -> None:
        self._writer.close()

    def _know_route(self, batch: Batch, epoch: int) -> None:
        if epoch not in self._epochs:
            self._epochs.add(epoch)
            self._writer.route(epoch, message_of(batch.routes[epoch]).SerializeToString())

    def _schema(self, servable: Servable, live: dict[str, Any]) -> int:
        key = (servable.version.model, servable.version.version, int(live["version"]))
        if key not in self._schemas:
            self._schemas[key] = self._writer.schema(described(servable, live))
        return self._schemas[key]


def _tensors(ran: Ran, servable: Servable) -> list[TensorRecord]:
    outputs = ran.outputs
    if outputs is None:
        return []
    own = [
        TensorRecord(OUTPUT, index, spec.kept, output.shape, raw_of(output))
        for index, (spec, output) in enumerate(zip(servable.outputs, outputs, strict=True))
    ]
    live = [TensorRecord(LIVE_OUTPUT, view.index, view.datatype, view.shape, view.data) for view in ran.item.live]
    return own + live
