"""From a spec to a checked package with its lineage: split, fit, evaluate, export, check, profile."""

from dataclasses import dataclass

import numpy as np

from gnomon.domain import Lineage
from trainer import lineage
from trainer.data import Split, split
from trainer.evaluate import evaluate
from trainer.export import Agreement, check, export
from trainer.fit import fit
from trainer.flights import FEATURES, Flights
from trainer.publish import Package, evenly
from trainer.spec import TrainSpec

CHECKED_ROWS = 4000  # at most, of the evaluation month, and as many of the held-out rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A version ready to be published, and what was measured on the way."""

    spec: TrainSpec
    package: Package
    agreement: Agreement
    lineage: Lineage


def train(flights: Flights, spec: TrainSpec, now_unix_ms: int) -> Trained:
    """Trains the spec's version on the flights.

    Raises:
        ExportDisagrees: the artifact is not the model.
    """
    tables = split(flights, spec)
    model = fit(spec, tables.train)
    artifact = export(model, len(FEATURES), spec.model)
    rows = np.concatenate([evenly(part.features, CHECKED_ROWS) for part in (tables.evaluation, tables.held_out)])
    return Trained(
        spec=spec,
        agreement=check(model, artifact, rows),
        lineage=lineage_of(spec, tables, evaluate(model, tables.evaluation), now_unix_ms),
        package=Package.of(spec, artifact, tables.reference),
    )


def lineage_of(spec: TrainSpec, tables: Split, metrics: dict[str, float], now_unix_ms: int) -> Lineage:
    """What an auditor needs to make the version again."""
    return Lineage(
        data_sha256=tables.train.sha256,
        data_description=tables.train.description,
        git_commit=lineage.git_commit(),
        framework=lineage.framework(),
        trained_by="gnomon trainer",
        trained_unix_ms=now_unix_ms,
        parameters=spec.described(),
        metrics=metrics,
    )
