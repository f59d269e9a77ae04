"""`gnomon up`: the embedded pair, until SIGTERM."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from gnomon.cli.embedded import Embedded, StartFailed
from gnomon.cli.options import console
from gnomon.stopping import Stop


def up(
    folder: Annotated[Path, typer.Option("--dir", help="Where everything is kept; made if it is not there.")] = Path(
        "gnomon-data"
    ),
    grpc_port: Annotated[int, typer.Option(help="Inference; 0 picks a free one.")] = 8500,
    registry_port: Annotated[int, typer.Option(help="Registry; 0 picks a free one.")] = 8501,
    http_port: Annotated[int, typer.Option(help="/metrics and /healthz; 0 picks a free one.")] = 8502,
    workers: Annotated[int, typer.Option(help="Worker processes that share the inference port.")] = 1,
) -> None:
    """Start a registry and a gateway on this host and serve until SIGTERM (or Ctrl-C)."""
    stopping = Stop.on(signal.SIGTERM, signal.SIGINT)
    try:
        pair = Embedded(folder, grpc_port=grpc_port, registry_port=registry_port, http_port=http_port, workers=workers)
    except (StartFailed, OSError) as error:
        console.print(f"[red]error:[/red] {error}", highlight=False)
        raise typer.Exit(1) from None
    console.print(f"inference  {pair.gateway}  (Open Inference Protocol v2, gRPC)", highlight=False)
    console.print(f"registry   {pair.registry}", highlight=False)
    console.print(f"metrics    http://{pair.http}/metrics", highlight=False)
    while not stopping.wait(0.2):
        if (name := pair.dead()) is not None:
            console.print(f"[red]error:[/red] {name} ended; see {folder / 'log'}", highlight=False)
            pair.stop()
            raise typer.Exit(1)
    console.print("stopping: calls in flight end, the journal is sealed", highlight=False)
    if not pair.stop():
        raise typer.Exit(1)
