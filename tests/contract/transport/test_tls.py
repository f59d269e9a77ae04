"""TLS: grpcio's clients over it, mutual, ALPN, and certificates that change while serving."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from gateway.transport.server import Server
from gateway.transport.tls import Tls
from tests.certificates import certificate, replace
from tests.contract.transport.conftest import build
from tests.contract.transport.servicer import call


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("certificates")
    return {name: certificate(folder, name) for name in ("server", "next", "client", "stranger")}


async def serve(tls: Tls) -> tuple[Server, int]:
    server = Server()
    build(server)
    port = server.add_secure_port("127.0.0.1:0", tls)
    await server.start()
    return server, port


def channel(port: int, root: Path, pair: tuple[Path, Path] | None = None) -> grpc.aio.Channel:
    chain, key = (None, None) if pair is None else (path.read_bytes() for path in pair)
    credentials = grpc.ssl_channel_credentials(root.read_bytes(), key, chain)
    return grpc.aio.secure_channel(f"localhost:{port}", credentials)


async def subject(port: int, *alpn: str) -> tuple[bytes, str | None]:
    """The certificate a new client is shown, and the protocol agreed."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("ssl_object")
    if shown.selected_alpn_protocol() != "h2":
        assert await asyncio.wait_for(reader.read(100), 5) == b""
    writer.close()
    return shown.getpeercert(binary_form=True), shown.selected_alpn_protocol()


async def test_calls_over_tls(pairs: dict[str, tuple[Path, Path]]) -> None:
    server, port = await serve(Tls(*pairs["server"]))
    async with channel(port, pairs["server"][0]) as opened:
        assert await call(opened, "Echo")(b"x" * 100_000, timeout=5) == b"x" * 100_000
        assert [answer async for answer in call(opened, "Count")(b"3")] == [b"0", b"1", b"2"]
    await server.stop(1)


async def test_who_does_not_agree_on_h2_is_hung_up_on(pairs: dict[str, tuple[Path, Path]]) -> None:
    server, port = await serve(Tls(*pairs["server"]))
    assert (await subject(port, "h2"))[1] == "h2"
    assert (await subject(port, "http/1.1"))[1] is None
    assert (await subject(port))[1] is None
    await server.stop(1)


async def test_mutual_tls_takes_its_clients_and_no_others(pairs: dict[str, tuple[Path, Path]]) -> None:
    server, port = await serve(Tls(*pairs["server"], pairs["client"][0]))
    root = pairs["server"][0]
    async with channel(port, root, pairs["client"]) as known:
        assert await call(known, "Echo")(b"x", timeout=5) == b"x"
    for pair in (None, pairs["stranger"]):
        async with channel(port, root, pair) as unknown:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(unknown, "Echo")(b"x", timeout=5)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await server.stop(1)


@pytest.fixture
def files(tmp_path: Path, pairs: dict[str, tuple[Path, Path]]) -> tuple[Path, Path, Callable[[str], None]]:
    chain, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def use(name: str) -> None:
        first, second = (path.read_bytes() for path in pairs[name])
        replace(chain, key, (first, second))

    use("server")
    return chain, key, use


async def test_a_new_certificate_is_taken_up_and_calls_go_on(
    pairs: dict[str, tuple[Path, Path]], files: tuple[Path, Path, Callable[[str], None]]
) -> None:
    chain, key, use = files
    server, port = await serve(Tls(chain, key, look_every_s=0))
    before, _ = await subject(port, "h2")
    async with channel(port, pairs["server"][0]) as opened:
        assert await call(opened, "Echo")(b"1", timeout=5) == b"1"
        use("next")
        after, _ = await subject(port, "h2")
        assert await call(opened, "Echo")(b"2", timeout=5) == b"2"
    assert (before, after) == tuple(ssl.PEM_cert_to_DER_cert(pairs[name][0].read_text()) for name in ("server", "next"))
    await server.stop(1)


async def test_broken_files_keep_the_former_certificate(
    files: tuple[Path, Path, Callable[[str], None]],
) -> None:
    chain, key, use = files
    server, port = await serve(Tls(chain, key, look_every_s=0))
    before, _ = await subject(port, "h2")
    chain.write_text("half a certif")
    assert (await subject(port, "h2"))[0] == before
    chain.unlink()
    assert (await subject(port, "h2"))[0] == before
    use("next")
    assert (await subject(port, "h2"))[0] != before
    await server.stop(1)


def test_credentials_of_grpcio_are_refused() -> None:
    with pytest.raises(TypeError):
        Server().add_secure_port("127.0.0.1:0", object())
