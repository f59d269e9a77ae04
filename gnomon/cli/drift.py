"""`gnomon drift`: how far what a version is asked lies from what it was trained on; alarms, and what they obey."""

import dataclasses
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gnomon.cli.drift_plot import draw
from gnomon.cli.drift_report import report as html_report
from gnomon.cli.drift_table import arms_table, calibration_lines, monitors_table, reasons, slices_table
from gnomon.cli.options import REGISTRY, Actor, AsJson, Registry, console, plain, print_json, table, without_nan
from gnomon.client import RegistryClient
from gnomon.drift import DriftEvent, DriftEventKind
from gnomon.errors import InvalidInput

app = typer.Typer(no_args_is_help=True, help="Drift of inputs and scores against the training data.")

Name = Annotated[str, typer.Argument(help="The model's name.")]


@app.command()
def show(
    name: Name,
    version: Annotated[int, typer.Option(help="Which version; the stable one by default.")] = 0,
    window_s: Annotated[float, typer.Option(help="The last so many seconds; all that is kept by default.")] = 0,
    points: Annotated[int, typer.Option(help="Stretches of the line of PSI over time; 0: none.")] = 16,
    of_slice: Annotated[str, typer.Option("--slice", help="COLUMN=VALUE: only these rows.")] = "",
    feature: Annotated[str, typer.Option(help="Only this feature or score.")] = "",
    png: Annotated[Path | None, typer.Option(help="Draw the --feature into this file.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write everything into this one HTML file.")] = None,
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """PSI and KS of every feature and of the score, over time, and which alarms stand."""
    if png is not None and not feature:
        raise InvalidInput(f"--png {png}: name the --feature to draw")
    since = int((time.time() - window_s) * 1000) if window_s else 0
    drawn, chosen = png is not None or report is not None, [feature] if feature else []
    with RegistryClient(registry) as client:
        drift = client.get_drift(
            name, version, from_unix_ms=since, points=points, with_counts=drawn, monitors=chosen, of_slice=of_slice
        )
    if png is not None:
        draw(drift, drift.monitors[0], png)
    if report is not None:
        _write(report, html_report(drift, time.time()))
    if as_json:
        print(json.dumps(without_nan(plain(drift)), indent=2))
        return
    console.print(monitors_table(drift, time.time()))
    for line in [*reasons(drift), *calibration_lines(drift.calibration)]:
        console.print(line)
    if drift.arms:
        console.print(arms_table(drift.arms))
    if drift.slices:
        console.print(slices_table(drift.slices))


@app.command()
def events(
    name: Annotated[str, typer.Argument(help="The model's name; all models by default.")] = "",
    after: Annotated[int, typer.Option(help="Only those behind this number.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until interrupted.")] = False,
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Alarms raised and cleared, oldest first; with --json an event a line."""
    with RegistryClient(registry) as client:
        found = client.watch_drift_events(name, after) if follow else _pages(client, name, after)
        for event in found:
            print(json.dumps(without_nan(plain(event)))) if as_json else console.print(_line(event))


@app.command()
def policy(
    name: Name,
    actor: Actor,
    false_alarms: Annotated[float | None, typer.Option(help="Bearable false alarms,")] = None,
    per_days: Annotated[float | None, typer.Option(help="in so many days, over everything watched.")] = None,
    psi: Annotated[float | None, typer.Option(help="PSI that is harmless.")] = None,
    ks: Annotated[float | None, typer.Option(help="KS distance that is harmless.")] = None,
    missing: Annotated[float | None, typer.Option(help="Change of the share of missing values that is.")] = None,
    calibration: Annotated[float | None, typer.Option(help="Part of what scores foretell that may differ.")] = None,
    window_s: Annotated[float | None, typer.Option(help="What is judged at each look, in seconds.")] = None,
    raise_after_s: Annotated[float | None, typer.Option(help="Above the bar for so long raises.")] = None,
    clear_after_s: Annotated[float | None, typer.Option(help="Below the lower bar for so long clears.")] = None,
    design_effect: Annotated[float | None, typer.Option(help="How many rows are worth one; 0: estimated.")] = None,
    min_rows: Annotated[int | None, typer.Option(help="Rows of a window that is judged.")] = None,
    muted: Annotated[bool | None, typer.Option("--mute/--unmute", help="Judge nothing.")] = None,
    reason: Annotated[str, typer.Option(help="Kept in the record.")] = "",
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Which false alarms and which drift a model bears; with options, changes that and leaves the rest."""
    wanted: dict[str, Any] = {
        "false_alarms": false_alarms, "per_s": None if per_days is None else per_days * 86_400, "psi_tolerance": psi,
        "ks_tolerance": ks, "missing_tolerance": missing, "calibration_tolerance": calibration, "window_s": window_s,
        "raise_after_s": raise_after_s, "clear_after_s": clear_after_s, "design_effect": design_effect,
        "min_rows": min_rows, "muted": muted,
    }  # fmt: skip
    changes = {field: value for field, value in wanted.items() if value is not None}
    with RegistryClient(registry) as client:
        found = client.get_drift_policy(name)
        if changes:
            found = client.set_drift_policy(dataclasses.replace(found, **changes, actor=actor, reason=reason))
    if as_json:
        print_json(found)
        return
    shown = table(f"drift policy of {name}", "", "")
    for field, value in plain(found).items():
        shown.add_row(field, f"{value:g}" if isinstance(value, float) else str(value))
    console.print(shown)


def _pages(client: RegistryClient, name: str, after: int) -> list[DriftEvent]:
    found: list[DriftEvent] = []
    while page := client.list_drift_events(name, found[-1].id if found else after):
        found += page
    return found


def _line(event: DriftEvent) -> str:
    at = datetime.fromtimestamp(event.at_unix_ms / 1000, UTC)
    colour = "red" if event.kind is DriftEventKind.RAISED else "green"
    what = f"{event.model} version {event.version}, {event.monitor}" + (f" in {event.slice}" if event.slice else "")
    kind = event.kind.name.lower()
    return f"{event.id} {at:%Y-%m-%d %H:%M:%S} [{colour}]{kind}[/{colour}] {_escaped(what)}: {_escaped(event.reason)}"


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"file {str(path)!r}: {error.strerror}") from None
