"""A file that one process at a time holds, for as long as it lives: the kernel lets go of it with the process."""

import fcntl
import os
import time
from pathlib import Path

LOOK_S = 0.05


def hold(path: Path, wait_s: float = 0.0) -> int:
    """Locks the file, which is made where it is missing. Returns the descriptor: to close it is to let go.

    Raises: TimeoutError where another process still has it after `wait_s`, OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise TimeoutError(f"{path} is held by another process") from None
            time.sleep(LOOK_S)
