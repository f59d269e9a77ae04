"""`gnomon outcomes`: tell the registry what became of predictions, and see whether scores come true."""

import csv
import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from gnomon.cli.drift_table import calibration_lines
from gnomon.cli.options import (
    GATEWAY,
    REGISTRY,
    AsJson,
    Gateway,
    Registry,
    TlsCa,
    TlsCertificate,
    TlsKey,
    client_tls,
    console,
    plain,
    table,
    without_nan,
)
from gnomon.cli.trace import values
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Role
from gnomon.errors import InvalidInput, PredictionNotFound
from gnomon.evidence import Outcome, VersionCalibration
from gnomon.labelled import ID_COLUMNS
from gnomon.labelled import outcomes as outcomes_in

app = typer.Typer(no_args_is_help=True, help="What became of predictions.")

BATCH = 1_000


class LeftOut(Exception):
    """An outcome that can be matched with no score, and why."""


@app.callback()
def outcomes() -> None:
    """What became of predictions."""


@app.command()
def record(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV: prediction_id or request_id, label.")],
    exports: Annotated[
        str, typer.Option("--from", help="Folder or URL that gateways export to: looks there, and asks no gateway.")
    ] = "",
    registry: Registry = REGISTRY,
    gateway: Gateway = GATEWAY,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
) -> None:
    """Look up what each prediction had scored, and record it with its label. What was recorded before stays."""
    if exports:
        _record_from(exports, name, file, registry)
        return
    told = left_out = new = 0
    batch: list[Outcome] = []
    with (
        RegistryClient(registry) as to,
        GatewayClient(gateway, tls=client_tls(tls_ca, tls_certificate, tls_key)) as client,
    ):
        for row in labels(file):
            told += 1
            try:
                batch.append(outcome_of(traced(client, row), name, row["label"]))
            except LeftOut as why:
                left_out += 1
                console.print(f"[yellow]left out[/yellow] {row}: {why}", highlight=False)
            if len(batch) == BATCH:
                new += to.record_outcomes(name, batch)
                batch.clear()
        new += to.record_outcomes(name, batch) if batch else 0
    _tell(told, told - left_out, new)


def _record_from(exports: str, name: str, file: Path, registry: str) -> None:
    known: dict[str, dict[str, float]] = {column: {} for column in ID_COLUMNS}
    nameless = found = new = 0
    for row in labels(file):
        column = next((column for column in ID_COLUMNS if row.get(column)), "")
        if column:
            known[column].setdefault(row[column], row["label"])
        nameless += not column
    with RegistryClient(registry) as to:
        scored = outcomes_in(exports, name, known, lambda version: to.get_version(name, version).score)
        while batch := list(itertools.islice(scored, BATCH)):
            found += len(batch)
            new += to.record_outcomes(name, batch)
    _tell(nameless + sum(map(len, known.values())), found, new)


def _tell(told: int, found: int, new: int) -> None:
    left_out = max(0, told - found)
    console.print(f"{told} outcomes: {new} new, {found - new} known or too old, {left_out} left out")
    raise typer.Exit(1 if left_out else 0)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Calibration, of the newest outcomes of each version: do scores come true as often as they say?"""
    with RegistryClient(registry) as client:
        report = client.get_calibration(name)
    if as_json:
        print(json.dumps(without_nan(plain(report)), indent=2))
        return
    if not report.versions:
        console.print(f"no outcomes of {escape(name)} are known")
    for each in report.versions:
        console.print(calibration_table(each))
        for line in calibration_lines([each]):
            console.print(line)


def calibration_table(found: VersionCalibration) -> Table:
    p_value = "too few to test" if math.isnan(found.p_value) else f"p of perfect calibration {found.p_value:.1e}"
    shown = table(
        f"version {found.version}: {found.outcomes} outcomes, mean score {found.mean_score:.3f}, "
        f"{found.share:.3f} came true, calibration error {found.error:.3f}, Brier {found.brier:.3f}; {p_value}",
        "score", "outcomes", "mean score", "came true",
    )  # fmt: skip
    for each in found.bins:
        span = f"{each.low:.2f} to {each.high:.2f}"
        shown.add_row(span, str(each.outcomes), f"{each.mean_score:.3f}", f"{each.share:.3f}")
    return shown


def labels(file: Path) -> Iterator[dict[str, Any]]:
    """Raises: InvalidInput: a file, or a line of it, without the columns."""
    try:
        with file.open(newline="") as opened:
            yield from _labelled(file, csv.DictReader(opened))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{file}: no table with commas: {error}") from None


def _labelled(file: Path, reader: "csv.DictReader[str]") -> Iterator[dict[str, Any]]:
    if "label" not in (names := reader.fieldnames or []) or not {"prediction_id", "request_id"} & set(names):
        raise InvalidInput(f"{file}: columns {', '.join(names)}; label, and prediction_id or request_id expected")
    for row in reader:
        try:
            yield row | {"label": float(row["label"])}
        except (TypeError, ValueError):
            raise InvalidInput(f"{file}, line {reader.line_num}: label {row['label']!r}: a number expected") from None


def traced(client: GatewayClient, row: dict[str, Any]) -> Any:
    """Raises: LeftOut."""
    try:
        if row.get("prediction_id"):
            return client.trace(row["prediction_id"])
        return client.trace(request_id=row["request_id"])
    except PredictionNotFound as error:
        raise LeftOut(str(error)) from None


def outcome_of(trace: Any, model: str, label: float) -> Outcome:
    """Raises: LeftOut: of another model, without an answer, of several rows, or without a score."""
    if trace.status != "answered" or trace.why.role == int(Role.SHADOW) or trace.why.model != model:
        raise LeftOut(f"{trace.status} by {trace.why.model or 'nobody'}: an answer of {model} expected")
    return Outcome(
        prediction_id=trace.prediction_id,
        version=trace.why.version,
        epoch=trace.why.epoch,
        score=score_of(trace),
        label=label,
    )


def score_of(trace: Any) -> float:
    """The one score of a traced prediction, as its version names it. Raises: LeftOut."""
    named, column = trace.version.score.output, trace.version.score.column
    floats = [tensor for tensor in trace.outputs if tensor.datatype.startswith("FP")]
    found = [tensor for tensor in floats if tensor.name == named] if named else floats[-1:]
    if not found:
        raise LeftOut(f"no score {named!r} among its outputs")
    tensor = found[0]
    rows = tensor.shape[0] if tensor.shape else 1
    if rows != 1:
        raise LeftOut(f"{rows} rows, and one label")
    flat = np.array(values(tensor), np.float64)
    if not -len(flat) <= column < len(flat):
        raise LeftOut(f"score column {column} of {len(flat)}")
    return float(flat[column])
