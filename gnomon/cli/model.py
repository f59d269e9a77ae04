"""`gnomon model`: put versions in, look at them, approve and stage them."""

from pathlib import Path
from typing import Annotated

import typer

from gnomon.cli.options import REGISTRY, Actor, AsJson, Registry, console, print_json, table
from gnomon.client import RegistryClient
from gnomon.domain import Lineage, Score, Stage, Version

app = typer.Typer(no_args_is_help=True, help="Models and their versions.")

Name = Annotated[str, typer.Argument(help="The model's name.")]
Number = Annotated[int, typer.Argument(help="The version's number.")]


def _show(versions: list[Version], as_json: bool) -> None:
    if as_json:
        print_json(versions)
        return
    shown = table("", "version", "stage", "approved by", "artifact", "MB", "data", "metrics")
    for item in versions:
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in sorted(item.lineage.metrics.items()))
        shown.add_row(
            f"{item.model} {item.version}", item.stage.name.lower(), item.approval.approver if item.approval else "-",
            item.artifact_sha256[:12], f"{item.artifact_bytes / 1e6:.2f}", item.lineage.data_sha256[:12] or "-",
            metrics,
        )  # fmt: skip
    console.print(shown)


@app.command()
def push(
    name: Name,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The ONNX file.")],
    score_output: Annotated[
        str, typer.Option(help="Output that is the score; the last floating-point one by default.")
    ] = "",
    score_column: Annotated[int, typer.Option(help="Its column; the last by default.")] = -1,
    note: Annotated[str, typer.Option(help="Where it comes from, for people.")] = "",
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Put an ONNX file in as the next version of a model."""
    with RegistryClient(registry) as client:
        digest = client.put_artifact(file.read_bytes())
        lineage = Lineage(data_description=note or f"pushed from {file.name}")
        score = Score(output=score_output, column=score_column)
        version = client.register_version(name, artifact_sha256=digest, score=score, lineage=lineage)
    if as_json:
        print_json(version)
    else:
        console.print(f"{name} version {version.version}, sha256 {digest}")
        console.print(f"Serve it with: gnomon route set {name} --stable {version.version}")


@app.command("list")
def list_models(registry: Registry = REGISTRY, as_json: AsJson = False) -> None:
    """All models."""
    with RegistryClient(registry) as client:
        models = client.list_models()
    if as_json:
        print_json(models)
        return
    shown = table("", "model", "versions", "production")
    for model in models:
        shown.add_row(model.name, str(model.versions), str(model.production_version or "-"))
    console.print(shown)


@app.command()
def show(name: Name, registry: Registry = REGISTRY, as_json: AsJson = False) -> None:
    """All versions of a model."""
    with RegistryClient(registry) as client:
        _show(client.list_versions(name), as_json)


@app.command()
def approve(
    name: Name,
    version: Number,
    actor: Actor,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Let a version go on towards production."""
    with RegistryClient(registry) as client:
        _show([client.approve_version(name, version, approver=actor, note=note)], as_json)


@app.command()
def stage(
    name: Name,
    version: Number,
    to: Annotated[str, typer.Argument(help="none, staging, production or archived.")],
    actor: Actor,
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Move a version to a stage. Production makes it the stable arm, at once and without gates."""
    if to.upper() not in Stage.__members__:
        raise typer.BadParameter(f"{to!r}: one of {', '.join(name.lower() for name in Stage.__members__)} expected")
    with RegistryClient(registry) as client:
        _show([client.set_stage(name, version, Stage[to.upper()], actor=actor)], as_json)
