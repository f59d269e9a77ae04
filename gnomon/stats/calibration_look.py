"""One look at calibration, as at a monitor: are outcomes surely further from the scores than is tolerated?

Three sums over outcomes are asked: of y - p (did more or fewer come true than the scores said?), of y - p below the
mean score less that above it, by bins, and of (y - p)(mean - p), scaled to 1 at most (are the scores too bold, or too
shy?). Each is at most the sum of |E[y|p] - p|, the
expected calibration error, plus chance: Bernstein's inequality says how much, whatever the scores, so that it holds for
events of one in a thousand too. The bound is told as a part of what was foretold: the expected number of the rarer
kind of outcome.

Known weakness: outcomes are taken as independent.
"""

import dataclasses
import math

import numpy as np

from gnomon.stats.alarms import CALIBRATION, Bar
from gnomon.stats.calibration import Reliability
from gnomon.stats.looks import Finding, Rule

_SIDES = 6  # three sums, either side
_CALM = 0.1  # evidence at this level is enough to keep an alarm


def look_at(found: Reliability, rule: Rule) -> Finding:
    """Where the outcomes stand. Those that are fewer than the rule's rows say nothing."""
    known = found.calibration()
    finding = Finding(name=CALIBRATION, is_score=True, rows=known.outcomes, bar=Bar.UNKNOWN, p_value=known.p_value)
    if known.outcomes < rule.min_rows:
        return dataclasses.replace(finding, reason=f"{known.outcomes} outcomes, {rule.min_rows} needed")
    total, score, label, variance, tilted, *_ = found.sums.sum(axis=1).tolist()
    foretold = max(1.0, min(score, total - score))
    n, scores, labels, *_ = found.sums
    low = scores * total < n * score  # bins of scores below their mean
    leaning = float((labels - scores)[low].sum() - (labels - scores)[~low].sum())
    mean, top = score / total, (np.flatnonzero(n)[-1] + 1) / len(n)
    by_score = (label - score - tilted) / 2 - mean * (label - score)  # the sum of (y - p)(p - mean), within bins too
    steep = -by_score / max(mean, top - mean)
    leaning = max(leaning, steep, key=abs)
    sums = {
        "more came true than they said" if label > score else "fewer came true than they said": abs(label - score),
        "too bold" if leaning > 0 else "too shy": abs(leaning),
    }
    lower = {what: surely(away, variance, rule.level) / foretold for what, away in sums.items()}
    most = max(lower, key=lambda what: lower[what])
    tolerance = rule.tolerance.calibration
    said = f"scores: {known.mean_score:.4g} said, {known.share:.4g} came true"
    if lower[most] > tolerance:
        reason = f"{said}; {most}, by at least {lower[most]:.1%} > {tolerance:.1%} (p = {known.p_value:.1e})"
        return dataclasses.replace(finding, bar=Bar.ABOVE, reason=reason)
    apart = max(surely(away, variance, _CALM) for away in sums.values()) / foretold
    bar = Bar.BELOW if apart <= rule.clear * tolerance else Bar.BETWEEN
    return dataclasses.replace(finding, bar=bar, reason=f"{said}; by at least {lower[most]:.1%}")


def surely(away: float, variance: float, level: float) -> float:
    """A lower bound of the calibration error times outcomes, from a sum that is `away` from 0 and its variance were
    the scores true: the largest error with which Bernstein's inequality, at 1/6 of the level, does not exclude the sum.

    With an error of e outcomes the sum is at most e + t, where t^2 / 2 = ln(6/level) (variance + e + t/3): outcomes
    vary by at most |E[y|p] - p| more than the scores say.
    """
    bits = math.log(_SIDES / level)
    chance = -2 * bits / 3 + math.sqrt((2 * bits / 3) ** 2 + 2 * bits * (variance + away))
    return max(0.0, away - chance)
