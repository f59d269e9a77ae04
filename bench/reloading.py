"""Reloading: a thread that has the gateway load one version and unload the other, again and again, while calls come."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable

from bench import cores
from bench.house import BARE, House

APPLY_TIMEOUT_S = 30.0
LOOK_S = 0.005


class Reloading:
    """Each turn sets a route whose version is not loaded, waits until it is in force, and rests for `pause_s`.

    Written by: its thread; `loads` is read by anybody. A turn that fails ends it, and is raised on leaving.
    """

    def __init__(self, house: House, pause_s: float, wanted: int, loads: int = 0) -> None:
        self.loads = loads
        self._house, self._pause_s, self._wanted = house, pause_s, wanted
        self._error: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reloading")

    def _run(self) -> None:
        cores.step_aside()
        try:
            while self.loads < self._wanted and not self._stop.wait(self._pause_s):
                revision = self._house.route(BARE, 2 if self.loads % 2 == 0 else 1, wait=False)
                wait_for(lambda: applied(self._house.http) >= revision, f"revision {revision}")  # noqa: B023
                self.loads += 1
        except Exception as error:
            self._error = error

    def __enter__(self) -> "Reloading":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error


def applied(http: str) -> int:
    """The revision the gateway has come to, asked of its supervisor: no worker is disturbed."""
    with urllib.request.urlopen(f"http://{http}/healthz", timeout=5) as answer:
        return int(json.load(answer)["revision"])


def metric(http: str, name: str, **labels: object) -> float:
    """The largest value of a metric with these labels, over all others; 0 where there is none."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    with urllib.request.urlopen(f"http://{http}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith(name + "{") and all(label in line for label in wanted)]
    return max((float(line.rsplit(" ", 1)[1]) for line in found), default=0.0)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Raises: TimeoutError."""
    deadline = time.monotonic() + APPLY_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come about in {APPLY_TIMEOUT_S:.0f} s")
        time.sleep(LOOK_S)
