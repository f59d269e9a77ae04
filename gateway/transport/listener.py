"""Addresses as gRPC writes them, and the sockets bound to them."""

import os
import socket
from contextlib import suppress
from typing import Any

BACKLOG = 1024


def split(address: str) -> tuple[str, int]:
    """`host:port` or `[host]:port`. Raises: ValueError."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)


def bind(address: str, *, reuse_port: bool) -> socket.socket:
    """A bound socket that does not listen yet. With `reuse_port` several processes share the port.

    Raises: ValueError, OSError (the address is taken, or is not of this machine).
    """
    if address.startswith("unix:"):
        return _bind_path(address.removeprefix("unix:").removeprefix("//"))
    host, port = split(address)
    family, kind, _, _, target = socket.getaddrinfo(host or "::", port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and host in ("", "::"):
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.setblocking(False)
        bound.bind(target)
    except OSError:
        bound.close()
        raise
    return bound


def _bind_path(path: str) -> socket.socket:
    with suppress(FileNotFoundError):
        os.unlink(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.setblocking(False)
    bound.bind(path)
    return bound


def peer_name(address: Any) -> str:
    """The other end of a socket, as gRPC writes it."""
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = address[0], address[1]
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
    return "unix:" if address is not None else "unknown"


def port_of(bound: socket.socket) -> int:
    """The port, 1 for a path, as grpcio answers."""
    return 1 if bound.family == socket.AF_UNIX else int(bound.getsockname()[1])
