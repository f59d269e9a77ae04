"""Shadow versions, loaded in the shadow runner's own process: as many as are in use, few at a time."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from gateway.servables import Servable
from gnomon.domain import Version
from gnomon.errors import GnomonError

log = logging.getLogger(__name__)

KEPT = 4
RETRY_S = 5.0

Load = Callable[[Version], Servable]
Find = Callable[[str, int], Version | None]


class Models:
    """Versions by (model, number), the least recently used dropped first. Written by: the shadow runner."""

    def __init__(self, find: Find, load: Load) -> None:
        self._find = find
        self._load = load
        self._loaded: OrderedDict[tuple[str, int], Servable] = OrderedDict()
        self._failed: dict[tuple[str, int], float] = {}  # when it failed

    def get(self, model: str, version: int) -> Servable | None:
        """None for a version that is not known or cannot be loaded; it is tried again after some seconds."""
        key = (model, version)
        if key not in self._loaded and not self._try(key):
            return None
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def _try(self, key: tuple[str, int]) -> bool:
        if time.monotonic() < self._failed.get(key, -RETRY_S) + RETRY_S:
            return False
        version = self._find(*key)
        try:
            if version is not None:
                self._loaded[key] = self._load(version)
                if len(self._loaded) > KEPT:
                    self._loaded.popitem(last=False)
                return True
            log.warning("shadow %s version %d: not in the snapshot", *key)
        except GnomonError as error:
            log.warning("shadow %s version %d: %s", *key, error)
        self._failed[key] = time.monotonic()
        return False
