"""All of a gateway's folder verified: what is wrong, what is as it should be, in one value."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.journal.cursor import CheckpointCorrupt
from gateway.layout import SHADOW_JOURNAL, Layout
from gateway.retired import NAME as BOOK
from gateway.retired import Retired
from gateway.shipping.names import local_folder
from gateway.verifying.books import Consumed, Counts, checkpoints, consumed, worker_problems
from gateway.verifying.exports import Exports, export_url
from gateway.verifying.scan import Journal, scan

LOOKS = 20  # at a page that is being written


@dataclass
class Verified:
    """One journal with its books."""

    journal: Journal
    retired: Counter[str]
    counts: Counts | None
    consumers: list[Consumed]
    exported: int = 0

    @property
    def records(self) -> Counter[str]:
        """Ever."""
        return self.journal.records + self.retired


@dataclass
class Report:
    journals: list[Verified] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: int = 0  # of exports

    @property
    def ok(self) -> bool:
        return not self.problems

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        journals = [
            {
                "name": one.journal.name, "segments": one.journal.segments, "bytes": one.journal.bytes,
                "records": dict(one.journal.records), "retired": dict(one.retired), "first": one.journal.first,
                "next": one.journal.next, "missing": one.journal.missing, "exported": one.exported,
                "worker": None if one.counts is None else vars(one.counts),
                "consumers": [vars(each) for each in one.consumers],
            }
            for one in self.journals
        ]  # fmt: skip
        return {
            "ok": self.ok, "problems": self.problems, "notes": self.notes, "journals": journals,
            "export_files": self.files, "total": self.total(),
        }  # fmt: skip

    def total(self) -> dict[str, int]:
        """Sums over all live journals."""
        live = [one for one in self.journals if one.journal.name != SHADOW_JOURNAL]
        ended: Counter[str] = Counter()
        for one in live:
            ended.update({} if one.counts is None else one.counts.ended)
        counts = [one.counts for one in live if one.counts is not None]
        return {
            "received": sum(each.received for each in counts),
            **ended,
            "in_flight": sum(each.in_flight for each in counts),
            "journaled": sum(each.journaled for each in counts),
            "journal_lost": sum(each.lost.total() for each in counts),
            "records": sum(one.records.total() for one in live),
            "exported": sum(one.exported for one in live),
        }


def verify(layout: Layout, *, exports: bool = True) -> Report:
    """Reads every byte there is, also while the gateway serves: what grows is read after what it has to cover."""
    report = Report()
    try:
        Retired(layout.checkpoint(BOOK), read_only=True)
    except CheckpointCorrupt as error:
        report.problems.append(str(error))
        return report
    for folder in sorted(path for path in layout.journals.glob("*") if path.is_dir()):
        one = _verify(layout, folder.name)
        report.journals.append(one)
        report.problems += _problems(one, report.notes)
    if exports:
        _look_at_exports(layout, report)
    return report


def _look_at_exports(layout: Layout, report: Report) -> None:
    url = export_url(layout)
    root = local_folder(url, layout.parquet)
    if root is None:
        report.notes.append(f"exports go to {url}: not looked at")
        return
    if not root.exists():
        return
    exported = Exports(root)
    report.problems += exported.problems
    report.files = exported.files
    for one in report.journals:
        report.problems += _export_problems(one, exported, report.notes)


def _verify(layout: Layout, name: str) -> Verified:
    """Again when retention was at work meanwhile."""
    for _ in range(LOOKS):
        retired = Retired(layout.checkpoint(BOOK), read_only=True)
        one = _one(layout, name, retired)
        if Retired(layout.checkpoint(BOOK), read_only=True).through == retired.through:
            break
    return one


def _one(layout: Layout, name: str, retired: Retired) -> Verified:
    kept, before = checkpoints(layout), _looked_at(layout, name)
    found = scan(layout.journals / name, retired.through.get(name, 0))
    one = Verified(found, retired.records.get(name, Counter()), before, list(consumed(kept, found, retired)))
    after = _looked_at(layout, name)
    if before is not None and after is not None and not found.damaged and not before.first:
        found.problems += [f"journal {name}: {problem}" for problem in worker_problems(before, after, one.records)]
    return one


def _looked_at(layout: Layout, name: str) -> Counts | None:
    """A page in balance, or as it is when it stays out of it."""
    for _ in range(LOOKS):
        counts = Counts.read(layout, name)
        if counts is None or not any(counts.problems()):
            return counts
        time.sleep(0.01)
    return counts


def _problems(one: Verified, notes: list[str]) -> Iterator[str]:
    name = one.journal.name
    yield from one.journal.problems
    if one.counts is not None:
        yield from (f"journal {name}: {problem}" for problem in one.counts.problems())
        if one.counts.first:
            notes.append(f"journal {name}: its counts begin at sequence {one.counts.first}; not compared with records")
    elif name != SHADOW_JOURNAL:
        notes.append(f"journal {name}: there is no page of counts to compare with")
    for books in one.consumers:
        yield from (f"journal {name}: {problem}" for problem in books.problems)


def _export_problems(one: Verified, exported: Exports, notes: list[str]) -> Iterator[str]:
    name = one.journal.name
    shipper = next((each for each in one.consumers if each.consumer == "shipper"), None)
    if shipper is None:
        return
    one.exported = exported.of(name, shipper.cursor)
    said = f"journal {name}: {shipper.read} records were exported, and {one.exported} rows are in the files"
    if one.exported < shipper.read and shipper.thinned:
        notes.append(f"{said}: a log policy has had days of them removed")
    elif one.exported != shipper.read:
        yield said
