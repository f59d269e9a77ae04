"""What a scrape is answered with: the pages of all processes, what the supervisor knows, and the observer's drift.

Nothing is counted here, and nothing is kept for a call: values are read when they are asked for. Of versions, the most
called ones are named, the others added up (gateway.bound).
"""

import importlib.metadata
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from gateway.bound import Choice, Split
from gateway.metrics import METRICS
from gateway.observe.edges import FIXED_LE, LATENCY
from gateway.views import BUCKET, COUNT, SUM, Series, Views, sort_key
from gnomon.exposition import COUNTER, HISTOGRAM, UNKNOWN, Described, Family, families, number, render, sample

UNDESCRIBED: Final = Described(UNKNOWN, "Not described.")
CALLS: Final = "gnomon_calls_total"
NS_PER_S: Final = 1e-9
Sample = tuple[str, Mapping[str, str], float]
Found = list[tuple[Series, int]]


class Scrape:
    """Answers scrapes, one after the other. `live` is what the supervisor knows; `sheet` a file of ready lines."""

    def __init__(
        self,
        pages: Path,
        *,
        versions: int,
        live: Callable[[], Iterable[Sample]] = lambda: (),
        sheet: Callable[[], bytes] = lambda: b"",
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._views, self._choice, self._split = Views(pages), Choice(versions), Split()
        self._live, self._sheet, self._clock_s = live, sheet, clock_s
        self._other: dict[str, int] = {}  # what the sums of `other` have gained, by series
        self._sums: dict[str, Series] = {}  # those series
        self._into: dict[str, Series] = {}  # which of them a series is added to
        self._version = importlib.metadata.version("gnomon")
        self._lock = threading.Lock()

    def __call__(self, openmetrics: bool = False) -> bytes:
        with self._lock:
            found = list(self._views.read())
            hidden = self._look(found)
            shown = self._folded(found) if hidden or self._other else found
            self._split.settle({series.text: value for series, value in found})
        own: list[Sample] = [
            ("gnomon_build_info", {"version": self._version}, 1),
            ("gnomon_metrics_series_dropped", {"process": "supervisor"}, hidden),
            *self._live(),
        ]
        return render(_merged(_grouped(shown), families(METRICS, own)), self._sheet(), openmetrics=openmetrics)

    def _look(self, found: Found) -> int:
        """Chooses what is shown. How many series are not."""
        named = [series.labels for series, _ in found if "model" in series.labels]
        known = {(labels["model"], labels["version"]) for labels in named if labels["model"] and "version" in labels}
        calls: Counter[tuple[str, str]] = Counter()
        for series, value in found:
            if series.family == CALLS:
                calls[series.labels["model"], series.labels["version"]] += value
        self._choice.look(known, calls, self._clock_s())
        return sum(not self._choice.shows(labels) for labels in named)

    def _folded(self, found: Found) -> Found:
        """With `other` in place of what is not shown; gauges of that are left out."""
        shown: Found = []
        for series, value in found:
            if "model" not in series.labels:
                shown.append((series, value))
            elif self._choice.shows(series.labels):
                shown.append((series, self._split.own(series.text, value)))
            elif METRICS.get(series.family, UNDESCRIBED).kind in (COUNTER, HISTOGRAM):
                self._add(series, self._split.gain(series.text, value))
        sums = sorted(self._sums.values(), key=sort_key)
        return shown + [(series, self._other[series.text]) for series in sums]

    def _add(self, series: Series, gained: int) -> None:
        if series.family == LATENCY and series.labels.get("le", "+Inf") not in FIXED_LE:
            return  # the edge of one model's budget
        into = self._into.get(series.text)
        if into is None:
            into = self._into[series.text] = Series.of(series.family + series.part, self._choice.other(series.labels))
            self._sums.setdefault(into.text, into)
        self._other[into.text] = self._other.get(into.text, 0) + gained


def _merged(found: list[Family], more: list[Family]) -> list[Family]:
    """Every metric once; both may have some of one's samples."""
    named = {family.name: family for family in found}
    for family in more:
        if family.name in named:
            named[family.name].lines += family.lines
        else:
            named[family.name] = family
    return list(named.values())


def _grouped(found: Found) -> list[Family]:
    """The families, each with its lines; `found` has the series of a group one after the other."""
    groups: dict[str, Found] = {}
    for item in found:
        groups.setdefault(item[0].family, []).append(item)
    return [Family(name, *_described(name, groups[name])) for name in sorted(groups)]


def _described(name: str, found: Found) -> tuple[Described, list[str]]:
    described = METRICS.get(name, UNDESCRIBED)
    if described.kind == HISTOGRAM:
        return described, _histogram(found, NS_PER_S if name.endswith("_seconds") else 1)
    if name.endswith(("_seconds", "_seconds_total")):
        return described, [f"{series.text} {number(value * NS_PER_S)}" for series, value in found]
    return described, [f"{series.text} {value}" for series, value in found]


def _histogram(found: Found, scale: float) -> list[str]:
    """A page is read while it is written: a bucket never shows less than the one before it."""
    lines: list[str] = []
    group, so_far = None, 0
    for series, value in found:
        if series.group != group:
            group, so_far = series.group, 0
        if series.part == BUCKET:
            so_far = max(so_far, value)
            lines.append(f"{series.text} {so_far}")
        elif series.part == SUM:
            lines.append(f"{series.text} {number(value * scale)}")
            lines.append(f"{sample(series.family + COUNT, dict(series.group))} {so_far}")
    return lines
