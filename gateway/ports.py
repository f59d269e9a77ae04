"""Taking ports: a data port that workers may share, and no other program has."""

import socket


class PortTaken(OSError):
    """Somebody else listens there."""


def reserve_shared(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen: it holds the port (0: picks one) while workers share it by SO_REUSEPORT.

    Raises: PortTaken when any other program has the port, even one that would share it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if port:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(probe, host, port)
    holder = socket.socket(family, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    _bind(holder, host, port)
    return holder


def _bind(end: socket.socket, host: str, port: int) -> None:
    try:
        end.bind((host, port))
    except OSError as error:
        raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror}") from None
