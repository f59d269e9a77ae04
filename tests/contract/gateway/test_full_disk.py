"""A disk that is full or read-only: calls are answered, what is lost is counted and said, and it recovers by itself.

A real worker on a real file system of a few megabytes, mounted for the test; skipped where mounting is not permitted.
"""

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from gnomon.cli.embedded import Embedded
from gnomon.client import GatewayClient, RegistryClient
from gnomon.oip import GRPCInferenceServiceStub
from tests import models
from tests.calling import Caller, request
from tests.contract.gateway.conftest import serve
from tests.waiting import until

SEGMENT_BYTES = 3 << 20
FLAGS = ("--max-message-bytes", str(1 << 20), "--segment-bytes", str(SEGMENT_BYTES), "--segment-max-age-s", "0.5")


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """The folder of w00's journal on a file system with room for four segments."""
    folder = tmp_path / "data" / "gateway" / "journal" / "w00"
    folder.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", f"size={4 * SEGMENT_BYTES + (1 << 20)}", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def own(tmp_path: Path, small: Path) -> Iterator[Embedded]:
    with Embedded(tmp_path / "data", gateway_flags=FLAGS) as running:
        yield running


def metric(own: Embedded, name: str) -> float:
    with urllib.request.urlopen(f"http://{own.http}/metrics", timeout=10) as reply:
        text = reply.read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name + "{"))


def verified(folder: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "verify", "--dir", str(folder), "--json"], capture_output=True, check=False,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_on_a_full_disk_calls_are_answered_and_counted_as_lost_until_there_is_room(
    own: Embedded, small: Path, tmp_path: Path
) -> None:
    with RegistryClient(own.registry) as registry, GatewayClient(own.gateway) as gateway:
        model = serve(registry, gateway, "wide", models.scaled(2.0))
        with Caller(own.gateway, model) as caller:
            until(lambda: len(caller.answered) > 50)
            filler = small / "filler"
            fill(filler)
            until(lambda: metric(own, "gnomon_worker_journal_failing"))
            lose(own)
            answered = len(caller.answered)
            until(lambda: len(caller.answered) > answered + 50)
            filler.unlink()
            until(lambda: not metric(own, "gnomon_worker_journal_failing"))
            journaled = gateway.status().books.journaled
            until(lambda: gateway.status().books.journaled > journaled + 50)
        assert caller.errors == []
        books = gateway.status().books
        assert books.journal_lost > 0
        assert books.answered == books.journaled + books.journal_lost
    log = (tmp_path / "data" / "gateway" / "log" / "w00.log").read_text()
    assert "No space left on device; calls are answered, and not journaled" in log
    assert log.count("there is room again") == 1
    own.stop()
    report = verified(tmp_path / "data")
    assert report["ok"], report["problems"]
    total = report["total"]
    assert total["answered"] == total["journaled"] + total["journal_lost"]
    assert total["records"] == total["journaled"] == total["exported"]
    shipper = next(each for each in report["journals"][-1]["consumers"] if each["consumer"] == "shipper")
    assert shipper["missed"] == total["journal_lost"]


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """The folder of w00's journal on a disk of its own."""
    folder, image = tmp_path / "data" / "gateway" / "journal" / "w00", tmp_path / "image"
    folder.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(64 << 20)
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("no mkfs.ext4 on PATH")
    made = subprocess.run(["mkfs.ext4", "-q", str(image)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no ext4 can be made here")
    mount("-o", "loop", str(image), str(folder))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_on_a_disk_that_becomes_read_only_calls_are_answered_and_counted_as_lost(ext4: Path, tmp_path: Path) -> None:
    with Embedded(tmp_path / "data", gateway_flags=FLAGS) as own:
        with RegistryClient(own.registry) as registry, GatewayClient(own.gateway) as gateway:
            model = serve(registry, gateway, "wide", models.scaled(2.0))
            with Caller(own.gateway, model) as caller:
                until(lambda: len(caller.answered) > 50)
                mount("-o", "remount,abort", str(ext4))
                until(lambda: metric(own, "gnomon_worker_journal_failing"))
                lose(own)
                answered = len(caller.answered)
                until(lambda: len(caller.answered) > answered + 50)
            assert caller.errors == []
            books = gateway.status().books
            assert books.journal_lost > 0
            assert books.answered == books.journaled + books.journal_lost
        log = (tmp_path / "data" / "gateway" / "log" / "w00.log").read_text()
        assert "Read-only file system" in log
        assert "calls are answered, and not journaled" in log


def fill(path: Path) -> None:
    """Takes what room there is and all that is given back, to the last page."""
    with path.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                return


def lose(own: Embedded) -> None:
    """Large calls, until the open segment is full and records are lost."""

    with grpc.insecure_channel(own.gateway) as channel:
        stub: Any = GRPCInferenceServiceStub(channel)
        while not metric(own, "gnomon_worker_journal_lost_total"):
            reply = stub.ModelInfer(request("wide", rows=20_000), timeout=10)
            assert reply.parameters["prediction_id"].string_param
