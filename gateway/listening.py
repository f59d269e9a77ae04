"""The data port of a worker as its settings say: which transport, its limits, its certificates."""

import dataclasses
import logging
import subprocess
from pathlib import Path
from typing import Any

import grpc

from gateway.config import Config
from gateway.native.library import library
from gateway.native.objects import Unloadable
from gateway.transport import grpcio
from gateway.transport.limits import Limits
from gateway.transport.pem import Pem
from gateway.transport.server import Server
from gateway.transport.tls import Tls

log = logging.getLogger(__name__)


def possible(config: Config) -> Config:
    """With the transport that this machine has: libnghttp2's needs machine code that can be made and loaded here."""
    if config.transport == "ngh2":
        try:
            library()
        except (Unloadable, ImportError, OSError, subprocess.SubprocessError) as error:
            log.warning("%s; serving on grpcio, which is slower", error)
            return dataclasses.replace(config, transport="grpcio")
    return config


def limits(config: Config) -> Limits:
    return Limits(
        max_message_bytes=config.max_message_bytes,
        max_streams=config.max_streams,
        max_age_s=config.max_connection_age_s,
        age_grace_s=config.max_connection_age_grace_s,
        keepalive_s=config.keepalive_s,
        keepalive_timeout_s=config.keepalive_timeout_s,
    )


def server(config: Config) -> grpc.aio.Server:
    """Without handlers or a port."""
    granted = limits(config)
    return grpcio.server(granted) if config.transport == "grpcio" else Server(granted)


def listen(to: grpc.aio.Server, config: Config, port: int) -> None:
    """Binds the port, with TLS where there is a certificate. Raises: OSError, ssl.SSLError, RuntimeError (grpcio's)."""
    address = f"{config.host}:{port}"
    if not config.tls_certificate:
        to.add_insecure_port(address)
        return
    authority = Path(config.tls_client_ca) if config.tls_client_ca else None
    files = (Path(config.tls_certificate), Path(config.tls_key), authority)
    held: Any = Tls(*files) if isinstance(to, Server) else grpcio.credentials(Pem(*files))
    to.add_secure_port(address, held)
