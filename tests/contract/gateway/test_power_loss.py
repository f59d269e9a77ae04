"""`durability = "sync"`: the record of every reply is on the disk, before the reply leaves.

The journal lies on an ext4 of its own, in an image. What the kernel has not yet written is not in the image, so a copy
of the image is what a power loss would leave. Skipped where mounting is not permitted.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.journal.format import JournalCorrupt, id_text
from gateway.journal.walk import JournalReader
from gnomon.cli.embedded import Embedded
from gnomon.client import GatewayClient, RegistryClient
from tests import models
from tests.calling import Caller
from tests.contract.gateway.conftest import serve
from tests.contract.gateway.test_full_disk import FLAGS, mount
from tests.waiting import until


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Path]:
    """Of the file system under the folder of w00's journal; it writes back late."""
    folder, image = tmp_path / "data" / "gateway" / "journal" / "w00", tmp_path / "image"
    folder.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(64 << 20)
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("no mkfs.ext4 on PATH")
    if subprocess.run(["mkfs.ext4", "-q", str(image)], capture_output=True, check=False).returncode:
        pytest.skip("no ext4 can be made here")
    mount("-o", "loop,commit=300", str(image), str(folder))
    yield image
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize(("durability", "transport"), [("sync", "ngh2"), ("sync", "grpcio"), ("kernel", "ngh2")])
def test_what_was_answered_is_on_the_disk_where_that_was_asked_for(
    image: Path, tmp_path: Path, durability: str, transport: str
) -> None:
    flags = (*FLAGS[:-1], "3600", "--durability", durability, "--transport", transport)
    with (
        Embedded(tmp_path / "data", gateway_flags=flags) as own,
        RegistryClient(own.registry) as registry,
        GatewayClient(own.gateway) as gateway,
    ):
        model = serve(registry, gateway, "wide", models.scaled(2.0))
        with Caller(own.gateway, model) as caller:
            until(lambda: len(caller.answered) > 100)
            answered = list(caller.answered)
            shutil.copyfile(image, tmp_path / "copy")  # the lights go out
        assert caller.errors == []
    found = ids_on(tmp_path / "copy", tmp_path / "after")
    if durability == "sync":
        assert set(answered) <= found
    else:  # the kernel writes back by and by: the newest is not there yet, which shows that a copy tells the difference
        assert answered[-1] not in found


def ids_on(image: Path, folder: Path) -> set[str]:
    """Prediction ids in the journal of an image."""
    folder.mkdir()
    mount("-o", "loop", str(image), str(folder))
    found: set[str] = set()
    try:
        reader = JournalReader(folder)
        while (batch := read(reader)) is not None:
            found |= {id_text(bytes(identity)) for identity in batch.headers["prediction_id"]}
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    return found


def read(reader: JournalReader):  # type: ignore[no-untyped-def]
    """Past what a torn end may hold."""
    try:
        return reader.read()
    except JournalCorrupt:
        return None
