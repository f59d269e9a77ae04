"""Disagreements that the observer kept, out of its checkpoint: whose calls they were, and what was said of them."""

import math
from collections.abc import Iterator

from gateway.journal.cursor import CheckpointCorrupt, read_checkpoint
from gateway.layout import Layout
from gateway.observe.kept import Kept
from gnomon.domain import check_model_name
from gnomon.gateway.v1 import gateway_pb2 as pb

OBSERVER = "observer"


def disagreements(layout: Layout, model: str, version: int) -> Iterator[pb.Disagreement]:
    """Of a model's shadows, or of one version, the newest first. Raises: InvalidInput for what names no model."""
    check_model_name(model)
    try:
        _, state = read_checkpoint(layout.checkpoint(OBSERVER))
    except (FileNotFoundError, CheckpointCorrupt):
        return
    kept = Kept.of(state.get("pairs", {}).get("kept", []))
    found = [(number, each) for (name, number), rows in kept.found.items() if name == model for each in rows]
    for number, each in sorted(found, key=lambda item: item[1].arrived_unix_ms, reverse=True):
        if version in (0, number):
            yield pb.Disagreement(
                prediction_id=each.prediction_id, shadow_id=each.shadow_id, arrived_unix_ms=each.arrived_unix_ms,
                row=each.row, epoch=each.epoch, version=number, live=_number(each.live), shadow=_number(each.shadow),
            )  # fmt: skip


def _number(score: float | None) -> float:
    return math.nan if score is None else score
