"""A clock that rings an event loop to some ten microseconds: the loops' own timers count in milliseconds.

A Linux timerfd that the loop reads like a socket (timerfd_create(2)). Cost: one system call to set it, two to hear it.
"""

import asyncio
import ctypes
import os
import time
from collections.abc import Callable

_TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_LIBC = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Alarm:
    """One alarm at a time. Written by: the event loop it rings in."""

    def __init__(self, rings: Callable[[], None]) -> None:
        """Raises: OSError where the kernel gives no timer."""
        self._rings = rings
        self._descriptor = _LIBC.timerfd_create(time.CLOCK_MONOTONIC, _TFD_FLAGS)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._ring)

    def set(self, in_s: float) -> None:
        """Rings once after `in_s`, at the earliest in a microsecond; an alarm set before is forgotten."""
        nanoseconds = max(int(in_s * 1e9), 1_000)
        after = _Itimerspec(_Timespec(0, 0), _Timespec(*divmod(nanoseconds, 1_000_000_000)))
        if _LIBC.timerfd_settime(self._descriptor, 0, ctypes.byref(after), None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def close(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _ring(self) -> None:
        try:
            os.read(self._descriptor, 8)
        except BlockingIOError:  # it was set anew between the ring and this turn
            return
        self._rings()
