"""TLS for servers: HTTP/2 by ALPN, clients' certificates where asked for, and new files taken up while serving."""

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0


class Tls:
    """Certificate chain and key in PEM files; `client_ca` makes it mutual: who has no certificate of it is turned away.

    Files are looked at, at most once a second, when a client comes; when they have changed, that client and those
    after it get the new ones. Files that cannot be read or do not match keep the former in force, with a warning.
    """

    def __init__(
        self, certificate: Path, key: Path, client_ca: Path | None = None, *,
        clock: Callable[[], float] = time.monotonic, look_every_s: float = LOOK_EVERY_S,
    ) -> None:  # fmt: skip
        self._files = [path for path in (certificate, key, client_ca) if path is not None]
        self._certificate, self._key, self._client_ca = certificate, key, client_ca
        self._clock, self._look_every_s = clock, look_every_s
        self._looked = clock()
        self._stamps = self._look()
        self._current = self._load()

    def context(self) -> ssl.SSLContext:
        """What a listener is given: it hands every client over to the context in force."""
        listening = self._load()
        listening.sni_callback = self._choose
        return listening

    def _choose(self, connection: Any, name: str | None, context: ssl.SSLContext) -> None:
        """Called in every handshake, with a server's name or without."""
        now = self._clock()
        if now - self._looked >= self._look_every_s:
            self._looked = now
            self._reload()
        connection.context = self._current

    def _reload(self) -> None:
        try:
            stamps = self._look()
            if stamps != self._stamps:
                self._current, self._stamps = self._load(), stamps
                log.info("took up the certificate in %s", self._certificate)
        except (OSError, ssl.SSLError) as error:
            log.warning("%s: %s; the former certificate stays", self._certificate, error)

    def _look(self) -> list[tuple[int, int, int]]:
        found = [path.stat() for path in self._files]
        return [(stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in found]

    def _load(self) -> ssl.SSLContext:
        """Raises: OSError, ssl.SSLError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(self._certificate, self._key)
        if self._client_ca is not None:
            context.load_verify_locations(self._client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context
