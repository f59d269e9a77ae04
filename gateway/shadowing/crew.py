"""The threads of the arms: one each, which looks after the arm's process, until there is nothing more to do."""

import logging
import threading
import time
from collections.abc import Sequence

from gateway.consumer import FULL_DISK_PAUSE_S
from gateway.shadowing.arm import GivenUp, ShadowArm

log = logging.getLogger(__name__)

IDLE_S = 0.05


class Crew:
    """A thread for each arm, which looks after its process. Written by: the main thread."""

    def __init__(self) -> None:
        self.draining = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, arm: ShadowArm) -> None:
        name = f"shadow {arm.model.name} {arm.model.number}"
        thread = threading.Thread(target=self._keep, args=(arm,), name=name, daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _keep(self, arm: ShadowArm) -> None:
        """Until the arm has left; or, when all is to end, has nothing more to do."""
        try:
            while not arm.left:
                if not self._step(arm) and self.draining.wait(IDLE_S):
                    return
        except GivenUp:
            log.warning("shadow %s version %d: goes on at the next start", *arm.key)
        except Exception:  # whatever it is, it is of this arm alone
            log.exception("shadow %s version %d stands still; it goes on at the next start of the runner", *arm.key)
        finally:
            arm.end()

    def _step(self, arm: ShadowArm) -> bool:
        try:
            return arm.step()
        except OSError as error:  # a full disk: what is in memory is saved with a later step
            log.error("%s; trying again", error)
            self.draining.wait(FULL_DISK_PAUSE_S)
            return False

    def end(self, arms: Sequence[ShadowArm], given_up: threading.Event, drain_s: float) -> None:
        """Waits for what is left, for a bounded time; then whoever is still at work is made to stop."""
        self.draining.set()
        deadline = time.monotonic() + drain_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        given_up.set()
        for arm in arms:
            arm.model.kill()
        for thread in self._threads:
            thread.join(drain_s)
