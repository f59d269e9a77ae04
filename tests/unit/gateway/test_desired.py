"""What is served when some of what is wanted cannot be."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.desired import Desired, effective, read_snapshot, write_snapshot
from gateway.layout import Layout
from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Version
from gnomon.errors import ArtifactCorrupt, Unavailable
from gnomon.evidence import LoadFailure
from gnomon.wire import decode, message_of

BLOB = b"an artifact"
DIGEST = hashlib.sha256(BLOB).hexdigest()


def model(name: str, version: int, revision: int, digest: str = DIGEST) -> ModelState:
    return ModelState(
        route=Route(model=name, revision=revision, arms=(Arm(version=version, role=Role.STABLE),)),
        versions=(Version(model=name, version=version, artifact_sha256=digest),),
    )


def failure(name: str, version: int) -> LoadFailure:
    return LoadFailure(model=name, version=version, reason="test")


class FakeRegistry:
    """Downloads what it is given; says no to the rest."""

    def __init__(self, blobs: dict[str, bytes]) -> None:
        self.blobs = blobs
        self.downloads: list[str] = []
        self.states: list[DesiredState] = []

    async def download(self, sha256: str, path: Path) -> None:
        self.downloads.append(sha256)
        if sha256 not in self.blobs:
            raise ArtifactCorrupt(f"artifact {sha256} is damaged")
        path.write_bytes(self.blobs[sha256])

    async def watch(self, gateway_id: str) -> AsyncIterator[DesiredState]:
        for state in self.states:
            yield state
        raise Unavailable("gone")


class Workers:
    """Remembers what it was told; fails to load what it is told to."""

    def __init__(self) -> None:
        self.committed: list[DesiredState] = []
        self.broken: set[tuple[str, int]] = set()

    async def prepare(self, state: DesiredState) -> list[LoadFailure]:
        wanted = [(version.model, version.version) for item in state.models for version in item.versions]
        return [failure(*key) for key in wanted if key in self.broken]

    async def commit(self, state: DesiredState) -> None:
        self.committed.append(state)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    made.make()
    return made


def desired(layout: Layout, workers: Workers, registry: FakeRegistry | None = None) -> Desired:
    client: object = registry or FakeRegistry({DIGEST: BLOB})
    return Desired(layout, client, "id", workers.prepare, workers.commit)  # type: ignore[arg-type]


def test_a_model_that_cannot_be_loaded_keeps_its_route_and_others_go_on() -> None:
    served = DesiredState(revision=1, models=(model("a", 1, 1), model("b", 1, 1)))
    wanted = DesiredState(revision=2, models=(model("a", 2, 2), model("b", 2, 2)))
    assert effective(wanted, served, [failure("a", 2)]) == DesiredState(
        revision=2, models=(model("a", 1, 1), model("b", 2, 2))
    )


def test_a_new_model_that_cannot_be_loaded_is_left_out() -> None:
    wanted = DesiredState(revision=2, models=(model("a", 1, 2),))
    assert effective(wanted, DesiredState(), [failure("a", 1)]).models == ()


def test_what_is_left_out_of_the_wanted_state_goes() -> None:
    served = DesiredState(revision=1, models=(model("a", 1, 1), model("b", 1, 1)))
    assert effective(DesiredState(revision=2, models=(model("b", 1, 1),)), served, []).models == (model("b", 1, 1),)


async def test_a_state_that_cannot_be_is_refused_and_the_one_before_served_on(layout: Layout) -> None:
    """The registry's own checks are not believed: this one sends what it never should."""
    good = DesiredState(revision=1, models=(model("a", 1, 1),))
    bad = message_of(DesiredState(revision=2, models=(model("a", 2, 2),)))
    bad.models[0].route.arms[0].weight_bp = 9_999
    workers, registry = Workers(), FakeRegistry({DIGEST: BLOB})
    one = desired(layout, workers, registry)

    async def watch(gateway_id: str) -> AsyncIterator[DesiredState]:
        yield good
        while one.served != good:
            await asyncio.sleep(0)
        yield decode(bad, DesiredState)

    registry.watch = watch  # type: ignore[method-assign]
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(10):
        while not one.refused:
            await asyncio.sleep(0.001)
    assert one.refused == "route of a: stable and canary weights sum to 9999, not 10000"
    assert (one.served, workers.committed[-1]) == (good, good)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_version_is_pulled_verified_prepared_and_then_committed(layout: Layout) -> None:
    workers = Workers()
    one = desired(layout, workers)
    state = DesiredState(revision=3, models=(model("a", 1, 3),))
    assert await one.apply(state)
    assert workers.committed == [state]
    assert layout.blob(DIGEST).read_bytes() == BLOB
    assert read_snapshot(layout.snapshot) == state
    assert one.processed_revision == 3


async def test_a_worker_that_cannot_load_keeps_the_route_and_says_why(layout: Layout) -> None:
    workers = Workers()
    one = desired(layout, workers)
    first = DesiredState(revision=1, models=(model("a", 1, 1),))
    await one.apply(first)
    workers.broken.add(("a", 2))
    await one.apply(DesiredState(revision=2, models=(model("a", 2, 2),)))
    assert workers.committed[-1].models == first.models
    assert one.failures == [failure("a", 2)]
    assert one.processed_revision == 2


async def test_an_artifact_that_cannot_be_pulled_is_tried_again(layout: Layout) -> None:
    workers = Workers()
    registry = FakeRegistry({})
    one = desired(layout, workers, registry)
    wanted = DesiredState(revision=1, models=(model("a", 1, 1),))
    assert not await one.apply(wanted)
    assert workers.committed[-1].models == ()
    assert "damaged" in one.failures[0].reason
    registry.blobs[DIGEST] = BLOB
    assert await one.apply(wanted)
    assert one.failures == []


async def test_a_cached_file_is_believed_by_its_digest_only(layout: Layout) -> None:
    layout.blob(DIGEST).write_bytes(b"something else")
    registry = FakeRegistry({DIGEST: BLOB})
    one = desired(layout, Workers(), registry)
    state = DesiredState(revision=1, models=(model("a", 1, 1),))
    await one.apply(state)
    assert layout.blob(DIGEST).read_bytes() == BLOB
    await one.apply(state)
    assert registry.downloads == [DIGEST]


async def test_a_gateway_boots_from_disk_without_the_registry(layout: Layout) -> None:
    layout.blob(DIGEST).write_bytes(BLOB)
    state = DesiredState(revision=5, models=(model("a", 1, 5),))
    write_snapshot(layout.snapshot, state)
    workers = Workers()
    one = desired(layout, workers, FakeRegistry({}))
    await one.boot()
    assert workers.committed == [state]
    assert one.served == state
