"""Certificate files of a server, looked at now and then: what is in them goes into force when it is whole."""

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0


class Pem:
    """Certificate chain and key; `client_ca` makes it mutual: who has no certificate of it is turned away.

    Files that cannot be read or do not match keep the former in force, with a warning.
    """

    def __init__(
        self, certificate: Path, key: Path, client_ca: Path | None = None, *,
        clock: Callable[[], float] = time.monotonic, look_every_s: float = LOOK_EVERY_S,
    ) -> None:  # fmt: skip
        """Raises: OSError, ssl.SSLError (one of it): a file that cannot be used."""
        self.certificate, self.key, self.client_ca = certificate, key, client_ca
        self._files = [path for path in (certificate, key, client_ca) if path is not None]
        self._clock, self._look_every_s = clock, look_every_s
        self._looked = clock()
        self._stamps = self._look()
        self.load()

    def load(self) -> ssl.SSLContext:
        """What is in the files. Raises: OSError, ssl.SSLError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(self.certificate, self.key, password="")  # never asked for: a key with one is refused
        if self.client_ca is not None:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def changed(self) -> ssl.SSLContext | None:
        """What is in the files, when that is new and whole. Looks at most once in `look_every_s`."""
        now = self._clock()
        if now - self._looked < self._look_every_s:
            return None
        self._looked = now
        try:
            stamps = self._look()
            if stamps == self._stamps:
                return None
            context = self.load()
        except OSError as error:
            log.warning("%s: %s; the former certificate stays", self.certificate, error)
            return None
        self._stamps = stamps
        log.info("took up the certificate in %s", self.certificate)
        return context

    def _look(self) -> list[tuple[int, int, int]]:
        found = [path.stat() for path in self._files]
        return [(stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in found]
