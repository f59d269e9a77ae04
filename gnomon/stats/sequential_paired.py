"""A shadow beside the live version, on the same calls: do they disagree too often, and which way?"""

from dataclasses import dataclass
from typing import Literal

from gnomon.stats.sequential_bets import check_counts, goal
from gnomon.stats.sequential_labels import flip_log_e
from gnomon.stats.sequential_need import calls_needed
from gnomon.stats.sequential_share import compliance_log_e, exceedance_interval, exceedance_log_e


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedVerdict:
    """What is known of the pairs so far; evidence counts from ln(1 / alpha) on."""

    verdict: Literal["pass", "fail", "need_more"]
    share: tuple[float, float]  # confidence sequence of the share of pairs that disagree
    log_e_over: float  # that more than the limit disagree
    log_e_under: float  # that fewer do
    log_e_flips: float  # that decisions flip more often one way than the other
    flips: Literal["up", "down", "either way"]  # where evidence says they go
    need: int | None  # more pairs until one of the first two suffices, going on as seen; None: cannot be said


def paired_verdict(
    *, pairs: float, disagreements: float, flips_up: float, flips_down: float, max_share: float, alpha: float
) -> PairedVerdict:
    """Pass when evidently at most `max_share` of the pairs disagree, fail when evidently more do.

    A disagreement is whatever the caller counts as one (scores apart by more than a tolerance, another class); a flip
    is a decision that changed, up or down. A shadow that did not answer is a disagreement, not a pair less: what times
    out is not a random part of the calls.

    Raises:
        ValueError: negative counts, more disagreements or flips than pairs, or max_share or alpha not strictly between
            0 and 1.
    """
    check_counts(flips_up + flips_down, pairs)
    bar = goal(alpha)
    over = exceedance_log_e(disagreements, pairs, max_share)
    under = compliance_log_e(disagreements, pairs, max_share)
    turned = flip_log_e(flips_up, flips_down)
    ways = [calls_needed(max_share, disagreements, pairs, alpha, each) for each in (exceedance_log_e, compliance_log_e)]
    return PairedVerdict(
        verdict="fail" if over >= bar else "pass" if under >= bar else "need_more",
        share=exceedance_interval(disagreements, pairs, alpha),
        log_e_over=over,
        log_e_under=under,
        log_e_flips=turned,
        flips="either way" if turned < bar else "up" if flips_up > flips_down else "down",
        need=min((way for way in ways if way is not None), default=None),
    )
