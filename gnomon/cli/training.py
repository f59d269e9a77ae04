"""The demo's versions, trained by `python -m trainer` in processes of its own, one after the other."""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TIMEOUT_S = 120.0


class TrainingFailed(RuntimeError):
    """The trainer ended badly; the message is its last line."""


def run_trainer(*arguments: str) -> str:
    """The last line of standard output. Raises: TrainingFailed."""
    done = subprocess.run(
        [sys.executable, "-m", "trainer", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise TrainingFailed(f"trainer {' '.join(arguments)}: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    return (done.stdout.strip().splitlines() or [""])[-1]


def write_flights(path: Path) -> None:
    run_trainer("flights", "--out", str(path))


class Trainings:
    """Specs trained in their order in the background, so that their version numbers are that order's."""

    def __init__(self, registry: str, specs: Sequence[str]) -> None:
        self._registry = registry
        self._specs = specs
        self._done = {spec: threading.Event() for spec in specs}
        self._results: dict[str, dict[str, Any]] = {}
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="trainings", daemon=True)
        self._thread.start()

    def result(self, spec: str) -> dict[str, Any]:
        """What the trainer said of a spec, once it is there. Raises: TrainingFailed."""
        self._done[spec].wait(len(self._specs) * TIMEOUT_S)
        if spec not in self._results:
            raise TrainingFailed(str(self._failure or f"{spec} was not trained in time"))
        return self._results[spec]

    def _run(self) -> None:
        for spec in self._specs:
            if self._failure is None:
                try:
                    self._results[spec] = json.loads(run_trainer("train", "--spec", spec, "--registry", self._registry))
                except (TrainingFailed, subprocess.TimeoutExpired, ValueError) as error:
                    self._failure = error
            self._done[spec].set()
