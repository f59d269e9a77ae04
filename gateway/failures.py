"""Versions that could not be loaded: not tried again at every change of the registry, but after a growing pause."""

from collections.abc import Callable
from dataclasses import dataclass

from gnomon.domain import Score, Version

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0

Key = tuple[str, str, Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why, and until when nobody tries."""

    reason: str
    pause_s: float
    until: float


def _key(version: Version) -> Key:
    """What a load depends on: two versions of the same bytes fail alike."""
    return version.artifact_sha256, version.warmup_sha256, version.score


class Failures:
    """Written by: the worker's event loop. `clock` in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: dict[Key, Failure] = {}

    def known(self, version: Version) -> str | None:
        """Why it failed, while it is not to be tried again; None: try."""
        failure = self._failed.get(_key(version))
        return failure.reason if failure is not None and self._clock() < failure.until else None

    def note(self, version: Version, reason: str) -> None:
        before = self._failed.get(_key(version))
        pause_s = FIRST_PAUSE_S if before is None else min(2 * before.pause_s, LONGEST_PAUSE_S)
        self._failed[_key(version)] = Failure(reason=reason, pause_s=pause_s, until=self._clock() + pause_s)

    def forget(self, version: Version) -> None:
        self._failed.pop(_key(version), None)
