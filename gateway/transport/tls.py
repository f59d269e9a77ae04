"""TLS for servers: HTTP/2 by ALPN, clients' certificates where asked for, and new files taken up while serving."""

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.transport.pem import LOOK_EVERY_S, Pem


class Tls:
    """Credentials of our server, from PEM files.

    Files are looked at, at most once a second, when a client comes; when they have changed, that client and those
    after it get the new ones.
    """

    def __init__(
        self, certificate: Path, key: Path, client_ca: Path | None = None, *,
        clock: Callable[[], float] = time.monotonic, look_every_s: float = LOOK_EVERY_S,
    ) -> None:  # fmt: skip
        """Raises: OSError, ssl.SSLError."""
        self._pem = Pem(certificate, key, client_ca, clock=clock, look_every_s=look_every_s)
        self._current = self._pem.load()

    def context(self) -> ssl.SSLContext:
        """What a listener is given: it hands every client over to the context in force."""
        listening = self._pem.load()
        listening.sni_callback = self._choose
        return listening

    def _choose(self, connection: Any, name: str | None, context: ssl.SSLContext) -> None:
        """Called in every handshake, with a server's name or without."""
        self._current = self._pem.changed() or self._current
        connection.context = self._current
