"""What the shadow runner and an arm's own process say to each other, pickled: both are ours, of one version."""

from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from gnomon.domain import Version

Feeds = dict[str, NDArray[Any]]


class Load(NamedTuple):
    """The first thing said: which version to load, and where its files are."""

    version: Version
    cache: Path


class Loaded(NamedTuple):
    """The answer: the version as a journal describes it, and how its calls may be put together."""

    described: dict[str, Any]
    inputs: tuple[str, ...]
    takes_any_rows: bool


class Refused(NamedTuple):
    """The other answer: why it cannot be loaded."""

    reason: str


class Run(NamedTuple):
    """Some calls of one layout: their rows side by side, in their order. `calls` 1: alone, in its own shape, timed."""

    feeds: Feeds
    calls: int


class Part(NamedTuple):
    """What a run gave for some of its calls, in their order. None: they failed. `run_ns` 0: not timed."""

    calls: int
    outputs: list[NDArray[Any]] | None
    run_ns: int


class Answer(NamedTuple):
    """Of a list of runs: the parts of each, and the CPU that the runs took."""

    parts: list[list[Part]]
    taken_ns: int
