"""Alarms one can page someone for: a stated number of false alarms in, thresholds out.

The user says how many false alarms in what time are bearable over everything that is watched of a model (`Budget`),
and which drift is nobody's business (`Tolerance`). From these, the number of tests and the time between two looks the
level of each test follows, and with the rows of window and reference the thresholds themselves (`looks.thresholds`).

Each look puts a monitor above the bar, below it, or between (`looks`); `next_state` makes alarms of them that do not
flutter. Bonferroni over all tests holds however features depend on each other; so does the list of features of
Benjamini & Yekutieli (2001), and of e-BH (Wang & Ramdas 2022).
"""

import dataclasses
import enum
import math

import numpy as np
from numpy.typing import NDArray

STATISTICS = 3  # tests of a monitor at each look: PSI's, KS's or that of new names, that of missing values
CALIBRATION = "score calibration"  # what the alarm about outcomes is called, among the monitors
MONTH_S = 30 * 86_400.0


class Bar(enum.IntEnum):
    """Where a monitor stands at one look."""

    UNKNOWN = 0  # too few rows
    BELOW = 1
    BETWEEN = 2
    ABOVE = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """So many false alarms in `per_s` seconds, over everything that is watched of a model."""

    false_alarms: float = 1.0
    per_s: float = MONTH_S

    def __post_init__(self) -> None:
        for name in ("false_alarms", "per_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a positive number, got {getattr(self, name)}")

    def level(self, tests: int, look_s: float) -> float:
        """The level of each of `tests` tests that are made every `look_s` seconds.

        Every look spends its share in full, as if windows did not overlap: safe, since alarms of overlapping windows
        come in clumps.

        Raises:
            ValueError: fewer than 1 test, or no time between looks.
        """
        if tests < 1 or not look_s > 0:
            raise ValueError(f"1 test or more and a positive look_s expected, got {tests} and {look_s}")
        return min(0.5, self.false_alarms * look_s / (self.per_s * tests))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """Effects that are still harmless. PSI 0.02 and KS 0.05: a shift of about a seventh of a standard deviation.

    `calibration` is a part of what scores foretold: 0.1, one more or fewer came true than the ten that should have.
    """

    psi: float = 0.02
    ks: float = 0.05
    missing: float = 0.02
    calibration: float = 0.1

    def __post_init__(self) -> None:
        for name in ("psi", "ks", "missing", "calibration"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"tolerance {name} must be a number from 0, got {getattr(self, name)}")


def by(p_values: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """Which of `p_values` (n,) to list so that no more than `share` of the listed are expected to be false.

    Benjamini & Yekutieli: valid however they depend on each other. NaN, what could not be tested, is not listed.
    """
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    ranks = np.arange(1, len(order) + 1)
    passed = np.flatnonzero(p_values[order] <= ranks * share / (len(order) * (1 / ranks).sum()))
    listed = np.zeros(len(p_values), np.bool_)
    listed[order[: passed[-1] + 1 if len(passed) else 0]] = True
    return listed


def e_bh(log_e: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """The same from ln E (n,) of e-processes, at any time that is looked: Wang & Ramdas."""
    order = np.argsort(-log_e, kind="stable")
    passed = np.flatnonzero(log_e[order] >= np.log(len(log_e) / (share * np.arange(1, len(log_e) + 1))))
    listed = np.zeros(len(log_e), np.bool_)
    listed[order[: passed[-1] + 1 if len(passed) else 0]] = True
    return listed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Of one alarm. `since_s`: when the drift that raised it was first seen; `turning_s`: since when the other bar is
    crossed, None where it is not. Unix seconds.
    """

    alarmed: bool = False
    since_s: float = 0.0
    turning_s: float | None = None


def next_state(state: State, bar: Bar, now_s: float, *, raise_after_s: float, clear_after_s: float) -> State:
    """After one look: above the bar for `raise_after_s` raises an alarm, below it for `clear_after_s` ends one.

    What is unknown leaves everything as it is; a look on the way back takes the turning back.
    """
    if bar is Bar.UNKNOWN:
        return state
    if bar is not (Bar.BELOW if state.alarmed else Bar.ABOVE):
        return dataclasses.replace(state, turning_s=None)
    turning_s = now_s if state.turning_s is None else state.turning_s
    if now_s - turning_s < (clear_after_s if state.alarmed else raise_after_s):
        return dataclasses.replace(state, turning_s=turning_s)
    return State() if state.alarmed else State(alarmed=True, since_s=turning_s)
