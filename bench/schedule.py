"""Schedules of an open loop: when each call is meant to be sent, in nanoseconds from the start. Pure."""

import numpy as np
from numpy.typing import NDArray

from bench.plan import Plan

S_NS = 1_000_000_000


def constant(rate: float, seconds: float) -> NDArray[np.int64]:
    """Evenly spaced calls, the first at 0."""
    return (np.arange(int(rate * seconds)) * (S_NS / rate)).astype(np.int64)


def poisson(rate: float, seconds: float, seed: int) -> NDArray[np.int64]:
    """Independent clients: gaps are exponential with mean 1 / rate; as many calls as fall into the time."""
    drawn = int(rate * seconds + 6 * np.sqrt(rate * seconds) + 10)
    times = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, drawn))
    return (times[times < seconds] * S_NS).astype(np.int64)


def bursts(rate: float, seconds: float, burst: int, seed: int) -> NDArray[np.int64]:
    """`burst` calls at one instant, the instants Poisson, so that the mean is `rate`."""
    return np.repeat(poisson(rate / burst, seconds, seed), burst)


def arrivals(plan: Plan) -> NDArray[np.int64]:
    """The schedule of an open-loop plan, ascending."""
    if plan.arrivals == "constant":
        return constant(plan.rate, plan.seconds)
    if plan.arrivals == "bursts":
        return bursts(plan.rate, plan.seconds, plan.burst, plan.seed)
    return poisson(plan.rate, plan.seconds, plan.seed)
