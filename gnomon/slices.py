"""How long a thread runs before others of its core may: Linux gives out processor time in slices.

A thread that wakes up preempts another of its niceness only when its slice ends sooner; otherwise it waits for the end
of the other's, some milliseconds. From Linux 6.12 on a thread chooses its slice (sched_setattr(2), sched_runtime);
earlier kernels take no notice. Needs no rights. What a thread starts has its slice.
"""

import ctypes
import logging
import os
import platform
import struct
import threading

log = logging.getLogger(__name__)

SHORTEST_NS = 100_000  # what the kernel gives at least
LONGEST_NS = 100_000_000
NUMBERS = {"x86_64": 314, "aarch64": 274}  # of the system call, which the C library has no function for
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")  # struct sched_attr: size, policy, flags, niceness, priority, runtime, …


def choose(slice_ns: int) -> bool:
    """For the calling thread; whether the kernel took it."""
    number, thread = NUMBERS.get(platform.machine()), threading.get_native_id()
    if number is None or os.sched_getscheduler(thread) != os.SCHED_OTHER:
        return False
    niceness = os.getpriority(os.PRIO_PROCESS, thread)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, niceness, 0, slice_ns, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), ctypes.c_int(thread), attributes, ctypes.c_uint(0)):
        log.info("no slice of %d ns: %s", slice_ns, os.strerror(ctypes.get_errno()))
        return False
    return True
