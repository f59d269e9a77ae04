"""Evidence that may be looked at after every call: e-processes for rollouts, and the intervals to draw beside them.

log E is the logarithm of a betting score against a hypothesis H0. While H0 is true, E ever reaches 1/alpha with
probability alpha at most, however often one looks and whenever one stops (Ville's inequality). So decide when
log E >= ln(1/alpha), and do not reset it to look again.

All depends on sums of counts alone: counts of several workers are added, in any order, and evidence is computed from
the sums. Each score is the mean of a few bets on a fixed grid of alternatives, which needs no special function and
cannot underflow; -inf means that the data are impossible under every bet.

| question | harm | promotion |
|---|---|---|
| is the share of bad calls over, under p0? | `exceedance_log_e` | `compliance_log_e` |
| is the canary's rate over, under `ratio` times stable's? | `label_log_e` | `label_compliance_log_e` |
| is it over, under stable's by `margin`? | `difference_log_e` | `difference_compliance_log_e` |
| is the canary slower, not slower than stable at its median or p99? | `quantile_log_e` | `quantile_compliance_log_e` |
| do pairs flip one way more than the other? | `flip_log_e` | |
| is the mean of paired differences over, under `limit`? | `mean_log_e` | `mean_compliance_log_e` |

`paired_verdict` puts a shadow's together. To draw: `exceedance_interval`, `quantile_interval`, `mean_interval`. To
plan: `sample_size`. How much longer: `calls_needed` and its kin.

Sources: Howard & Ramdas, Bernoulli 28(3) 2022; Lindon & Malek, NeurIPS 2022 (arXiv 2011.03567); Waudby-Smith & Ramdas,
JRSSB 86(1) 2024. Needs numpy alone.
What it means, for someone who has not met e-values: docs/sequential.md. How well it does: docs/simulations.md.

Known weakness: calls are taken as independent. A burst that hits one replica counts as many bad events.
"""

from gnomon.stats.sequential_difference import (
    Compared,
    difference_compliance_log_e,
    difference_log_e,
    quantile_compliance_log_e,
    quantile_log_e,
)
from gnomon.stats.sequential_labels import Segment, flip_log_e, label_compliance_log_e, label_log_e
from gnomon.stats.sequential_mean import mean_compliance_log_e, mean_interval, mean_log_e
from gnomon.stats.sequential_need import (
    DifferenceEvidence,
    Evidence,
    LabelEvidence,
    MeanEvidence,
    calls_needed,
    calls_until,
    difference_calls_needed,
    label_calls_needed,
    mean_calls_needed,
    sample_size,
)
from gnomon.stats.sequential_paired import PairedVerdict, paired_verdict
from gnomon.stats.sequential_quantile import quantile_interval
from gnomon.stats.sequential_share import compliance_log_e, exceedance_interval, exceedance_log_e

__all__ = [
    "Compared",
    "DifferenceEvidence",
    "Evidence",
    "LabelEvidence",
    "MeanEvidence",
    "PairedVerdict",
    "Segment",
    "calls_needed",
    "calls_until",
    "compliance_log_e",
    "difference_calls_needed",
    "difference_compliance_log_e",
    "difference_log_e",
    "exceedance_interval",
    "exceedance_log_e",
    "flip_log_e",
    "label_calls_needed",
    "label_compliance_log_e",
    "label_log_e",
    "mean_calls_needed",
    "mean_compliance_log_e",
    "mean_interval",
    "mean_log_e",
    "paired_verdict",
    "quantile_compliance_log_e",
    "quantile_interval",
    "quantile_log_e",
    "sample_size",
]
