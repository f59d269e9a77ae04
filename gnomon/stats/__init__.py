"""Statistics of served models: drift, latency, and evidence for rollouts. Pure numerics, fit for a notebook.

    from gnomon.stats import Profile, Sketch

    profile = Profile.fit(training_rows)  # an array, or a table of pandas, polars or pyarrow
    window = Sketch(profile)
    window.update(live_rows)
    window.psi(), window.ks()  # by feature
    verdicts = window.judge()

Names are imported when first used: a process that counts latencies must not pay for a compiler it does not need.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnomon.stats.alarms import Bar, Budget, State, Tolerance, by, e_bh, next_state
    from gnomon.stats.binner import Binner
    from gnomon.stats.cold_start import ColdStart
    from gnomon.stats.design import design_effect, kish
    from gnomon.stats.drift import KsResult, MonitorVerdict, PsiResult, judge, ks, missing, psi
    from gnomon.stats.latency import Histogram
    from gnomon.stats.looks import Finding, Rule, look, thresholds
    from gnomon.stats.monitor import Monitor
    from gnomon.stats.nominal import ChiSquareResult, OutsideResult, ShareResult
    from gnomon.stats.polya import polya_log_e
    from gnomon.stats.profile import Profile
    from gnomon.stats.samples import NotEnoughSamples
    from gnomon.stats.sketch import Sketch
    from gnomon.stats.windows import Level, Windows

_HOMES = {
    "Bar": "alarms",
    "Binner": "binner",
    "Budget": "alarms",
    "ChiSquareResult": "nominal",
    "ColdStart": "cold_start",
    "Finding": "looks",
    "Histogram": "latency",
    "KsResult": "drift",
    "Level": "windows",
    "Monitor": "monitor",
    "MonitorVerdict": "drift",
    "NotEnoughSamples": "samples",
    "OutsideResult": "nominal",
    "Profile": "profile",
    "PsiResult": "drift",
    "Rule": "looks",
    "ShareResult": "nominal",
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
    "ChiSquareResult",
    "ColdStart",
    "Finding",
    "Histogram",
    "KsResult",
    "Level",
    "Monitor",
    "MonitorVerdict",
    "NotEnoughSamples",
    "OutsideResult",
    "Profile",
    "PsiResult",
    "Rule",
    "ShareResult",
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
