"""`gnomon log`: SQL over the predictions that gateways have exported."""

import csv
import datetime
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from gnomon.cli.options import AsJson, console, table
from gnomon.exports import query as run

app = typer.Typer(no_args_is_help=True, help="Exported predictions.")

EXPORTS = Path("gnomon-data/gateway/parquet")


@app.callback()
def log() -> None:
    """Exported predictions."""


@app.command()
def query(
    sql: Annotated[str, typer.Option(help="One statement of DuckDB's SQL.")],
    exports: Annotated[
        str, typer.Option("--from", help="Folder or URL that a gateway exports to; its own folder will do.")
    ] = str(EXPORTS),
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the exported files: views predictions, shadow, MODEL and MODEL_rows (docs/queries.md)."""
    names, rows = run(exports, sql)
    if as_json:
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2, default=_plain))
    elif as_csv:
        csv.writer(sys.stdout).writerows([names, *rows])
    else:
        shown = table("", *map(escape, names))
        for row in rows:
            shown.add_row(*(escape(str(value)) for value in row))
        console.print(shown)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
