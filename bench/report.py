"""The report of a run: a table for people, bench.json for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.verdicts import ALONE, Verdict, verdicts

Result = dict[str, Any]
IDLE = 0.85


def document(results: Sequence[Result], notes: Sequence[str], machine: dict[str, object]) -> dict[str, Any]:
    """Everything of a run, as bench.json holds it."""
    found = [asdict(verdict) | {"met": verdict.met} for verdict in verdicts(results)]
    return {"machine": machine, "verdicts": found, "notes": list(notes), "results": list(results)}


def write(report: dict[str, Any], path: Path) -> None:
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(report, indent=1))
    unfinished.replace(path)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def table(report: dict[str, Any]) -> str:
    """Promise, measured, wanted, met or missed; and what should make one careful."""
    found = verdicts(report["results"])
    lines = [f"{'':66} {'measured':>9} {'wanted':>8}", *map(_line, found)]
    return "\n".join([*lines, *(f"note: {text}" for text in [*report["notes"], *cautions(report["results"])])])


def _line(verdict: Verdict) -> str:
    measured = "" if verdict.value is None else f"{verdict.value:.3g}"
    return f"{verdict.name:66} {measured:>9} {verdict.wanted:>8}  {verdict.word}".rstrip()


def cautions(results: Sequence[Result]) -> list[str]:
    """Runs at capacity in which the server was not the limit, but the generator or somebody else on the machine."""
    at_capacity = (row for row in results if row.get("loop") == "closed" and row["label"] != ALONE)
    idle = (row for row in at_capacity if row.get("server_busy") is not None and row["server_busy"] < IDLE)
    return [
        f"{row['scenario']}, {row['label']}, {row['server']}: server {row['server_busy']:.0%} busy, "
        f"generator {row['client_busy']:.0%}"
        for row in idle
    ]
