"""A breaker: watches how the calls of one canary arm end, and says whether the arm may have calls. No clock, no I/O.

    closed ──── too many bad calls ────► open ──── pause over ────► half open ──── trials went well ────► closed
                                          ▲                             │
                                          └──── one trial went badly ───┘   each pause twice the one before

Bad is a call whose run failed, whose answer is not all numbers, or that ran out of its time on this arm.
"""

import enum
import math
from dataclasses import dataclass
from typing import NamedTuple

from gnomon.stats.detector import ExceedanceDetector

LONGEST_PAUSE_S = 300.0
STEADY_S = 60.0  # an arm that did well for so long begins with the first pause again


class State(enum.IntEnum):
    """Of a breaker; the number is the one that is published."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Outcomes(NamedTuple):
    """How some calls of an arm ended: of `calls`, so many badly. A call is bad for one reason."""

    calls: int
    failed: int = 0
    timed_out: int = 0
    non_finite: int = 0

    @property
    def bad(self) -> int:
        return self.failed + self.timed_out + self.non_finite


REASONS = Outcomes._fields[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When a breaker trips, and how it comes back."""

    share: float = 0.01  # of an arm's calls may be bad; 1: whatever happens
    stable_factor: float = 2.0  # or so many times the share of stable's calls that are, where that is more
    patience: float = 1e6  # calls until an arm that is no worse than that is tripped by chance, on the average
    trials: int = 10  # calls that must go well, half open
    pause_s: float = 5.0  # the first


class Share:
    """Share of bad calls among some hundreds of the last ones. Written by: whoever owns it."""

    HALF_LIFE_CALLS = 500

    def __init__(self) -> None:
        self._bad = self._calls = 0.0

    @property
    def value(self) -> float:
        return self._bad / self._calls if self._calls else 0.0

    def update(self, outcomes: Outcomes) -> None:
        kept = 0.5 ** (outcomes.calls / self.HALF_LIFE_CALLS)
        self._bad = kept * self._bad + outcomes.bad
        self._calls = kept * self._calls + outcomes.calls


class Breaker:
    """Of one canary arm. Times are seconds of one monotonic clock. Written by: the worker's event loop."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.state = State.CLOSED
        self.reason = ""  # of REASONS: what most of the bad calls were that tripped it last
        self._level = math.log(policy.patience)
        self._since_s = -math.inf  # when it came into its state
        self._pause_s = policy.pause_s
        self._begin()

    def _begin(self) -> None:
        """What is counted from the last change of state on."""
        self._detector = ExceedanceDetector()
        self._seen = dict.fromkeys(REASONS, 0)
        self._good = 0  # calls that the detector has not seen yet: they raise no alarm
        self._admitted = self._went_well = 0

    def ended(self, outcomes: Outcomes, stable_share: float, now_s: float) -> bool:
        """Takes calls of the arm into account; `stable_share` of stable's are bad. Whether the state changed.

        While it is open, calls that the arm had before end here still: they say nothing new.
        """
        if self.state is State.OPEN:
            return False
        if self.state is State.HALF_OPEN:
            return self._tried(outcomes, now_s)
        if not outcomes.bad:
            self._good += outcomes.calls
            return False
        self._see(outcomes)
        share = max(self.policy.share, self.policy.stable_factor * stable_share)
        if share >= 1:
            return False  # stable is no way out
        self._detector.update(0, self._good, share)
        self._detector.update(outcomes.bad, outcomes.calls, share)
        self._good = 0
        if self._detector.level < self._level:
            return False
        steady = now_s - self._since_s >= STEADY_S
        return self._open(self.policy.pause_s if steady else min(2 * self._pause_s, LONGEST_PAUSE_S), now_s)

    def look(self, now_s: float) -> bool:
        """What time does: a pause ends, and trials whose end was not heard of are made again. Whether it did."""
        if self.state is State.CLOSED or now_s - self._since_s < self._pause_s:
            return False
        if self.state is State.OPEN:
            return self._enter(State.HALF_OPEN, now_s)
        if self.admits:
            return False  # no call has come
        self._admitted, self._since_s = self._went_well, now_s
        return True

    def admit(self) -> bool:
        """A call goes to the arm while it is half open. Whether no further one may."""
        self._admitted += 1
        return not self.admits

    @property
    def admits(self) -> bool:
        """Whether a call may go to the arm."""
        return self.state is State.CLOSED or (self.state is State.HALF_OPEN and self._admitted < self.policy.trials)

    def _see(self, outcomes: Outcomes) -> None:
        for reason in REASONS:
            self._seen[reason] += getattr(outcomes, reason)

    def _tried(self, outcomes: Outcomes, now_s: float) -> bool:
        if outcomes.bad:
            self._see(outcomes)
            return self._open(min(2 * self._pause_s, LONGEST_PAUSE_S), now_s)
        self._went_well += outcomes.calls
        return self._went_well >= self.policy.trials and self._enter(State.CLOSED, now_s)

    def _open(self, pause_s: float, now_s: float) -> bool:
        self.reason = max(self._seen, key=lambda reason: self._seen[reason])
        self._pause_s = pause_s
        return self._enter(State.OPEN, now_s)

    def _enter(self, state: State, now_s: float) -> bool:
        self.state, self._since_s = state, now_s
        self._begin()
        return True
