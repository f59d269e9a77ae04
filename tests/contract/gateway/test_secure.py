"""A whole gateway behind mutual TLS, its connections growing old, on both transports: real files, real clients."""

import contextlib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from gnomon.cli.embedded import Embedded
from gnomon.client import ClientTls, GatewayClient, RegistryClient
from gnomon.domain import Arm, Role, Route
from gnomon.errors import Unavailable
from gnomon.oip import GRPCInferenceServiceStub
from tests import models
from tests.calling import Caller, request
from tests.certificates import certificate, replace
from tests.waiting import serves, until

MODEL = "thing"
AGE_S = 1.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))  # and SETTINGS that say nothing
GOAWAY = 7


@dataclass(frozen=True, kw_only=True)
class Secure:
    """A running pair, and the files it was given."""

    pair: Embedded
    chain: Path
    key: Path
    pairs: dict[str, tuple[Path, Path]]

    def tls(self, ca: str = "server", client: str | None = "client") -> ClientTls:
        chain, key = (None, None) if client is None else self.pairs[client]
        return ClientTls(ca=self.pairs[ca][0], certificate=chain, key=key)

    @property
    def port(self) -> int:
        return int(self.pair.gateway.rpartition(":")[2])

    def warnings(self) -> int:
        """How often the worker has found files that it could not use."""
        return (self.pair.folder / "gateway" / "log" / "w00.log").read_text().count("the former certificate stays")

    def use(self, name: str) -> None:
        """Puts another certificate in the place of the one that was there."""
        first, second = (path.read_bytes() for path in self.pairs[name])
        replace(self.chain, self.key, (first, second))


@pytest.fixture(scope="module", params=["ngh2", "grpcio"])
def secure(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp(f"secure-{request.param}")
    pairs = {name: certificate(folder, name) for name in ("server", "next", "client", "stranger")}
    chain, key = folder / "tls.crt", folder / "tls.key"
    flags = ("--tls-certificate", str(chain), "--tls-key", str(key), "--tls-client-ca", str(pairs["client"][0]))
    flags += ("--max-connection-age-s", str(AGE_S), "--transport", request.param)
    replace(chain, key, (pairs["server"][0].read_bytes(), pairs["server"][1].read_bytes()))
    with Embedded(folder / "data", gateway_flags=flags) as pair:
        running = Secure(pair=pair, chain=chain, key=key, pairs=pairs)
        with RegistryClient(pair.registry) as registry, GatewayClient(pair.gateway, tls=running.tls()) as gateway:
            registry.register_version(MODEL, artifact_sha256=registry.put_artifact(models.scaled(2.0)))
            registry.set_route(Route(model=MODEL, arms=(Arm(version=1, role=Role.STABLE),), actor="test"))
            until(lambda: serves(gateway, MODEL, 1))
        yield running


def infer(secure: Secure, tls: ClientTls) -> Any:
    with grpc.secure_channel(secure.pair.gateway, tls.credentials()) as channel:
        stub: Any = GRPCInferenceServiceStub(channel)
        return stub.ModelInfer(request(MODEL), timeout=10)


@contextlib.contextmanager
def connected(secure: Secure) -> Iterator[ssl.SSLSocket]:
    """A client's socket after its handshake."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(*secure.pairs["client"])
    with socket.create_connection(("127.0.0.1", secure.port), timeout=20) as plain, context.wrap_socket(plain) as ours:
        yield ours


def shown(secure: Secure) -> bytes:
    with connected(secure) as client:
        return client.getpeercert(binary_form=True) or b""


def of(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def test_calls_of_known_clients_are_answered(secure: Secure) -> None:
    assert infer(secure, secure.tls()).model_version == "1"
    with GatewayClient(secure.pair.gateway, tls=secure.tls()) as gateway:
        assert gateway.explain(MODEL, "key").version == 1


@pytest.mark.parametrize("client", [None, "stranger"])
def test_who_has_no_certificate_of_the_authority_is_turned_away(secure: Secure, client: str | None) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        infer(secure, secure.tls(client=client))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]


def test_who_speaks_without_tls_is_not_answered(secure: Secure) -> None:
    with GatewayClient(secure.pair.gateway, timeout_s=5) as gateway, pytest.raises(Unavailable):
        gateway.status()


def test_the_command_line_takes_the_same_files(secure: Secure) -> None:
    chain, key = secure.pairs["client"]
    given = {"GNOMON_TLS_CA": str(secure.pairs["server"][0]), "GNOMON_TLS_CERTIFICATE": str(chain)}
    environment = given | {"GNOMON_TLS_KEY": str(key), "GNOMON_GATEWAY": secure.pair.gateway, "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "gnomon.cli.main", "route", "explain", MODEL, "--key", "some-key"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "version 1" in done.stdout


def test_a_connection_of_age_is_told_to_go_and_no_call_fails(secure: Secure) -> None:
    with contextlib.ExitStack() as stack:
        callers = [
            stack.enter_context(Caller(secure.pair.gateway, MODEL, secure.tls().credentials(), patient=True))
            for _ in range(3)
        ]
        for _ in range(2):
            with connected(secure) as old:
                old.sendall(PREFACE)
                assert GOAWAY in kinds_until(old, GOAWAY)
        answered = [len(caller.answered) for caller in callers]
        until(lambda: all(len(caller.answered) > before for caller, before in zip(callers, answered, strict=True)))
    assert [caller.errors for caller in callers] == [[], [], []]


def kinds_until(client: ssl.SSLSocket, wanted: int) -> list[int]:
    """Kinds of the frames that arrive, up to the first of the wanted one or the end of the connection."""
    seen: list[int] = []
    with client.makefile("rb") as reader:
        while wanted not in seen and len(head := reader.read(9)) == 9:
            reader.read(int.from_bytes(head[:3], "big"))
            seen.append(head[3])
    return seen


def test_a_certificate_is_replaced_without_a_restart(secure: Secure) -> None:
    with Caller(secure.pair.gateway, MODEL, both_roots(secure), patient=True) as caller:
        until(lambda: caller.answered)
        assert shown(secure) == of(secure.pairs["server"][0])
        secure.use("next")
        until(lambda: shown(secure) == of(secure.pairs["next"][0]))
        warned = secure.warnings()
        secure.chain.write_text("half a certif")
        until(lambda: shown(secure) == of(secure.pairs["next"][0]) and secure.warnings() > warned)
        before = len(caller.answered)
        until(lambda: len(caller.answered) > before)
        secure.use("server")
        until(lambda: shown(secure) == of(secure.pairs["server"][0]))
    assert caller.errors == []


def both_roots(secure: Secure) -> grpc.ChannelCredentials:
    """Of a client that knows the certificate to come."""
    roots = b"".join(secure.pairs[name][0].read_bytes() for name in ("server", "next"))
    chain, key = secure.pairs["client"]
    return grpc.ssl_channel_credentials(roots, key.read_bytes(), chain.read_bytes())
