"""`python -m gateway answered`: every prediction that a version answered in some epochs, out of this host's files.

What is in the journals, sealed or written on, and what is only in the exports any more; each once, by arrival. Journals
are read first: a segment that is removed meanwhile has been exported. Reads only; the gateway may serve meanwhile.

Exit code 0: that is all of them. 1: a segment could not be read to its end, or has gone to exports that are not on this
host; standard error says which.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gateway.journal.format import ANSWERED, JournalCorrupt, id_text
from gateway.journal.segments import base_sequence_of, segments
from gateway.journal.walk import Batch, SegmentReader
from gateway.layout import Layout
from gateway.shipping.names import PREDICTIONS_DATASET, local_folder, model_folder
from gateway.verify import layout_of
from gateway.verifying.exports import export_url

log = logging.getLogger(__name__)

COLUMNS = ("prediction_id", "request_id", "arrived", "version", "epoch", "status")


class Asked(NamedTuple):
    """A version, in some epochs of its model."""

    model: str
    version: int
    epochs: frozenset[int]


class Answered(NamedTuple):
    prediction_id: str
    request_id: str
    arrived_unix_us: int
    epoch: int
    source: str  # journal, parquet


class Search:
    """One search over a gateway's folder. `damaged` are the segments that were not read to their ends."""

    def __init__(self, layout: Layout, asked: Asked) -> None:
        self.layout = layout
        self.asked = asked
        self.damaged: list[Path] = []
        self.exports = local_folder(export_url(layout), layout.parquet)  # None: they are elsewhere

    def found(self) -> list[Answered]:
        by_id = {each.prediction_id: each for each in self._journaled()}
        for each in self._exported():
            by_id.setdefault(each.prediction_id, each)
        return sorted(by_id.values(), key=lambda each: (each.arrived_unix_us, each.prediction_id))

    def missing(self) -> list[str]:
        """What keeps the list from being whole, in words."""
        words = [f"{path} is damaged" for path in self.damaged]
        for folder in self.layout.worker_journals() if self.exports is None else ():
            oldest = min((base_sequence_of(path) for path in segments(folder)), default=0)
            if oldest:
                words.append(f"{folder.name} before {oldest} is at {export_url(self.layout)}: ask there with `--sql`")
        return words

    def _journaled(self) -> Iterator[Answered]:
        for folder in self.layout.worker_journals():
            for path in segments(folder):
                try:
                    for batch in SegmentReader(path).batches():
                        yield from self._of_batch(batch)
                except FileNotFoundError:
                    continue  # removed meanwhile, so exported
                except JournalCorrupt as error:
                    log.error("%s", error)
                    self.damaged.append(path)

    def _of_batch(self, batch: Batch) -> Iterator[Answered]:
        headers, asked = batch.headers, self.asked
        wanted = (headers["status"] == ANSWERED) & (headers["version"] == asked.version)
        wanted &= np.isin(headers["epoch"], list(asked.epochs))
        for row in np.flatnonzero(wanted).tolist():
            header = headers[row]
            if batch.schemas.get(int(header["schema"]), {}).get("model") == asked.model:
                yield Answered(
                    prediction_id=id_text(bytes(header["prediction_id"])),
                    request_id=batch.text(row)[0],
                    arrived_unix_us=int(header["arrived_unix_ns"]) // 1000,
                    epoch=int(header["epoch"]),
                    source="journal",
                )

    def _exported(self) -> Iterator[Answered]:
        if self.exports is None:
            return
        import pyarrow.parquet

        folder = self.exports / model_folder(PREDICTIONS_DATASET, self.asked.model)
        for path in sorted(folder.rglob(f"w*-v{self.asked.version}*.parquet")):
            for row in pyarrow.parquet.read_table(path, columns=list(COLUMNS), partitioning=None).to_pylist():
                ours = row["version"] == self.asked.version and row["epoch"] in self.asked.epochs
                if ours and row["status"] == "answered":
                    arrived = round(row["arrived"].timestamp() * 1e6)
                    yield Answered(row["prediction_id"], row["request_id"], arrived, row["epoch"], "parquet")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="gateway answered", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--dir", type=Path, required=True, help="a gateway's folder, or one of `gnomon up`")
    parser.add_argument("--model", required=True)
    parser.add_argument("--version", type=int, required=True)
    parser.add_argument("--epochs", required=True, help="revisions of the model's routes, with commas between")
    parser.add_argument("--json", action="store_true", help="print a JSON object a line, not ids alone")
    flags = parser.parse_args(arguments)
    layout = layout_of(flags.dir)
    if not layout.journals.exists():
        print(f"gateway answered: {flags.dir} holds no journals", file=sys.stderr)
        return 1
    epochs = frozenset(int(epoch) for epoch in flags.epochs.split(",") if epoch)
    search = Search(layout, Asked(flags.model, flags.version, epochs))
    for each in search.found():
        print(json.dumps(each._asdict()) if flags.json else each.prediction_id)
    missing = search.missing()
    for words in missing:
        print(f"gateway answered: not all: {words}", file=sys.stderr)
    return 1 if missing else 0
