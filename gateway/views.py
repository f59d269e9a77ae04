"""Pages as a scrape sees them: each series with its text ready, and values that are read anew every time.

Names are only ever added to a page, so what is made of them is kept until there are more. Stateless but for that: a
page that is being replaced is missing from one scrape.
"""

import logging
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple

from gateway.metrics import METRICS
from gateway.pages import GONE, PageCorrupt, read_whole, spelled
from gnomon.exposition import HISTOGRAM, sample

log = logging.getLogger(__name__)

BUCKET, SUM, COUNT = "_bucket", "_sum", "_count"
PARTS: Final = (BUCKET, SUM, COUNT)


class Series(NamedTuple):
    """A counter of one process. Sorted, those of a family and of a histogram are together, `le` ascending."""

    family: str
    group: tuple[tuple[str, str], ...]  # its labels, but for `le`
    part: str  # of a histogram; otherwise empty
    le: float
    labels: dict[str, str]
    text: str  # what stands before its value

    @classmethod
    def of(cls, name: str, labels: dict[str, str]) -> "Series":
        family, part = metric_of(name)
        group = tuple((key, text) for key, text in labels.items() if key != "le" or part != BUCKET)
        le = float(labels["le"]) if part == BUCKET else 0.0
        return cls(family, group, part, le, labels, sample(name, labels))


def metric_of(counter: str) -> tuple[str, str]:
    """(metric, part) of a counter's name; the part is empty but for histograms."""
    for part in PARTS:
        name = counter.removesuffix(part)
        if name != counter and name in METRICS and METRICS[name].kind == HISTOGRAM:
            return name, part
    return counter, ""


def sort_key(series: Series) -> tuple[object, ...]:
    return series[:4]


class View:
    """One page. Written by: one scrape at a time."""

    def __init__(self, process: str) -> None:
        self.process = process
        self._names = b""
        self._series: list[Series] = []
        self._order: list[int] = []

    def read(self, path: Path) -> list[tuple[Series, int]]:
        """Every series that is there, sorted, and its value. Raises: FileNotFoundError, PageCorrupt."""
        names, values = read_whole(path)
        if names != self._names:
            made = [Series.of(name, {"process": self.process, **labels}) for name, labels in spelled(names)]
            self._order = sorted(range(len(made)), key=lambda index: sort_key(made[index]))
            self._series, self._names = [made[index] for index in self._order], names
        if len(self._order) == 1:
            found = [(self._series[0], values[self._order[0]])]
        else:
            found = list(zip(self._series, itemgetter(*self._order)(values), strict=True))
        return [item for item in found if item[1] != GONE] if GONE in values else found


class Views:
    """All pages of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._views: dict[str, View] = {}

    def read(self) -> Iterator[tuple[Series, int]]:
        """Page after page."""
        paths = {path.stem: path for path in sorted(self._folder.glob("*.page"))}
        self._views = {process: self._views.get(process) or View(process) for process in paths}
        for process, path in paths.items():
            try:
                yield from self._views[process].read(path)
            except (FileNotFoundError, PageCorrupt) as error:
                log.warning("page left out: %s", error)
