"""`python -m bench.faults DESCRIPTOR`: a shadow arm's process that misbehaves, in place of gateway.shadowing.child.

GNOMON_BENCH_FAULTS says how, by version: "3=hang,4=crash". A version that is not named behaves.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gateway import servables
from gateway.servables import Servable
from gateway.shadowing import child
from gnomon.domain import Version

VARIABLE = "GNOMON_BENCH_FAULTS"
LIFE_S = 1.0  # of a process that crashes
TIMES_SLOWER = 10
LEAK_BYTES = 64 << 20  # a run
BLOCK = bytes(1 << 20)

Run = Callable[[Mapping[str, np.ndarray[Any, Any]]], list[np.ndarray[Any, Any]]]


def hang(run: Run) -> Run:
    """Never answers."""

    def hanging(feeds: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        while True:
            threading.Event().wait()

    return hanging


def crash(run: Run) -> Run:
    """Dies a second after its first run, and then in the next."""
    born: list[float] = []

    def crashing(feeds: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        born.append(time.monotonic())
        if born[-1] - born[0] > LIFE_S:
            os._exit(3)
        return run(feeds)

    return crashing


def slow(run: Run) -> Run:
    """Computes so many times."""

    def slower(feeds: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        for _ in range(TIMES_SLOWER - 1):
            run(feeds)
        return run(feeds)

    return slower


def leak(run: Run) -> Run:
    """Keeps more memory with every run, until it has a gigabyte more and goes on."""
    kept: list[np.ndarray[Any, Any]] = []

    def leaking(feeds: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        kept.append(np.ones(LEAK_BYTES // 8))
        return run(feeds)

    return leaking


def spin(run: Run) -> Run:
    """Computes on all cores from its first run on, whether it is asked or not."""
    started: list[threading.Thread] = []

    def spinning(feeds: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        for _ in range((os.cpu_count() or 1) - len(started)):
            started.append(threading.Thread(target=_spin, daemon=True))
            started[-1].start()
        return run(feeds)

    return spinning


def _spin() -> None:
    while True:
        hashlib.sha256(BLOCK)  # without the interpreter's lock


FAULTS: dict[str, Callable[[Run], Run]] = {"hang": hang, "crash": crash, "slow": slow, "leak": leak, "spin": spin}


def faults(text: str) -> dict[int, str]:
    """By version."""
    return {int(version): name for version, _, name in (item.partition("=") for item in text.split(",") if item)}


def load(version: Version, cache: Path) -> Servable:
    """The version, with its fault. It loads and warms up as it should."""
    servable = servables.load(version, cache)
    fault = faults(os.environ.get(VARIABLE, "")).get(version.version)
    if fault is not None:
        setattr(servable, "run", FAULTS[fault](servable.run))  # noqa: B010 - a method in place of a method
    return servable


if __name__ == "__main__":
    child.main(load)
