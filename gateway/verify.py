"""`python -m gateway verify`: proves from the files alone what a gateway's journals hold, and what they lost.

Exit code 0: everything balances and every checksum is right. 1: it does not, and the lines on standard output say what
and where. Reads only; the gateway may serve meanwhile.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.journal.format import STATUS_NAMES
from gateway.layout import Layout
from gateway.verifying.report import Report, Verified, verify


def layout_of(folder: Path) -> Layout:
    """Of a gateway's folder, or of one that `gnomon up` made."""
    inner = folder / "gateway"
    return Layout(inner if (inner / "journal").exists() else folder)


def lines(report: Report) -> Iterator[str]:
    for one in report.journals:
        yield from _journal_lines(one)
    for note in report.notes:
        yield f"note: {note}"
    for problem in report.problems:
        yield f"wrong: {problem}"
    yield "the books balance, and every checksum is right" if report.ok else f"{len(report.problems)} things are wrong"


def _journal_lines(one: Verified) -> Iterator[str]:
    found = one.journal
    by_status = ", ".join(f"{name} {one.records[name]}" for name in STATUS_NAMES.values() if one.records[name])
    yield f"{found.name}: {found.segments} segments, {found.bytes} bytes, {one.records.total()} records ({by_status})"
    yield (
        f"  numbers {found.next} = records {found.total} + removed {one.retired.total()} + left out "
        f"{found.next - one.records.total()}"
    )
    counts = one.counts
    if counts is not None:
        ended = " + ".join(f"{name} {counts.ended[name]}" for name in STATUS_NAMES.values())
        yield f"  received {counts.received} = {ended} + in flight {counts.in_flight}"
        answered, lost = counts.ended["answered"], counts.lost["answered"]
        yield f"  answered {answered} = journaled {counts.journaled} + lost {lost}"
    for each in one.consumers:
        yield (
            f"  {each.consumer}: read {each.read} + missed {each.missed} (expired {each.expired}) "
            f"+ expired and not yet counted {each.gone} + pending {each.pending}"
        )
    yield f"  rows in Parquet {one.exported}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="gateway verify", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--dir", type=Path, required=True, help="a gateway's folder, or one of `gnomon up`")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument("--no-exports", action="store_true", help="leave the Parquet files out: they were moved")
    flags = parser.parse_args(arguments)
    layout = layout_of(flags.dir)
    if not layout.journals.exists():
        print(f"gateway verify: {flags.dir} holds no journals", file=sys.stderr)
        return 1
    report = verify(layout, exports=not flags.no_exports)
    print(json.dumps(report.plain(), indent=2) if flags.json else "\n".join(lines(report)))
    return 0 if report.ok else 1
