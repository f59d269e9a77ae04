"""Artifacts over the wire: whole and verified, or a typed error."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from gnomon.aio import AsyncRegistryClient
from gnomon.client import RegistryClient
from gnomon.errors import ArtifactCorrupt, ArtifactNotFound, InvalidInput
from gnomon.registry.v1 import registry_pb2 as pb

MISSING = "f" * 64


def path_of(registry: Any, sha256: str) -> Path:
    return Path(registry.config.dir / "artifacts" / sha256[:2] / sha256)


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def temporary_files(registry: Any) -> list[Path]:
    return list((registry.config.dir / "artifacts" / "tmp").iterdir())


def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("size", [1, 1024 * 1024, 1024 * 1024 + 1, 3_000_000])
def test_an_artifact_comes_back_as_it_went(client: RegistryClient, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    sha256 = client.put_artifact(data[:size])
    assert sha256 == hashlib.sha256(data[:size]).hexdigest()
    assert client.get_artifact(sha256) == data[:size]


def test_putting_the_same_bytes_again_changes_nothing(client: RegistryClient) -> None:
    assert client.put_artifact(b"twice") == client.put_artifact(b"twice")


def test_an_artifact_nobody_put_is_not_found(client: RegistryClient) -> None:
    with pytest.raises(ArtifactNotFound, match=MISSING):
        client.get_artifact(MISSING)


@pytest.mark.parametrize("digest", ["", "../../registry.db", "F" * 64])
def test_a_digest_that_is_none_is_refused(client: RegistryClient, digest: str) -> None:
    with pytest.raises(InvalidInput, match="64 lower-case"):
        client.get_artifact(digest)


def test_an_artifact_of_no_bytes_is_refused(client: RegistryClient) -> None:
    with pytest.raises(InvalidInput, match="0 bytes"):
        client.put_artifact(b"")


def test_bytes_that_are_not_those_announced_are_data_loss_and_leave_nothing(stub: Any, registry: Any) -> None:
    chunks = [pb.ArtifactChunk(sha256=MISSING, data=b"something else")]
    assert code_of(lambda: stub.PutArtifact(iter(chunks))) is grpc.StatusCode.DATA_LOSS
    assert temporary_files(registry) == []
    assert not path_of(registry, MISSING).exists()


def test_a_put_that_breaks_off_leaves_nothing(stub: Any, registry: Any) -> None:
    def chunks() -> Iterator[pb.ArtifactChunk]:
        yield pb.ArtifactChunk(data=b"the first of many")
        raise RuntimeError("the client is gone")

    code_of(lambda: stub.PutArtifact(chunks()))
    assert left_behind(registry) == []


def left_behind(registry: Any) -> list[Path]:
    """Temporary files, once the registry has had time to deal with a call that was broken off."""
    with RegistryClient(registry.target) as client:
        for _ in range(200):
            if temporary_files(registry):
                client.list_models()
    return temporary_files(registry)


def test_a_chunk_above_the_limit_is_refused(stub: Any) -> None:
    chunks = [pb.ArtifactChunk(data=b"x" * (1024 * 1024 + 1))]
    assert code_of(lambda: stub.PutArtifact(iter(chunks))) is grpc.StatusCode.INVALID_ARGUMENT


def test_an_artifact_above_the_limit_is_refused(own_registry: Any) -> None:
    registry = own_registry(artifact_limit_bytes=100)
    with grpc.insecure_channel(registry.target) as channel:
        put = channel.stream_unary("/gnomon.registry.v1.Registry/PutArtifact")
        chunk = pb.ArtifactChunk(data=b"x" * 101).SerializeToString()
        assert code_of(lambda: put(iter([chunk]))) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert temporary_files(registry) == []


def test_an_artifact_damaged_on_disk_is_data_loss_until_it_is_put_again(client: RegistryClient, registry: Any) -> None:
    sha256 = client.put_artifact(b"precious" * 1000)
    flip_a_byte(path_of(registry, sha256))
    with pytest.raises(ArtifactCorrupt, match=sha256):
        client.get_artifact(sha256)
    assert client.put_artifact(b"precious" * 1000) == sha256
    assert client.get_artifact(sha256) == b"precious" * 1000


async def test_a_download_is_a_whole_verified_file(client: RegistryClient, registry: Any, tmp_path: Path) -> None:
    sha256 = client.put_artifact(b"model" * 500_000)
    async with AsyncRegistryClient(registry.target) as gateway:
        await gateway.download(sha256, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == b"model" * 500_000


async def test_a_damaged_download_leaves_nothing_behind(client: RegistryClient, registry: Any, tmp_path: Path) -> None:
    sha256 = client.put_artifact(b"damaged" * 500_000)
    flip_a_byte(path_of(registry, sha256))
    async with AsyncRegistryClient(registry.target) as gateway:
        with pytest.raises(ArtifactCorrupt):
            await gateway.download(sha256, tmp_path / "model.onnx")
        with pytest.raises(ArtifactNotFound):
            await gateway.download(MISSING, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
