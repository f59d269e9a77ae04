"""The scenarios. Each takes a Session and measures; what is compared stands side by side in time."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping

from bench import cores, models
from bench.house import BARE, House
from bench.session import Session
from bench.shed import shed_us
from bench.target import Target

TREES = "trees"
SWITCH_S = 0.05
OVERLOAD = 3.0
SMALL = 4  # calls in flight on each of 4 connections, where a call has many rows


def headline(session: Session) -> None:
    """One row a call on a few connections, everything on: 16 and 64 in flight."""
    for in_flight in (4, 16):
        for server in in_turns(session):
            label = f"{4 * in_flight} in flight"
            session.measure("headline", label, server, model=TREES, connections=4, in_flight=in_flight)


def one(session: Session) -> None:
    """One call in flight: what a single caller waits."""
    for server in in_turns(session):
        session.measure("one", "1 in flight", server, model=TREES, connections=1, in_flight=1)


def clients(session: Session) -> None:
    """Many small clients: one call in flight on each of 16 and 64 connections."""
    for connections in (16, 64):
        for server in in_turns(session):
            label = f"{connections} x 1"
            session.measure("clients", label, server, model=TREES, connections=connections, in_flight=1)


def in_turns(session: Session) -> list[Target]:
    """Gnomon and the yardstick once a round, every other server once."""
    ours, yardstick = session.house.target, session.yardsticks[0]
    return [ours, yardstick] * session.scale.rounds + [*session.yardsticks[1:], *session.peers]


def rows(session: Session) -> None:
    """Rows in a call by models; and bare onnxruntime on the same core, right after the largest."""
    for kind in session.scale.kinds:
        for count in session.scale.rows:
            in_flight = 16 if count <= 8 else SMALL
            settings = {"rows": count, "connections": 4, "in_flight": in_flight, "seconds": session.scale.matrix_s}
            session.measure("rows", f"{count} rows", session.house.target, model=kind, **settings)
        _bare_runtime(session, kind, session.scale.rows[-1])
    for peer in session.peers:
        session.measure("rows", "256 rows", peer, model=TREES, rows=256, connections=4, in_flight=SMALL)


def _bare_runtime(session: Session, kind: str, count: int) -> None:
    recipe, cache = models.Recipe(kind=kind), session.results_folder / "models"
    path = cache / f"{kind}-{recipe.digest}.onnx"
    core = min(cores.split()[0])
    command = [
        sys.executable,
        "-m",
        "bench.peers.ort_loop",
        str(path),
        str(count),
        str(session.scale.matrix_s),
        str(core),
    ]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)
    session.keep("rows", f"{count} rows", "onnxruntime", kind, found, rows=count)


def capacity(session: Session, scenario: str, model: str = TREES, **settings: int) -> float:
    """Calls a second the gateway answers now, 64 in flight unless told otherwise."""
    found = session.measure(scenario, "capacity", session.house.target, model=model, **settings)
    return max(float(found["calls_per_s"]), 1.0)


def bursts(session: Session) -> None:
    """Half the capacity, evenly, at random, and 64 calls at a time."""
    rate = capacity(session, "bursts") / 2
    for arrivals in ("constant", "poisson", "bursts"):
        session.measure("bursts", arrivals, session.house.target, model=TREES, rate=rate, arrivals=arrivals)


def overload(session: Session) -> None:
    """Three times the capacity: what is answered, and how long that takes; what is shed, and how fast.

    Of calls with 64 rows: three times as many with one row is more than the generator can send.
    """
    rate = OVERLOAD * capacity(session, "overload", rows=64, connections=4, in_flight=16)
    settings = {"rows": 64, "connections": 32, "rate": rate, "most_waiting": 20_000}
    began_unix_ns = time.time_ns()
    row = session.measure("overload", "3 x capacity", session.house.target, model=TREES, **settings)
    row["shed_us"] = shed_us(session.house.journal, began_unix_ns)


def reload(session: Session) -> None:
    """Routes set every 50 ms under load, with both versions warm, and with one loaded and one unloaded each time."""
    rate = capacity(session, "reload", BARE) / 2
    steady = {"model": BARE, "rate": rate, "seconds": session.scale.seconds}
    session.measure("reload", "steady", session.house.target, **steady)
    for label, warm in (("switch warm", True), ("load and unload", False)):
        with Switching(session.house, warm) as switching:
            row = session.measure("reload", label, session.house.target, **steady)
        row["routes_set"] = switching.routes_set
    session.house.route(BARE, 1)


class Switching:
    """A thread that sets the route of `trees-bare` from version 1 to 2 and back until it is left."""

    def __init__(self, house: House, warm: bool) -> None:
        self.routes_set = 0  # written by the thread
        self._house, self._warm = house, warm
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="switching")

    def _run(self) -> None:
        cores.step_aside()
        while not self._stop.wait(SWITCH_S):
            stable, other = (2, 1) if self.routes_set % 2 == 0 else (1, 2)
            self._house.route(BARE, stable, warm=(other,) if self._warm else (), wait=False)
            self.routes_set += 1

    def __enter__(self) -> "Switching":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def guests(session: Session) -> None:
    """All off, shadow and drift on, a canary too: at capacity and at half load, in turns."""
    half = capacity(session, "guests", BARE) / 2
    for _ in range(session.scale.rounds):
        for label, model, canary in (("off", BARE, 0), ("on", TREES, 0), ("canary", TREES, 3)):
            _arm(session.house, model, canary)
            session.measure("guests", label, session.house.target, model=model)
            session.measure("guests", f"{label}, half load", session.house.target, model=model, rate=half)
    session.house.route(TREES, 1, shadow=2)


def _arm(house: House, model: str, canary: int) -> None:
    if model != BARE:
        house.route(model, 1, canary=canary, shadow=2)


def workers(session: Session) -> None:
    """One worker and two, on a core each; with two cores the generator and the consumers share the second worker's.

    Calls of many rows of a slow model, so that the generator is light: a twentieth of what a worker does.
    """
    heavy = {"model": "forest", "rows": 256, "connections": 8, "in_flight": SMALL, "warm_up_s": 1.0}
    with House(session.work / "workers", session.results_folder / "models", ("forest",), bare=False) as house:
        for _ in range(session.scale.rounds):
            for count in (1, 2):
                house.restart(count)
                house.calm()
                session.measure("workers", f"{count} at work", house.target, **heavy)


def start(session: Session) -> None:
    """From the gateway's process to ready with a warm cache; a worker's memory then, and without a model."""
    session.house.restart(1)
    full, versions = session.house.memory_kb()[0], session.house.versions
    found = {"start_s": session.house.start_s(), "versions": versions} | _in_mb(full)
    session.keep("start", "warm cache", session.house.target.name, "all", found)
    with House(session.work / "empty", session.results_folder / "models", (), bare=False) as empty:
        without = empty.memory_kb()[0]
        session.keep("start", "no model", empty.target.name, "none", {"start_s": empty.start_s()} | _in_mb(without))
    each = {name: (full[name] - without[name]) / versions for name in full}
    session.keep("start", "a version", session.house.target.name, "all", _in_mb(each))


def _in_mb(memory_kb: Mapping[str, float]) -> dict[str, float]:
    return {"rss_mb": memory_kb["VmRSS"] / 1e3, "anonymous_mb": memory_kb["RssAnon"] / 1e3}


Scenario = Callable[[Session], None]
ALL: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (headline, one, clients, rows, bursts, overload, reload, guests, workers, start)
}
IN_QUICK = ("headline", "one", "clients", "rows", "overload", "reload", "guests", "start")
