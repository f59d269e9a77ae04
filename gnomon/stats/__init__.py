"""Statistics of served models: drift, latency, and evidence for rollouts. Pure numerics, fit for a notebook.

    from gnomon.stats import Profile, Sketch

    profile = Profile.fit(training_rows)
    sketch = Sketch(profile)
    sketch.update(live_rows)
    verdicts = judge(profile, sketch.counts)

Names are imported when first used: a process that counts latencies must not pay for a compiler it does not need.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnomon.stats.alarms import Bar, Budget, State, Tolerance, by, e_bh, next_state
    from gnomon.stats.binner import Binner
    from gnomon.stats.design import design_effect, kish
    from gnomon.stats.drift import KsResult, MonitorVerdict, PsiResult, judge, ks, missing, psi
    from gnomon.stats.latency import Histogram
    from gnomon.stats.looks import Finding, Rule, look, thresholds
    from gnomon.stats.polya import polya_log_e
    from gnomon.stats.profile import Monitor, Profile
    from gnomon.stats.samples import NotEnoughSamples
    from gnomon.stats.sketch import Sketch
    from gnomon.stats.windows import Level, Windows

_HOMES = {
    "Bar": "alarms",
    "Binner": "binner",
    "Budget": "alarms",
    "Finding": "looks",
    "Histogram": "latency",
    "KsResult": "drift",
    "Level": "windows",
    "Monitor": "profile",
    "MonitorVerdict": "drift",
    "NotEnoughSamples": "samples",
    "Profile": "profile",
    "PsiResult": "drift",
    "Rule": "looks",
    "Sketch": "sketch",
    "State": "alarms",
    "Tolerance": "alarms",
    "Windows": "windows",
    "by": "alarms",
    "design_effect": "design",
    "e_bh": "alarms",
    "judge": "drift",
    "kish": "design",
    "ks": "drift",
    "look": "looks",
    "missing": "drift",
    "next_state": "alarms",
    "polya_log_e": "polya",
    "psi": "drift",
    "thresholds": "looks",
}

__all__ = [
    "Bar",
    "Binner",
    "Budget",
    "Finding",
    "Histogram",
    "KsResult",
    "Level",
    "Monitor",
    "MonitorVerdict",
    "NotEnoughSamples",
    "Profile",
    "PsiResult",
    "Rule",
    "Sketch",
    "State",
    "Tolerance",
    "Windows",
    "by",
    "design_effect",
    "e_bh",
    "judge",
    "kish",
    "ks",
    "look",
    "missing",
    "next_state",
    "polya_log_e",
    "psi",
    "thresholds",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
