"""Has the share of bad events become too large? Asked after every event, for as long as it takes: a change detector.

A Shiryaev-Roberts e-detector: for each bet on the odds of a bad event, the sum, over every moment at which things may
have turned bad, of the evidence since then. A bad event multiplies each sum, good ones shrink it to a constant, so
nothing has to be reset, no window has to be chosen, and an update costs a microsecond whatever came before.

Guarantee: while no event is bad with a chance above the share it is told, given what came before, the mean number of
updates until `level` reaches ln(patience) is at least `patience`. The share may change from update to update, if it
does not depend on the events of that update. The price: a shift to share q is found after about
ln(patience) / KL(q, share) events; four bad ones in a row are enough for a patience of a million at a share of 1 %.

Source: Shin, Ramdas & Rinaldo, "E-detectors", New England Journal of Statistics in Data Science 2(2), 2023.
Known weakness: as in gnomon.stats.sequential, events of one cause count as many.
"""

import math

ODDS = (3.0, 8.0, 30.0, 100.0)  # bets: bad events' odds, so many times those of the share
_LOG_ODDS = tuple(math.log(odds) for odds in ODDS)
_LEAST = -math.inf


class ExceedanceDetector:
    """Evidence that bad events have become more frequent than they may be."""

    __slots__ = ("_logs",)

    def __init__(self) -> None:
        self._logs = [_LEAST] * len(ODDS)  # of the sums

    @property
    def level(self) -> float:
        """The logarithm of the mean of the sums. Raised an alarm: where it is ln(patience) or more."""
        most = max(self._logs)
        if most == _LEAST:
            return _LEAST
        return most + math.log(sum(math.exp(value - most) for value in self._logs) / len(ODDS))

    def update(self, bad: int, n: int, share: float) -> None:
        """`bad` of `n` further events, taken together, where at most `share` of them may be bad. Good ones alone are
        taken one by one, at no higher cost.

        Raises: ValueError: more bad events than events, a negative count, or a share not strictly between 0 and 1.
        """
        if not 0 <= bad <= n or not 0 < share < 1:
            raise ValueError(f"{bad} bad of {n} at a share of {share}: 0 <= bad <= n and 0 < share < 1 expected")
        for index, odds in enumerate(ODDS if n else ()):
            before, more = self._logs[index], (odds - 1) * share
            lost = n * math.log1p(more)  # n good events divide the evidence by (1 + more)^n
            if bad:
                self._logs[index] = _log_of_sum(before, 0.0) + bad * _LOG_ODDS[index] - lost
            else:
                self._logs[index] = _log_of_sum(before - lost, math.log(-math.expm1(-lost) / more))


def _log_of_sum(one: float, other: float) -> float:
    """ln(e^one + e^other), of which `other` is finite."""
    return max(one, other) + math.log1p(math.exp(-abs(one - other)))
