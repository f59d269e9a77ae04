"""Where a prediction is: by its own id, or by the id its caller gave it; in the journal, or in the exports."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from gateway import exported
from gateway.journal.format import JournalCorrupt, id_text
from gateway.journal.index import by_request as requests_of
from gateway.journal.index import by_sequence, hash_of
from gateway.journal.segments import base_sequence_of, segments
from gateway.journal.walk import SegmentReader
from gateway.layout import Layout
from gateway.shelf import Shelf
from gateway.shipping.stores import Folder, Store
from gateway.trace import Place, covering, of_frame, place_of
from gnomon.errors import PredictionNotFound, Unavailable
from gnomon.gateway.v1 import gateway_pb2 as pb

log = logging.getLogger(__name__)

REQUEST_ID_BYTES = 1024  # of a caller's id, as workers cut it
MOST_OTHERS = 15  # predictions of one request id that are named


class Finder:
    """Looks predictions up in the journals of this host and where they are exported to. Blocking; from any thread."""

    def __init__(self, layout: Layout, store: Store | None = None) -> None:
        """`store` is where exports go; else the gateway's own folder."""
        self.layout = layout
        self.store = Folder(layout.parquet) if store is None else store
        self.shelf = Shelf(layout)

    def by_prediction(self, text: str) -> pb.PredictionTrace:
        """The record of a prediction. Raises: InvalidInput, PredictionNotFound, Unavailable."""
        place = place_of(text)
        found = self._in_journal(place)
        if found is None:
            with _reached():
                found = exported.by_place(self.store, place)
        if found is None:
            raise PredictionNotFound(f"prediction {text}: neither in journal {place.journal} nor in its exports")
        return found

    def by_request(self, request_id: str) -> pb.PredictionTrace:
        """The newest prediction of a client's own id, naming the others. Raises: PredictionNotFound, Unavailable."""
        wanted = request_id.encode()[:REQUEST_ID_BYTES]
        hashed = hash_of(wanted)
        with _reached():
            found = [trace for journal in self._live() for trace in self._of_request(journal, wanted, hashed)]
            if not found:
                found = exported.scanned(self.store, request_id)
        if not found:
            raise PredictionNotFound(f"request {request_id!r}: neither in a journal nor in its exports")
        newest, *others = sorted(found, key=lambda trace: trace.arrived_unix_ns, reverse=True)
        newest.others.extend(trace.prediction_id for trace in others[:MOST_OTHERS])
        return newest

    def _in_journal(self, place: Place) -> pb.PredictionTrace | None:
        paths = segments(self.layout.journals / place.journal)
        base = covering([base_sequence_of(path) for path in paths], place.id.sequence)
        reader = self._reader(place.journal, base)
        if reader is None:
            return None
        try:
            batch = by_sequence(reader, self.shelf.of_segment(reader, place.journal), place.id.sequence)
        except JournalCorrupt as error:
            log.warning("%s; looking in the exports", error)
            return None
        same = batch is not None and id_text(bytes(batch.headers["prediction_id"][0])) == place.text
        return of_frame(batch, 0, place) if batch is not None and same else None

    def _reader(self, journal: str, base: int | None) -> SegmentReader | None:
        try:
            return None if base is None else self.shelf.reader(journal, base)
        except JournalCorrupt as error:
            log.warning("%s; looking in the exports", error)
            return None

    def _live(self) -> list[str]:
        kept = {path.name for path in self.layout.indexes.glob("w[0-9]*")}
        return sorted(kept | {path.name for path in self.layout.worker_journals()})

    def _of_request(self, journal: str, wanted: bytes, hashed: Any) -> Iterator[pb.PredictionTrace]:
        there = {base_sequence_of(path) for path in segments(self.layout.journals / journal)}
        for base in sorted(there | set(self.shelf.bases(journal)), reverse=True):
            index = self.shelf.kept(journal, base)
            if index is not None and not index.may_hold(hashed):
                continue  # nearly always, and without a look at the segment
            reader = self._reader(journal, base) if base in there else None
            index = index if reader is None else self.shelf.of_segment(reader, journal)
            if index is None:
                continue
            if reader is None:
                yield from exported.of_segment(self.store, journal, index, wanted.decode())
                continue
            try:
                batches = requests_of(reader, index, wanted, MOST_OTHERS + 1)
            except JournalCorrupt as error:
                log.warning("%s; left out", error)
                continue
            for batch in batches:
                yield of_frame(batch, 0, place_of(id_text(bytes(batch.headers["prediction_id"][0]))))


@contextlib.contextmanager
def _reached() -> Iterator[None]:
    """A store that cannot be asked is no answer. Raises: Unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the exports cannot be looked into: {error}") from error
