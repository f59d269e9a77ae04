"""`gnomon drift`: how far what a version is asked lies from what it was trained on."""

import time
from typing import Annotated

import typer

from gnomon.cli.options import REGISTRY, AsJson, Registry, console, print_json, table
from gnomon.client import RegistryClient
from gnomon.evidence import Drift

app = typer.Typer(no_args_is_help=True, help="Drift of inputs and scores against the training data.")


def _print(drift: Drift) -> None:
    what = f"{drift.model} version {drift.version}"
    title = f"{what}: {drift.rows} rows against its profile; alarm above PSI {drift.tolerance:g}"
    shown = table(title, "", "feature", "PSI", "at least", "KS", "missing", "trained", "why")
    for item in drift.monitors:
        shown.add_row(
            "[red]●[/red]" if item.alarmed else "", f"{item.name} (score)" if item.is_score else item.name,
            f"{item.psi:.3f}", f"{item.psi_lower:.3f}", f"{item.ks_lo:.3f}", f"{item.missing_share:.1%}",
            f"{item.missing_reference:.1%}", item.reason,
        )  # fmt: skip
    console.print(shown)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    version: Annotated[int, typer.Option(help="Which version; the stable one by default.")] = 0,
    window_s: Annotated[float, typer.Option(help="The last so many seconds; all that is kept by default.")] = 0,
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """PSI and KS of every feature and of the score."""
    since = int((time.time() - window_s) * 1000) if window_s else 0
    with RegistryClient(registry) as client:
        drift = client.get_drift(name, version, from_unix_ms=since)
    print_json(drift) if as_json else _print(drift)
