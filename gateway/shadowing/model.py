"""A shadow's version in a process of its own: started when it is needed, and again, each time later, after it died."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gateway.shadowing.budget import Budget
from gateway.shadowing.messages import Answer, Load, Loaded, Refused, Run
from gateway.shadowing.process import Died, Process, started
from gnomon.domain import Version

log = logging.getLogger(__name__)

SNAPSHOT_WAIT_S = 2.0  # how long a version waits for the snapshot that names it: it is written after the first calls
RETRY_S = 5.0  # after which a version that could not be loaded is tried again
FIRST_REST_S, LONGEST_REST_S, STEADY_S = 0.5, 10.0, 30.0

Find = Callable[[str, int], Version | None]


class Later(Exception):
    """The version cannot be asked now, and can be soon."""


class Limits(NamedTuple):
    """Of one process."""

    module: str  # what it runs
    cache: Path
    memory_bytes: int
    timeout_s: float  # computing, or asleep, over one answer


class Model:
    """Written by: its arm's thread."""

    def __init__(self, model: str, version: int, find: Find, limits: Limits, budget: Budget) -> None:
        self.name, self.number = model, version
        self.restarts = 0
        self._find, self._limits, self._budget = find, limits, budget
        self._process: Process | None = None
        self._loaded: Loaded | None = None
        self._asked_s: float | None = None  # when the version was first looked for
        self._rest_s, self._rests_until_s, self._refused_until_s, self._began_s = FIRST_REST_S, 0.0, 0.0, 0.0

    def loaded(self) -> Loaded | None:
        """What was loaded; None where it cannot be: its calls fail. Raises: Later."""
        now_s = time.monotonic()
        if self._loaded is not None:
            return self._loaded
        if now_s < self._rests_until_s:
            raise Later
        if now_s < self._refused_until_s:
            return None
        version = self._find(self.name, self.number)
        if version is None:
            self._asked_s = now_s if self._asked_s is None else self._asked_s
            if now_s < self._asked_s + SNAPSHOT_WAIT_S:
                raise Later
            self._refuse("not in the snapshot")
            return None
        return self._load(version)

    def ask(self, runs: list[Run]) -> Answer:
        """Raises: Died; it then rests."""
        assert self._process is not None
        try:
            answer: Answer = self._process.ask(runs, self._limits.timeout_s)
        except Died as error:
            self._fell(str(error))
            raise
        return answer

    def watch(self) -> None:
        """Between two questions: it may be busy all the same."""
        if self._process is not None:
            try:
                self._process.watch()
            except Died as error:
                self._fell(str(error))

    def end(self) -> None:
        if self._process is not None:
            self._process.end()
        self._process, self._loaded = None, None

    def kill(self) -> None:
        """By another thread than the arm's: who waits for an answer learns that there will be none."""
        process = self._process
        if process is not None:
            process.kill()

    def _load(self, version: Version) -> Loaded | None:
        limits = self._limits
        try:
            self._process, answer = started(
                limits.module, self._budget, limits.memory_bytes, Load(version, limits.cache)
            )
        except (Died, OSError) as error:
            self._refuse(str(error))
            return None
        if isinstance(answer, Refused):
            self.end()
            self._refuse(answer.reason)
            return None
        self._loaded, self._began_s = answer, time.monotonic()
        return self._loaded

    def _refuse(self, why: str) -> None:
        log.warning("shadow %s version %d: %s", self.name, self.number, why)
        self._refused_until_s = time.monotonic() + RETRY_S

    def _fell(self, why: str) -> None:
        self.end()
        self.restarts += 1
        now_s = time.monotonic()
        if now_s - self._began_s > STEADY_S:
            self._rest_s = FIRST_REST_S
        log.warning("shadow %s version %d: %s; started again in %.1f s", self.name, self.number, why, self._rest_s)
        self._rests_until_s = now_s + self._rest_s
        self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)
