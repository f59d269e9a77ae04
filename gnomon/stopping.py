"""Stop: told by the handler of a signal, waited for by the main thread."""

import os
import select
import signal
from typing import Self


class Stop:
    """There is no lock in it. A handler runs in the main thread between any two of its steps, also those of `wait`:
    where the main thread holds a lock that the handler asks for, as that of threading.Event, neither ever goes on.
    """

    def __init__(self) -> None:
        self._told = False
        reading, self._bell = os.pipe()
        self._ring = select.poll()
        self._ring.register(reading, select.POLLIN)

    @classmethod
    def on(cls, *signals: signal.Signals) -> Self:
        """Set by any of these."""
        stop = cls()
        for number in signals:
            signal.signal(number, lambda *_: stop.set())
        return stop

    def set(self) -> None:
        if not self._told:
            self._told = True
            os.write(self._bell, b"\0")

    def is_set(self) -> bool:
        return self._told

    def wait(self, timeout_s: float) -> bool:
        """Until it is set, or for so long. Whether it is."""
        self._ring.poll(timeout_s * 1e3)
        return self._told
