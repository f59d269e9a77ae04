"""How many versions metrics name: those with the most calls lately. The others are added up as `other`.

A call is counted in one place, whatever is shown: while a version is not, what its counters gain goes to `other`, and
never to its own series, which comes back later where it was left. So no counter falls when the choice changes, and
rates add up. Written by: one scrape at a time.
"""

from collections.abc import Iterable, Mapping
from typing import Final

HALF_LIFE_S: Final = 600.0  # of what counts as lately
BETTER: Final = 2.0  # times the calls of the last one that is shown, to take its place
OTHER: Final = "other"

Version = tuple[str, str]  # model and version, as labels have them


class Choice:
    """Which versions are shown, `most` at most."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.shown: set[Version] = set()
        self._models: set[str] = set()
        self._calls: dict[Version, int] = {}
        self._score: dict[Version, float] = {}  # calls, each fading with its age
        self._at_s = 0.0

    def look(self, known: Iterable[Version], calls: Mapping[Version, int], now_s: float) -> None:
        """Chooses among the versions that are there, by what `calls` has gained since the last look."""
        fade = 0.5 ** ((now_s - self._at_s) / HALF_LIFE_S)
        self._at_s = now_s
        self._score = {
            key: self._score.get(key, 0.0) * fade + max(0, calls.get(key, 0) - self._calls.get(key, 0)) for key in known
        }
        self._calls = dict(calls)
        self.shown &= self._score.keys()
        for key in sorted(self._score.keys() - self.shown, key=lambda key: (-self._score[key], key)):
            if len(self.shown) >= self.most and not self._make_room(self._score[key]):
                break
            self.shown.add(key)
        self._models = {model for model, _ in self.shown}

    def _make_room(self, score: float) -> bool:
        last = min(self.shown, key=lambda key: (self._score[key], key), default=None)
        if last is None or score <= BETTER * self._score[last]:
            return False
        self.shown.remove(last)
        return True

    def shows(self, labels: Mapping[str, str]) -> bool:
        """Whether a series is of a version that is shown; one of a model alone, of one with such a version."""
        model = labels.get("model")
        if not model or len(self._score) <= self.most:
            return True
        version = labels.get("version")
        return (model, version) in self.shown if version is not None else model in self._models

    @staticmethod
    def other(labels: Mapping[str, str]) -> dict[str, str]:
        """The labels of the sum that a series which is not shown belongs to."""
        named = {"model", "version", "live_version"}
        return {key: OTHER if key in named else text for key, text in labels.items()}


class Split:
    """What of each counter belongs to its own series, and what to `other`."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}  # by series: its value at the last scrape
        self._elsewhere: dict[str, int] = {}  # and what of it is in `other`
        self._started = False

    def own(self, series: str, value: int) -> int:
        """What the series of a version that is shown shows."""
        if value < self._seen.get(series, 0):  # it began anew
            self._elsewhere.pop(series, None)
        return value - self._elsewhere.get(series, 0)

    def gain(self, series: str, value: int) -> int:
        """What a series that is not shown has gained since the last scrape: for `other`. Before the first, nothing
        is."""
        before = self._seen.get(series, 0 if self._started else value)
        if value < before:  # it began anew
            self._elsewhere.pop(series, None)
        gained = value - before if value >= before else value
        if gained:
            self._elsewhere[series] = self._elsewhere.get(series, 0) + gained
        return gained

    def settle(self, seen: dict[str, int]) -> None:
        """All counters of this scrape, shown or not."""
        self._seen, self._started = seen, True
