"""`gnomon journal`: do the books balance, and how far is each consumer."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from gnomon.cli.options import (
    GATEWAY,
    AsJson,
    Gateway,
    TlsCa,
    TlsCertificate,
    TlsKey,
    client_tls,
    console,
    print_json,
    table,
)
from gnomon.client import GatewayClient

app = typer.Typer(no_args_is_help=True, help="The prediction journal and its consumers.")


@app.command()
def status(
    gateway: Gateway = GATEWAY,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    as_json: AsJson = False,
) -> None:
    """Calls received and how they ended, rows journaled and lost, what each consumer has read."""
    with GatewayClient(gateway, tls=client_tls(tls_ca, tls_certificate, tls_key)) as client:
        found = client.status()
    if as_json:
        print_json(found)
        return
    books, shadow = found.books, found.shadow
    ended = {
        name: getattr(books, name) for name in ("answered", "rejected", "shed", "failed", "cancelled", "in_flight")
    }
    console.print(
        f"received {books.received} = " + " + ".join(f"{name} {count}" for name, count in ended.items()), soft_wrap=True
    )
    console.print(f"answered {books.answered} = journaled {books.journaled} + lost {books.journal_lost}")
    parts = " + ".join(f"{name} {getattr(shadow, name)}" for name in ("run", "shed", "expired", "failed"))
    console.print(f"offered to shadow {books.shadow_offered}; read {shadow.offered} = {parts}")
    shown = table("", "consumer", "journal", "read", "missed", "cursor", "pending", "bytes behind")
    for item in found.consumers:
        numbers = (item.read, item.missed, item.cursor, item.pending, item.pending_bytes)
        shown.add_row(item.name, item.journal, *map(str, numbers))
    console.print(shown)
    for failure in found.failures:
        console.print(
            f"[red]{failure.model} version {failure.version} keeps out:[/red] {failure.reason}", highlight=False
        )
    for trip in found.trips:
        console.print(
            f"[red]{trip.model} version {trip.version} is tripped in worker {trip.slot}:[/red] {trip.state}, "
            f"{trip.reason} (trip {trip.trips}; {trip.bad} of {trip.calls} calls were bad)", highlight=False,
        )  # fmt: skip


@app.command()
def verify(
    folder: Annotated[Path, typer.Option("--dir", help="Folder of `gnomon up`, or of a gateway.")] = Path(
        "gnomon-data"
    ),
    exports: Annotated[bool, typer.Option(help="Whether the Parquet files are looked at.")] = True,
    as_json: AsJson = False,
) -> None:
    """Prove from the files alone that every checksum is right and the books balance; exit code 1 when not."""
    flags = [*(["--json"] if as_json else []), *([] if exports else ["--no-exports"])]
    done = subprocess.run([sys.executable, "-m", "gateway", "verify", "--dir", str(folder), *flags], check=False)
    raise typer.Exit(done.returncode)
