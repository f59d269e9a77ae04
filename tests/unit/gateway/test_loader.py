"""Loading beside the event loop: on a thread of its own, and what failed is not tried at every turn."""

import asyncio
import gc
import os
import threading
import weakref
from pathlib import Path

import pytest

from gateway.control import Reader, spelled
from gateway.failures import FIRST_PAUSE_S, LONGEST_PAUSE_S, Failures
from gateway.loader import NICEST, Loader, LoadFailed
from gateway.pages import Page
from gateway.pauses import Pauses
from gateway.servables import Servables
from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Score, Version
from tests import models
from tests.waiting import until

DIGEST = "a" * 64


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def version(number: int = 1, digest: str = DIGEST, **more: Score) -> Version:
    return Version(model="m", version=number, artifact_sha256=digest, **more)  # type: ignore[arg-type]


def test_a_failure_is_known_until_its_pause_is_over_and_pauses_grow() -> None:
    clock = Clock()
    failures = Failures(clock)
    assert failures.known(version()) is None
    paused = []
    for _ in range(12):
        failures.note(version(), "bad")
        began = clock.now
        while failures.known(version()) is not None:
            clock.now += 0.5
        paused.append(clock.now - began)
    assert paused[:4] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S, 8 * FIRST_PAUSE_S]
    assert paused[-1] == LONGEST_PAUSE_S


def test_other_versions_of_the_same_bytes_fail_alike_and_others_do_not() -> None:
    failures = Failures(Clock())
    failures.note(version(1), "bad")
    assert failures.known(version(2)) == "bad"
    assert failures.known(version(1, digest="b" * 64)) is None
    assert failures.known(version(1, score=Score(column=0))) is None


async def test_what_failed_is_not_loaded_again_before_its_time(tmp_path: Path) -> None:
    clock = Clock()
    loader = Loader(tmp_path, clock)
    (tmp_path / DIGEST).write_bytes(b"no model")
    with pytest.raises(LoadFailed, match="not a model"):
        await loader.load(version())
    (tmp_path / DIGEST).write_bytes(models.scaled(2.0))  # it would load now
    with pytest.raises(LoadFailed, match="not a model"):
        await loader.load(version())
    clock.now += FIRST_PAUSE_S
    assert (await loader.load(version())).version == version()
    loader.stop()


async def test_a_file_that_is_not_here_yet_is_looked_for_every_time(tmp_path: Path) -> None:
    loader = Loader(tmp_path, Clock())
    with pytest.raises(LoadFailed, match="is not here"):
        await loader.load(version())
    (tmp_path / DIGEST).write_bytes(models.scaled(2.0))
    assert (await loader.load(version())).version == version()
    loader.stop()


async def test_the_thread_that_loads_stands_behind_the_event_loop(tmp_path: Path) -> None:
    (tmp_path / DIGEST).write_bytes(models.scaled(2.0))
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    loader = Loader(tmp_path, Clock())
    await loader.load(version())
    (thread,) = (found for found in threading.enumerate() if found.name.startswith("model-load"))
    assert thread.native_id is not None
    assert os.getpriority(os.PRIO_PROCESS, thread.native_id) == NICEST > before
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
    loader.stop()


async def test_what_is_lent_out_is_given_up_when_it_comes_back(tmp_path: Path) -> None:
    (tmp_path / DIGEST).write_bytes(models.scaled(2.0))
    loader = Loader(tmp_path, Clock())
    servable, held = await loader.load(version()), Servables()
    held.add(servable)
    held.lend(servable)
    assert held.retire() == []
    held.keep(())
    assert held.retire() == []
    held.give_back(servable)
    assert held.retire() == [servable]
    loader.stop()


async def test_what_is_unloaded_is_freed_on_the_thread(tmp_path: Path) -> None:
    (tmp_path / DIGEST).write_bytes(models.scaled(2.0))
    loader = Loader(tmp_path, Clock())
    gone, freed_by = [await loader.load(version())], list[str]()
    await asyncio.sleep(0.01)  # for the loop to let go of what it has handed over
    weakref.finalize(gone[0], lambda: freed_by.append(threading.current_thread().name))
    loader.unload(gone)
    until(lambda: freed_by)
    assert freed_by[0].startswith("model-load")
    loader.stop()


async def test_what_a_former_state_left_behind_is_claimed_by_the_next(tmp_path: Path) -> None:
    """It was lent out at the switch away from it; a switch back finds it, and must find it still there at the end."""
    (tmp_path / DIGEST).write_bytes(models.scaled(2.0))
    loader = Loader(tmp_path, Clock())
    servable, held = await loader.load(version()), Servables()
    held.add(servable)
    held.lend(servable)
    held.keep(())  # a state without it, while a call runs
    assert held.retire() == []
    assert held.claim(("m", 1))  # the next state, being prepared
    held.give_back(servable)
    assert held.retire() == []
    assert held.get("m", 1) is servable
    assert not held.claim(("m", 2))
    loader.stop()


def model(name: str, number: int) -> ModelState:
    route = Route(model=name, revision=number, arms=(Arm(version=number, role=Role.STABLE),))
    return ModelState(route=route, versions=(Version(model=name, version=number, artifact_sha256=DIGEST),))


def test_a_model_that_did_not_change_is_not_read_again() -> None:
    reader = Reader()
    first = reader.read(spelled(DesiredState(revision=1, models=(model("a", 1), model("b", 1)))))
    second = reader.read(spelled(DesiredState(revision=2, models=(model("a", 1), model("b", 2)))))
    assert second == DesiredState(revision=2, models=(model("a", 1), model("b", 2)))
    assert second.models[0] is first.models[0]
    assert reader.read(spelled(DesiredState(revision=3))) == DesiredState(revision=3)


def test_collections_are_counted_with_the_longest(tmp_path: Path) -> None:
    times = iter([0, 700, 1_000, 1_200])
    page = Page.open(tmp_path / "page")
    pauses, thresholds = Pauses(page, lambda: next(times)), gc.get_threshold()
    try:
        pauses.watch()
        gc.collect()
        gc.collect()
    finally:
        pauses.stop()
        gc.set_threshold(*thresholds)
        gc.unfreeze()
    found = [page.values[page.counter(f"gnomon_worker_collection{name}")] for name in ("s_total", "_ns_total")]
    assert found == [2, 900]
    assert page.values[page.counter("gnomon_worker_collection_longest_ns")] == 700
