"""Loads and unloads versions beside the event loop: one thread, at a lower priority, that holds nothing up.

The runtime lets go of the interpreter lock while it builds a session and runs it; what is left of a load are short
stretches of Python. The thread's niceness is its own (setpriority(2) takes a thread on Linux), so that on a core it
shares with the event loop it has what that leaves.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.failures import Failures
from gateway.servables import Servable, load
from gnomon import slices
from gnomon.domain import Version
from gnomon.errors import ArtifactCorrupt, GnomonError

log = logging.getLogger(__name__)
NICEST = 19  # what runs when nobody else wants the core


def _give_way() -> None:
    """A long slice, too: a short one, as the event loop has it, would let this thread preempt as easily."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, NICEST)
    slices.choose(slices.LONGEST_NS)


class LoadFailed(Exception):
    """A version that cannot be had; the message says why."""


class Loader:
    """Written by: the worker's event loop; the thread only loads and unloads."""

    def __init__(self, cache: Path, clock: Callable[[], float]) -> None:
        self._cache = cache
        self._failures = Failures(clock)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model-load", initializer=_give_way)

    async def load(self, version: Version) -> Servable:
        """Loaded and warmed. One that failed is not tried again before its time.

        Raises: LoadFailed.
        """
        known = self._failures.known(version)
        if known is not None:
            raise LoadFailed(known)
        try:
            servable = await asyncio.get_running_loop().run_in_executor(self._thread, load, version, self._cache)
        except ArtifactCorrupt as error:  # not the version's fault: its file is not here, and will be
            raise LoadFailed(str(error)) from None
        except Exception as error:  # of the runtime, or no memory for it: this version cannot be had, others can
            if not isinstance(error, GnomonError):
                log.exception("%s version %d", version.model, version.version)
            reason = str(error) if isinstance(error, GnomonError) else f"{type(error).__name__}: {error}"
            self._failures.note(version, reason)
            raise LoadFailed(reason) from None
        self._failures.forget(version)
        return servable

    def unload(self, servables: list[Servable]) -> None:
        """Empties the list on the thread, for to free a large session takes a while; what somebody still runs stays."""
        if servables:
            self._thread.submit(servables.clear)

    def stop(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
