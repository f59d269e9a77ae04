"""A gateway's folder with journals that tests write themselves, through the real writer."""

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np

from gateway.config import Config
from gateway.desired import write_snapshot
from gateway.journal.format import ANSWERED, INPUT, OUTPUT
from gateway.journal.writer import Record, TensorRecord, Writer
from gateway.layout import Layout
from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Version
from gnomon.wire import message_of

SEGMENT_BYTES = (1 << 20) + (1 << 17)
COLUMNS = 3


def config_in(folder: Path, **settings: Any) -> Config:
    """Small segments that never age, ticks that do not make a test wait."""
    defaults = {"segment_bytes": SEGMENT_BYTES, "max_message_bytes": 1 << 16, "segment_max_age_s": 1e6}
    config = Config(dir=str(folder), registry="127.0.0.1:1", **(defaults | settings))
    config.layout.make()
    return config


def writer_of(config: Config, slot: int = 0, *, segment_bytes: int = 0) -> Writer:
    return Writer(
        config.layout.worker_journal(slot),
        host=7,
        slot=slot,
        segment_bytes=segment_bytes or config.segment_bytes,
        segment_max_age_s=config.segment_max_age_s,
    )


def schema(model: str = "flights", version: int = 1) -> dict[str, Any]:
    """That of tests.models.scaled."""
    return {
        "model": model,
        "version": version,
        "artifact_sha256": "a" * 64,
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, COLUMNS]}],
        "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, COLUMNS]}],
        "score": {"output": 0, "column": -1},
    }


def route(
    epoch: int = 1, *, stable: int = 1, shadow: int | None = None, share_bp: int = 10_000, model: str = "flights"
) -> Route:
    arms = [Arm(version=stable, role=Role.STABLE)]
    if shadow is not None:
        arms.append(Arm(version=shadow, role=Role.SHADOW, weight_bp=share_bp))
    return Route(model=model, revision=epoch, arms=tuple(arms), latency_thresholds_us=(1_000, 5_000))


def know(writer: Writer, *routes: Route) -> None:
    for one in routes:
        writer.route(one.revision, message_of(one).SerializeToString())


def record(
    writer: Writer,
    number: int,
    *,
    x: np.ndarray[Any, Any] | None = None,
    score: np.ndarray[Any, Any] | None = None,
    status: int = ANSWERED,
    **fields: Any,
) -> Record:
    """A call as a worker journals it; `x` (rows, 3) in and `score` (rows, 3) out."""
    now = time.time_ns()
    tensors = [
        TensorRecord(direction, 0, "FP32", array.shape, np.ascontiguousarray(array, np.float32))
        for direction, array in ((INPUT, x), (OUTPUT, score))
        if array is not None
    ]
    given = {"arrived_unix_ns": now, "epoch": 1, "version": 1, "role": int(Role.STABLE), "schema": number} | fields
    rows = 0 if x is None else len(x)
    return Record(writer.next_id(now), status, tensors=tensors, rows=rows, **given)


def put_version(layout: Layout, version: int, artifact: bytes, model: str = "flights", profile: bytes = b"") -> Version:
    """Its files into the cache."""
    digests = [hashlib.sha256(data).hexdigest() if data else "" for data in (artifact, profile)]
    for digest, data in zip(digests, (artifact, profile), strict=True):
        if digest:
            layout.blob(digest).write_bytes(data)
    return Version(model=model, version=version, artifact_sha256=digests[0], profile_sha256=digests[1])


def put_snapshot(layout: Layout, served: Route, *versions: Version) -> None:
    write_snapshot(
        layout.snapshot, DesiredState(revision=served.revision, models=(ModelState(route=served, versions=versions),))
    )
