"""A stop that is told of at any instant of its own wait."""

import os
import signal
import sys
import time

from gnomon.stopping import Stop


def waited(stop, step):
    """What `wait` says when it is told at the `step`-th line of all that it runs; None when it has fewer."""
    left = step

    def trace(frame, event, argument):
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                stop.set()
        return trace

    sys.settrace(trace)
    try:
        found = stop.wait(0.01)
    finally:
        sys.settrace(None)
    return found if left <= 0 else None


def test_it_ends_a_wait_wherever_that_is():
    steps = 0
    while (found := waited(Stop(), steps + 1)) is not None:
        assert found
        steps += 1
    assert steps >= 2


def test_it_ends_a_wait_at_once_and_every_later_one():
    stop = Stop.on(signal.SIGUSR1)
    try:
        assert not stop.is_set()
        assert not stop.wait(0.0)
        os.kill(os.getpid(), signal.SIGUSR1)
        began = time.monotonic()
        assert stop.wait(60.0)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert stop.wait(60.0)
        assert time.monotonic() - began < 10.0
        assert stop.is_set()
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
